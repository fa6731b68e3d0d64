"""The one table of interactions: each row has one handler, and every document, route and refusal follows its cells."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, ClassVar

import pytest
import yaml

from access_auditor.app import AuditEndpoint
from bundle_processor.app import BundleEndpoint
from careconnect.endpoint.interaction_endpoint import InteractionEndpoint, Requested
from careconnect.endpoint.pipeline import RequestContext
from careconnect.endpoint.read_parameters import read_one_parameters
from careconnect.fhir.interactions import (
    BATCH,
    CANCEL,
    CONDITIONAL_CREATE,
    CONDITIONAL_DELETE,
    CREATE,
    DELETE,
    EVERYTHING,
    HISTORY,
    INTERACTIONS,
    PATCH,
    READ,
    TRANSACTION,
    VREAD,
    Agent,
    Condition,
    Interaction,
    Shape,
    interactions_of,
)
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.request import parse_path
from careconnect.fhir.resource_types import Table, served_type
from careconnect.http.base_url import FHIR_PATH, BaseUrl
from careconnect.http.messages import Response, parse_request
from careconnect.oauth.scopes import READING, WRITING, Letter
from careconnect.storage.quota import Quota
from careconnect_admin.documents.api_paths import API, with_paths
from careconnect_admin.documents.capability_statement import capability_statement
from careconnect_admin.documents.openapi.document import openapi_document
from careconnect_testing.parts.usage_counters import no_limit
from fhir_reader.app import FhirEndpoint
from record_writer.app import WriterEndpoint
from scope_authorizer.policy_for import Direction, gateway_of, policy_for

BASE = BaseUrl("https://api.example")
HANDLED = {
    Agent.READER: set(FhirEndpoint.handlers),
    Agent.WRITER: set(WriterEndpoint.handlers),
    Agent.BUNDLES: set(BundleEndpoint.handlers) | {TRANSACTION},
}
"""The rows that each agent answers. A transaction begins as a batch, until its body is read."""


def test_each_row_has_a_handler_and_each_handler_a_row() -> None:
    assert {agent: {each for each in INTERACTIONS if each.agent is agent} for agent in HANDLED} == HANDLED


def test_the_reader_of_the_audit_trail_answers_every_read_that_its_type_has() -> None:
    audited = served_type("AuditEvent")
    assert audited is not None
    in_a_record = (Shape.RECORD, Shape.RECORD_SEARCH)

    assert set(AuditEndpoint.handlers) == {each for each in interactions_of(audited) if each.shape not in in_a_record}


@pytest.mark.parametrize("row", INTERACTIONS, ids=lambda row: f"{row.name} {row.shape}")
def test_the_authorizer_of_a_rows_direction_lets_through_whoever_has_its_letters(row: Interaction) -> None:
    writing = row.agent in (Agent.WRITER, Agent.BUNDLES)
    direction, letters_of = (Direction.WRITE, WRITING) if writing else (Direction.READ, READING)
    gateway = gateway_of("arn:aws:execute-api:eu-west-2:1:api/live/GET/x")
    for choice in row.letters.split("|"):
        assert letters_of & set(map(Letter, choice)) or row is CANCEL
        letters = "".join(sorted(choice, key="cruds".index))
        (statement,) = policy_for(f"system/Patient.{letters}" if letters else "profile", direction, gateway)[
            "Statement"
        ]
        path = row.shape.format(
            type="Patient", owner="Patient", id="4", version="1", operation=row.operation, job="j", file="f"
        )
        requested = f"{gateway.stage_pattern}/{row.methods[0]}{FHIR_PATH}/{path}".removesuffix("/")
        assert any(fnmatchcase(requested, each) for each in statement["Resource"])


# ---------------------------------------------------------------- each cell, changed


class _Everyone(InteractionEndpoint):
    """An endpoint that answers every row, after the parameters of a read."""

    __slots__ = ()
    table = Table.RECORD

    @property
    def client_quota(self) -> Quota:
        return no_limit()

    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        return keys

    def _answer(self, requested: Requested) -> Response:
        if requested.interaction.agent is Agent.READER:
            read_one_parameters(requested)
        return Response(200)

    handlers: ClassVar = dict.fromkeys(INTERACTIONS, _answer)


def seen(method: str, path: str, scope: str = "user/*.cruds", **headers: str) -> dict[str, Any]:
    """Return what a request shows of its row: the answer, the log's action and the audit trail's facts."""
    url, _, query = path.partition("?")
    event = {
        "httpMethod": method,
        "path": f"{FHIR_PATH}/{url}",
        "headers": {name.replace("_", "-"): value for name, value in headers.items()} | {"Prefer": "handling=strict"},
        "multiValueQueryStringParameters": {name: [value] for name, _, value in [query.partition("=")] if name},
        "requestContext": {"authorizer": {"client_id": "c", "scope": scope, "expires_at": "9" * 11}},
    }
    context = RequestContext(parse_request(event), BASE, 0.0)
    told: dict[str, Any] = {"status": 200}
    try:
        _Everyone().answer(context)
    except OutcomeError as refused:
        told = {"status": refused.status, "allow": refused.headers.get("Allow", ""), "text": refused.text}
    facts = context.recorder.facts
    return told | {"action": context.action, "audit": (facts.interaction, facts.action)}


def routes() -> dict[str, dict[str, str]]:
    """Return the integrations of the gateway's paths of Patient, by path and method, as far as the first letters."""
    paths = yaml.safe_load(with_paths(API.read_text(encoding="utf-8")))["paths"]
    return {
        path.removeprefix(FHIR_PATH): {verb: str(each) for verb, each in methods.items()}
        for path, methods in paths.items()
        if path == FHIR_PATH or path.startswith(f"{FHIR_PATH}/Patient")
    }


