"""The test scripts of requests, in Postman's JavaScript: lists of lines."""

import json
from typing import Final

GATEWAY: Final = "gatewayResponses"
"""The environment's variable that says whether API Gateway's own answers are those of the template."""


def test(title: str, *statements: str) -> list[str]:
    """Return a test of that title, which holds if the statements do."""
    return [f"pm.test({json.dumps(title)}, () => {{", *(f"  {statement}" for statement in statements), "});"]


def stop_without(variable: str, advice: str) -> list[str]:
    """Fail with the advice, and send neither this request nor those after it, if a variable is not set."""
    return [
        f"if (!pm.variables.get({json.dumps(variable)})) {{",
        *(f"  {line}" for line in test(advice, f"pm.expect.fail({json.dumps(variable + ' is not set')});")),
        "  pm.execution.setNextRequest(null);",
        "  pm.execution.skipRequest();",
        "}",
    ]


def status(status: int) -> list[str]:
    """Expect a status."""
    return test(f"answers {status}", f"pm.response.to.have.status({status});")


def refused() -> list[str]:
    """Expect an error of whatever status: `sam local` has one of its own where the gateway would answer."""
    return test("is refused", "pm.expect(pm.response.code).to.be.at.least(400);")


def media_type(media_type: str) -> list[str]:
    """Expect a media type."""
    return test(
        f"is {media_type}", f"pm.expect(pm.response.headers.get('Content-Type')).to.include({json.dumps(media_type)});"
    )


def header(name: str, text: str) -> list[str]:
    """Expect a header to hold `text`."""
    return test(
        f"{name} says {text}", f"pm.expect(pm.response.headers.get({json.dumps(name)})).to.include({json.dumps(text)});"
    )


def outcome(code: str) -> list[str]:
    """Expect an OperationOutcome whose first issue has that code."""
    return test(
        f"is an OperationOutcome: {code}",
        "const outcome = pm.response.json();",
        "pm.expect(outcome.resourceType).to.equal('OperationOutcome');",
        f"pm.expect(outcome.issue[0].code).to.equal({json.dumps(code)});",
    )


def is_bundle() -> list[str]:
    """Expect a searchset."""
    return test(
        "is a searchset",
        "const bundle = pm.response.json();",
        "pm.expect(bundle.resourceType).to.equal('Bundle');",
        "pm.expect(bundle.type).to.equal('searchset');",
    )


def has_matches(type_name: str) -> list[str]:
    """Expect matches, all of one type."""
    return test(
        "has matches of the type",
        "const entries = pm.response.json().entry.filter(entry => entry.search.mode === 'match');",
        "pm.expect(entries).to.be.an('array').and.not.empty;",
        f"entries.forEach(entry => pm.expect(entry.resource.resourceType).to.equal({json.dumps(type_name)}));",
    )


def by_gateway(*tests: str) -> list[str]:
    """Test what API Gateway answers itself, unless the environment says that its responses are not there."""
    return [f"if (pm.environment.get('{GATEWAY}') !== 'no') {{", *(f"  {line}" for line in tests), "}"]
