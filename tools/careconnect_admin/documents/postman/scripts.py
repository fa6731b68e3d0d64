"""The test scripts of requests, as lines of Postman's JavaScript."""

import json
from collections.abc import Iterable
from typing import Final

GATEWAY: Final = "gatewayResponses"
"""The variable of the environment that is `no` where the template's gateway responses are not deployed."""


def test(title: str, *statements: str) -> list[str]:
    """Return a test with a title that passes if none of the statements fails."""
    return [f"pm.test({json.dumps(title)}, () => {{", *(f"  {statement}" for statement in statements), "});"]


def stop_without(variable: str, advice: str) -> list[str]:
    """Return a script that fails with the advice and ends the run if a variable is not set."""
    return [
        f"if (!pm.variables.get({json.dumps(variable)})) {{",
        *(f"  {line}" for line in test(advice, f"pm.expect.fail({json.dumps(variable + ' is not set')});")),
        "  pm.execution.setNextRequest(null);",
        "  pm.execution.skipRequest();",
        "}",
    ]


def stop_unless(condition: str, advice: str, found: str, tests: Iterable[str]) -> list[str]:
    """Return a script that runs the tests if a condition holds, else fails with the advice and ends the run.

    `condition` and `found`, a text for the failure, are JavaScript.
    """
    return [
        f"if ({condition}) {{",
        *(f"  {line}" for line in tests),
        "} else {",
        *(f"  {line}" for line in test(advice, f"pm.expect.fail({found});")),
        "  pm.execution.setNextRequest(null);",
        "}",
    ]


def status(status: int) -> list[str]:
    """Return a test of the status."""
    return test(f"answers {status}", f"pm.response.to.have.status({status});")


def refused() -> list[str]:
    """Return a test of any error status: `sam local` differs from the gateway in its own errors."""
    return test("is refused", "pm.expect(pm.response.code).to.be.at.least(400);")


def media_type(media_type: str) -> list[str]:
    """Return a test of the media type."""
    return test(
        f"is {media_type}", f"pm.expect(pm.response.headers.get('Content-Type')).to.include({json.dumps(media_type)});"
    )


def header(name: str, text: str) -> list[str]:
    """Return a test of a header that should contain `text`."""
    return test(
        f"{name} says {text}", f"pm.expect(pm.response.headers.get({json.dumps(name)})).to.include({json.dumps(text)});"
    )


def outcome(code: str) -> list[str]:
    """Return a test of an OperationOutcome and the code of its first issue."""
    return test(
        f"is an OperationOutcome: {code}",
        "const outcome = pm.response.json();",
        "pm.expect(outcome.resourceType).to.equal('OperationOutcome');",
        f"pm.expect(outcome.issue[0].code).to.equal({json.dumps(code)});",
    )


def is_bundle() -> list[str]:
    """Return a test of a searchset."""
    return test(
        "is a searchset",
        "const bundle = pm.response.json();",
        "pm.expect(bundle.resourceType).to.equal('Bundle');",
        "pm.expect(bundle.type).to.equal('searchset');",
    )


def has_matches(type_name: str) -> list[str]:
    """Return a test of a searchset with matches, all of one type."""
    return test(
        "has matches of the type",
        "const entries = pm.response.json().entry.filter(entry => entry.search.mode === 'match');",
        "pm.expect(entries).to.be.an('array').and.not.empty;",
        f"entries.forEach(entry => pm.expect(entry.resource.resourceType).to.equal({json.dumps(type_name)}));",
    )


def by_gateway(*tests: str) -> list[str]:
    """Return tests of API Gateway's own responses, skipped where the environment lacks those."""
    return [f"if (pm.environment.get('{GATEWAY}') !== 'no') {{", *(f"  {line}" for line in tests), "}"]