def stated() -> dict[str, Any]:
    """Return what the CapabilityStatement says of the whole and of Patient."""
    (rest,) = capability_statement(BASE)["rest"]
    (patient,) = (each for each in rest["resource"] if each["type"] == "Patient")
    return {
        "whole": rest["interaction"],
        "operations": [each["name"] for each in rest["operation"]],
        **{name: value for name, value in patient.items() if name != "searchParam"},
    }


def described(path: str, verb: str) -> dict[str, Any]:
    """Return an operation of the OpenAPI document; empty if it has none."""
    found: dict[str, Any] = openapi_document(BASE)["paths"].get(f"{FHIR_PATH}/{path}", {}).get(verb, {})
    return found


@contextmanager
def changed(row: Interaction, **cells: Any) -> Iterator[None]:
    """Change cells of a row, as an edit of the table would."""
    before = {name: getattr(row, name) for name in cells}
    try:
        for name, value in cells.items():
            object.__setattr__(row, name, value)
        yield
    finally:
        for name, value in before.items():
            object.__setattr__(row, name, value)


def test_a_rows_name_is_in_log_lines_and_in_openapi() -> None:
    with changed(READ, name="fetch"):
        assert seen("GET", "Patient/4")["action"] == "Patient.fetch"
        assert described("Patient/{id}", "get")["operationId"] == "fetchPatient"


def test_a_rows_methods_are_its_allow_header_and_its_routes() -> None:
    with changed(PATCH, methods=("PUT",)):
        refused = seen("PATCH", "Patient/4")
        assert (refused["status"], refused["allow"]) == (405, "GET, HEAD, PUT, DELETE")
        assert (refused["action"], refused["audit"]) == ("unknown", ("unknown", None))
        assert "DiscoveryFunction" in routes()["/Patient/{id}"]["patch"]
    assert "RecordWriterFunction" in routes()["/Patient/{id}"]["patch"]


def test_a_rows_shape_is_where_it_is_answered() -> None:
    with changed(CONDITIONAL_DELETE, shape=Shape.HISTORY):
        assert seen("DELETE", "Patient")["allow"] == "GET, HEAD, POST, PUT"
        assert parse_path(f"{FHIR_PATH}/Patient/4/_history").allowed == "GET, HEAD, DELETE"


def test_a_rows_letters_are_those_that_it_needs_and_openapi_names() -> None:
    with changed(VREAD, letters="rs"):
        refused = seen("GET", "Patient/4/_history/1", "user/Patient.r")
        assert (refused["status"], "user/Patient.s" in refused["text"]) == (403, True)
        assert {"clientCredentials": ["user/*.r", "user/*.s"]} in described("Patient/{id}/_history/{vid}", "get")[
            "security"
        ]
    with changed(DELETE, letters="c|d"):
        assert seen("DELETE", "Patient/4", "user/Patient.c")["status"] == 200
        assert seen("DELETE", "Patient/4", "user/Patient.u")["status"] == 403


def test_a_rows_code_and_action_are_the_audit_trails_and_the_statements() -> None:
    assert seen("GET", "Patient/4/_history")["audit"] == ("history-instance", "R")
    with changed(HISTORY, code="history-type", action="E"):
        assert seen("GET", "Patient/4/_history")["audit"] == ("history-type", "E")
        assert {"code": "history-type"} in stated()["interaction"]
        assert {"code": "history-instance"} not in stated()["interaction"]
    with changed(BATCH, code="search-system"):
        assert stated()["whole"] == [{"code": "search-system"}, {"code": "transaction"}]


def test_a_rows_parameters_are_those_that_it_takes_and_openapi_names() -> None:
    names = ("_format", "_count")
    with changed(READ, takes=names):
        assert seen("GET", "Patient/4?_count=7")["status"] == 200
        listed = described("Patient/{id}", "get")["parameters"]
        assert {each["$ref"].rpartition("/")[2] for each in listed if "$ref" in each} >= set(names)


def test_a_rows_agent_is_the_function_of_its_route_with_the_authorizer_of_its_direction() -> None:
    with changed(PATCH, agent=Agent.READER):
        route = routes()["/Patient/{id}"]["patch"]
        assert "PatientRecordFunction" in route
        assert "ReadAuthorizer" in route


def test_a_rows_types_are_all_that_have_it() -> None:
    with changed(DELETE, of=lambda type_: type_.name != "Patient"):
        assert seen("DELETE", "Patient/4")["allow"] == "GET, HEAD, PUT, PATCH"
        assert seen("DELETE", "Observation/4")["status"] == 200
    with changed(VREAD, of=lambda type_: type_.name != "Patient"):
        assert {"code": "vread"} not in stated()["interaction"]
        assert described("Patient/{id}/_history/{vid}", "get") == {}
        assert described("Observation/{id}/_history/{vid}", "get") != {}


def test_a_rows_operation_is_its_path_and_is_stated() -> None:
    with changed(EVERYTHING, operation="$all"):
        assert seen("GET", "Patient/4/$all")["status"] == 200
        assert seen("GET", "Patient/4/$everything")["status"] == 404
        assert stated()["operations"] == ["all", "validate", "export", "patient-export"]
        assert described("Patient/{id}/$all", "get") != {}


def test_a_rows_condition_is_what_makes_a_request_one_of_it() -> None:
    narrow = "user/Patient.c"
    assert seen("POST", "Patient", narrow, If_None_Exist="identifier=a|b")["status"] == 403
    with changed(CONDITIONAL_CREATE, condition=Condition.NONE):
        assert seen("POST", "Patient", narrow)["status"] == 403
    assert seen("POST", "Patient", narrow)["status"] == 200
    assert CREATE.condition is Condition.NONE
