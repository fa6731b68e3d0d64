"""The events in `events/` equal those that the template's API would send, and each function answers its own."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect_admin.clients.demo import PATIENT_ACCESS
from careconnect_testing.http.events import FUNCTIONS, Event, event, event_names, function_of
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.issuer import Issuer, built_issuer
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.whole_template import whole_template
from service_console.app import ConsoleEndpoint
from service_console.built_site import BuiltSite
from service_discovery.app import DiscoveryEndpoint

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = whole_template()
PATHS: Mapping[str, Any] = {
    # Those of bulk exports are there if the stack has them.
    path: methods["Fn::If"][1] if "Fn::If" in methods else methods
    for path, methods in TEMPLATE["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"].items()
}


def test_every_function_has_an_event() -> None:
    assert {function_of(name) for name in event_names()} == set(FUNCTIONS.values())


@each_of(
    "name",
    [
        name
        for name in event_names()
        if not name.startswith(("authorizer", "archiver", "verifier", "recovery", "export-worker"))
    ],
)
def test_an_event_is_what_the_api_sends_to_its_function(name: str) -> None:
    sent = event(name)
    method = PATHS[sent["resource"]][sent["httpMethod"].lower()]
    pattern = re.escape(sent["resource"]).replace(re.escape("{proxy+}"), "(?P<proxy>.+)")
    for name_ in ("id", "job", "file"):
        pattern = pattern.replace(re.escape(f"{{{name_}}}"), f"(?P<{name_}>[^/]+)")
    matched = re.fullmatch(pattern, sent["path"])

    assert f"${{{function_of(name)}.Arn}}:live" in method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    assert ("security" in method) == ("authorizer" in sent["requestContext"])
    assert matched is not None
    assert (sent["pathParameters"] or {}) == matched.groupdict()
    context = sent["requestContext"]
    assert context["resourcePath"] == sent["resource"]
    assert context["path"] == f"/live{sent['path']}"
    assert context["httpMethod"] == sent["httpMethod"]
    assert {key: values[-1] for key, values in sent["multiValueHeaders"].items()} == sent["headers"]
    several = sent["multiValueQueryStringParameters"] or {}
    assert {key: values[-1] for key, values in several.items()} == (sent["queryStringParameters"] or {})


@pytest.mark.parametrize("name", event_names("ReadAuthorizerFunction"))
def test_the_authorizers_event_asks_about_a_path_of_the_api(name: str) -> None:
    sent = event(name)

    assert sent.keys() == {"type", "methodArn", "authorizationToken"}
    assert sent["type"] == "TOKEN"
    assert re.fullmatch(
        rf"arn:aws:execute-api:[a-z0-9-]+:\d{{12}}:\w+/live/GET{FHIR_PATH}/Patient/4", sent["methodArn"]
    )


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with built_issuer() as issuer:
        issuer.register(PATIENT_ACCESS.client_id, secret=PATIENT_ACCESS.secret)
        yield issuer


@pytest.mark.parametrize("name", event_names("TokenFunction"))
def test_the_issuer_answers_its_events(issuer: Issuer, name: str) -> None:
    answer = issuer.send(event(name))

    assert answer.status == 200, answer.text
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope"}


class NoKeys:
    """No key is published yet."""

    def jwks(self) -> Mapping[str, Any]:
        return {"keys": []}


@pytest.mark.parametrize("name", event_names("DiscoveryFunction"))
def test_discovery_answers_its_events(name: str) -> None:
    app = RequestPipeline(DiscoveryEndpoint(NoKeys()), "", "eu-west-2", Cors(("*",)), RecordingObserver(), Clock())
    sent: Event = event(name)

    answer = app(sent)

    assert answer["statusCode"] == 200
    assert isinstance(json.loads(answer["body"]), dict)


@pytest.mark.parametrize("name", event_names("ConsoleFunction"))
def test_the_console_answers_its_events(name: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>{{base}}</title>", encoding="utf-8")
    app = RequestPipeline(
        ConsoleEndpoint(BuiltSite(tmp_path), is_on=True), "", "eu-west-2", Cors(("*",)), RecordingObserver(), Clock()
    )

    answer = app(event(name))

    assert answer["statusCode"] == 200
    assert answer["body"] == "<title>https://abc123def4.execute-api.eu-west-2.amazonaws.com/live</title>"
