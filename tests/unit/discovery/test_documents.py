"""Discovery (`oauth.md`, Discovery; RFC 8414; SMART App Launch 2.x, Conformance; STU3 CapabilityStatement)."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from fhir.resources.STU3.capabilitystatement import CapabilityStatement
from fhir.resources.STU3.operationoutcome import OperationOutcome

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import COMMON_PARAMETERS, RESOURCE_TYPES, REVERSE_INCLUDES, SERVED_TYPES
from careconnect.http.base_url import FHIR_PATH, BaseUrl
from careconnect.http.messages import Cors
from careconnect.oauth.client_record import ASSERTION_ALGORITHMS, AuthMethod
from careconnect.oauth.scopes import parse_scope
from careconnect.oauth.signing_keys import SigningKeyError
from careconnect_admin.documents.openapi.document import openapi_document
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import rest_event
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from service_discovery.app import DiscoveryEndpoint
from service_discovery.built_documents import BULK_DATA

BASE = "https://api.example.org"
JWKS = "/.well-known/jwks.json"
SERVER_METADATA = "/.well-known/oauth-authorization-server"
SMART = f"{FHIR_PATH}/.well-known/smart-configuration"
METADATA = f"{FHIR_PATH}/metadata"
OPENAPI = "/openapi.json"
READING = ["read", "vread", "history-instance", "search-type"]
WRITING = ["create", "update", "patch", "delete"]
LLMS = "/llms.txt"
JSON_DOCUMENTS = (JWKS, SERVER_METADATA, SMART, METADATA, OPENAPI)
DOCUMENTS = (*JSON_DOCUMENTS, LLMS)


class FakeKeys:
    def __init__(self) -> None:
        self.fault: Exception | None = None

    def jwks(self) -> Mapping[str, Any]:
        if self.fault is not None:
            raise self.fault
        return {"keys": [{"kty": "RSA", "kid": "a"}]}


class Discovery:
    """The discovery function over fake keys."""

    def __init__(self, base: str = BASE, *, has_exports: bool = True) -> None:
        self.keys = FakeKeys()
        self.observer = RecordingObserver()
        self.app = RequestPipeline(
            DiscoveryEndpoint(self.keys, has_exports=has_exports),
            base,
            "eu-west-2",
            Cors(("*",)),
            self.observer,
            Clock(),
        )

    def send(self, method: str, path: str, **request: Any) -> Answer:
        return Answer.of(self.app(rest_event(method, path, **request)))


@pytest.fixture
def discovery() -> Discovery:
    return Discovery()


def test_rfc_8414_3_2_every_member_is_what_the_server_does(discovery: Discovery) -> None:
    answer = discovery.send("GET", SERVER_METADATA)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    metadata = answer.json
    assert metadata["issuer"] == BASE
    assert metadata["token_endpoint"] == f"{BASE}/token"
    assert metadata["introspection_endpoint"] == f"{BASE}/introspect"
    assert metadata["revocation_endpoint"] == f"{BASE}/revoke"
    assert metadata["jwks_uri"] == f"{BASE}/.well-known/jwks.json"
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert metadata["response_types_supported"] == []
    assert "authorization_endpoint" not in metadata
    for endpoint in ("token", "introspection", "revocation"):
        assert metadata[f"{endpoint}_endpoint_auth_methods_supported"] == [method.value for method in AuthMethod]
        assert metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"] == list(ASSERTION_ALGORITHMS)


@pytest.mark.parametrize("path", [SERVER_METADATA, SMART])
def test_rfc_9449_5_1_the_algorithms_of_proofs(discovery: Discovery, path: str) -> None:
    assert discovery.send("GET", path).json["dpop_signing_alg_values_supported"] == ["ES256", "PS256", "EdDSA"]


@pytest.mark.parametrize("path", [SERVER_METADATA, SMART])
def test_rfc_8705_tokens_bound_to_certificates_are_not_offered(discovery: Discovery, path: str) -> None:
    text = discovery.send("GET", path).text

    assert not any(word in text for word in ("tls_client", "x5t#S256", "mtls_endpoint_aliases"))


def test_every_advertised_scope_is_one_that_can_be_granted(discovery: Discovery) -> None:
    scopes = discovery.send("GET", SERVER_METADATA).json["scopes_supported"]

    assert "profile" in scopes
    assert len(scopes) == len(set(scopes))
    for scope in scopes:
        parse_scope(scope)


def test_smart_conformance_the_configuration_claims_no_user_and_no_launch(discovery: Discovery) -> None:
    smart, metadata = discovery.send("GET", SMART).json, discovery.send("GET", SERVER_METADATA).json

    assert set(smart["capabilities"]) == {
        "client-confidential-symmetric",
        "client-confidential-asymmetric",
        "permission-patient",
        "permission-user",
        "permission-v1",
        "permission-v2",
    }
    assert smart["code_challenge_methods_supported"] == []
    for member in ("issuer", "token_endpoint", "jwks_uri", "scopes_supported", "grant_types_supported"):
        assert smart[member] == metadata[member]


def test_without_a_configured_base_the_urls_are_the_gateways_own_whatever_the_host_header_says() -> None:
    answer = Discovery(base="").send("GET", SERVER_METADATA, headers={"Host": "evil.example"})

    assert answer.json["issuer"] == "https://abc123def4.execute-api.eu-west-2.amazonaws.com/live"
    assert "evil" not in answer.text


def test_jwks_may_be_stored_for_a_stated_time(discovery: Discovery) -> None:
    answer = discovery.send("GET", JWKS)

    assert answer.json == {"keys": [{"kty": "RSA", "kid": "a"}]}
    assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_jwks_without_kms_is_503_with_retry_after_and_no_detail(discovery: Discovery) -> None:
    discovery.keys.fault = SigningKeyError("AccessDeniedException")

    answer = discovery.send("GET", JWKS)

    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert "AccessDenied" not in answer.text
    assert discovery.observer.lines[-1]["reason"] == "AccessDeniedException"


def test_an_unexpected_error_is_500_with_a_fixed_text(discovery: Discovery) -> None:
    discovery.keys.fault = RuntimeError("internals")

    answer = discovery.send("GET", JWKS)

    assert answer.status == 500
    assert "internals" not in answer.text
    assert [type(error) for error in discovery.observer.failures] == [RuntimeError]


@pytest.mark.parametrize("event", [{}, {"headers": ["no mapping"]}])
def test_an_event_that_is_no_request_does_not_raise(discovery: Discovery, event: dict[str, Any]) -> None:
    response = discovery.app(event)

    assert response["statusCode"] in (404, 500)
    OperationOutcome.model_validate_json(response["body"])


def test_a_body_is_not_looked_at(discovery: Discovery) -> None:
    event = rest_event("GET", METADATA, body="%") | {"isBase64Encoded": True}

    assert discovery.app(event)["statusCode"] == 200


def test_metadata_is_a_valid_stu3_capability_statement_in_both_formats(discovery: Discovery) -> None:
    as_json = discovery.send("GET", METADATA)
    as_xml = discovery.send("GET", METADATA, headers={"Accept": "application/fhir+xml"})

    assert as_json.headers["Content-Type"].startswith("application/fhir+json")
    assert as_xml.headers["Content-Type"].startswith("application/fhir+xml")
    from_json = CapabilityStatement.model_validate_json(as_json.text)
    from_xml = CapabilityStatement.model_validate_xml(as_xml.text.encode())
    assert from_json.model_dump_json() == from_xml.model_dump_json()


def test_metadata_lists_exactly_what_the_table_holds(discovery: Discovery) -> None:
    (rest,) = discovery.send("GET", METADATA).json["rest"]

    assert [resource["type"] for resource in rest["resource"]] == [each.name for each in SERVED_TYPES]
    for resource, each in zip(rest["resource"], RESOURCE_TYPES, strict=False):
        assert [one["code"] for one in resource["interaction"]] == [*READING, *WRITING]
        assert {(one["name"], one["type"]) for one in resource["searchParam"]} == {
            (one.name, one.type.value) for one in (*COMMON_PARAMETERS, *each.searchable)
        }
        assert all(one["documentation"] for one in resource["searchParam"])
        assert resource.get("searchInclude", []) == [*each.includes, *([f"{each.name}:*"] if each.includes else [])]
        sources = REVERSE_INCLUDES.get(each.name, ())
        assert resource.get("searchRevInclude", []) == [
            *(f"{name}:{parameter}" for name, parameter in sources),
            *dict.fromkeys(f"{name}:*" for name, _ in sources),
        ]
    operations = {one["name"]: one["definition"]["reference"] for one in rest["operation"]}
    assert operations == {
        "everything": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
        "validate": "http://hl7.org/fhir/OperationDefinition/Resource-validate",
        "export": f"{BULK_DATA}/OperationDefinition/export",
        "patient-export": f"{BULK_DATA}/OperationDefinition/patient-export",
    }
    below = ", ".join(each.name for each in RESOURCE_TYPES if each.patient_parameter)
    assert f"Below Patient/[id] its own record is searched, as Patient/[id]/[type]: {below}." in rest["documentation"]


def test_metadata_offers_the_audit_trail_for_reading_and_searching_alone(discovery: Discovery) -> None:
    (rest,) = discovery.send("GET", METADATA).json["rest"]
    (record,) = [resource for resource in rest["resource"] if resource["type"] == "AuditEvent"]

    assert [one["code"] for one in record["interaction"]] == ["read", "search-type"]
    assert (record["versioning"], record["readHistory"], record["updateCreate"]) == ("versioned", False, False)
    assert "no `*`" in record["documentation"]
    assert {one["name"]: one["type"] for one in record["searchParam"]} == {
        "_id": "token",
        "patient": "reference",
        "date": "date",
        "user": "token",
        "action": "token",
        "entity": "reference",
        "outcome": "token",
    }
    assert all("chain" not in one["documentation"].lower() for one in record["searchParam"])
    assert not {"searchInclude", "searchRevInclude", "referencePolicy"} & record.keys()


def test_metadata_says_how_a_type_is_written_and_that_one_without_identifiers_takes_no_condition(
    discovery: Discovery,
) -> None:
    statement = discovery.send("GET", METADATA).json
    (rest,) = statement["rest"]

    assert statement["patchFormat"] == ["application/json-patch+json"]
    assert "A condition is one identifier=system|value;" in rest["documentation"]
    for resource, each in zip(rest["resource"], RESOURCE_TYPES, strict=False):
        has_identifier = each.parameter("identifier") is not None
        assert (resource["versioning"], resource["readHistory"]) == ("versioned", True)
        assert (resource["updateCreate"], resource["conditionalRead"]) == (True, "full-support")
        assert resource["conditionalCreate"] is resource["conditionalUpdate"] is has_identifier
        assert resource["conditionalDelete"] == ("single" if has_identifier else "not-supported")
        assert resource["referencePolicy"] == ["literal", "logical", "enforced"]
    assert {each.name for each in RESOURCE_TYPES if each.condition is None} == {"Medication"}


def test_metadata_names_the_oauth_endpoints_for_smart_clients(discovery: Discovery) -> None:
    security = discovery.send("GET", METADATA).json["rest"][0]["security"]

    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    (extension,) = security["extension"]
    assert {one["url"]: one["valueUri"] for one in extension["extension"]} == {
        "token": f"{BASE}/token",
        "introspect": f"{BASE}/introspect",
        "revoke": f"{BASE}/revoke",
    }


@pytest.mark.parametrize(
    ("request_", "content_type"),
    [
        ({}, "application/fhir+json"),
        ({"query": [("_format", "xml")]}, "application/fhir+xml"),
        ({"query": [("_format", "json")], "headers": {"Accept": "text/xml"}}, "application/fhir+json"),
        ({"headers": {"accept": "application/xml+fhir"}}, "application/fhir+xml"),
    ],
)
def test_metadata_comes_in_the_asked_format(discovery: Discovery, request_: Any, content_type: str) -> None:
    answer = discovery.send("GET", METADATA, **request_)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == f"{content_type}; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"


@pytest.mark.parametrize("path", JSON_DOCUMENTS)
def test_every_document_is_indented_on_request(discovery: Discovery, path: str) -> None:
    plain, pretty = discovery.send("GET", path), discovery.send("GET", path, query=[("_pretty", "true")])

    assert (plain.status, pretty.status) == (200, 200)
    assert pretty.json == plain.json
    assert "\n" not in plain.text
    assert pretty.text == json.dumps(plain.json, indent=2)
    assert pretty.headers == plain.headers
    # In either order, since texts are kept.
    assert discovery.send("GET", path, query=[("_pretty", "false")]).text == plain.text


def test_metadata_is_indented_in_xml_too(discovery: Discovery) -> None:
    plain, pretty = (
        discovery.send("GET", METADATA, query=[("_format", "xml"), ("_pretty", pretty)]) for pretty in ("false", "true")
    )

    assert "\n" not in plain.text
    assert '\n  <fhirVersion value="3.0.1"/>\n' in pretty.text
    assert CapabilityStatement.model_validate_xml(pretty.text.encode()) == CapabilityStatement.model_validate_xml(
        plain.text.encode()
    )


def test_metadata_in_no_known_format_is_406(discovery: Discovery) -> None:
    assert discovery.send("GET", METADATA, headers={"Accept": "text/turtle"}).status == 406


def test_the_openapi_document_is_served_with_the_services_own_urls(discovery: Discovery) -> None:
    answer = discovery.send("GET", OPENAPI)

    assert answer.json == openapi_document(BaseUrl(BASE))
    assert answer.json["servers"] == [{"url": BASE}]
    assert "{base}" not in answer.text


def test_llms_txt_names_the_services_own_addresses(discovery: Discovery) -> None:
    answer = discovery.send("GET", LLMS)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    title, _, summary, *_ = answer.text.splitlines()
    assert title.startswith("# ")
    assert summary.startswith("> ")
    links = re.findall(r"^- \[[^]]+\]\((\S+)\): \S", answer.text, re.MULTILINE)
    expected = ("/token", FHIR_PATH, OPENAPI, METADATA, "/docs", SERVER_METADATA, SMART, JWKS)
    assert links == [BASE + path for path in expected]
    assert all(served.name in answer.text for served in SERVED_TYPES)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_head_has_the_headers_of_get_and_no_body(discovery: Discovery, path: str) -> None:
    got, head = discovery.send("GET", path), discovery.send("HEAD", path)

    assert (head.status, head.text) == (200, "")
    assert head.headers == {**got.headers, "Content-Length": str(len(got.text.encode()))}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", DOCUMENTS)
def test_rfc_9110_15_5_6_other_methods_on_a_document_are_405(discovery: Discovery, path: str, method: str) -> None:
    answer = discovery.send(method, path)

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    OperationOutcome.model_validate_json(answer.text)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        # The paths of a type that is only read.
        *((method, "AuditEvent/4", "GET, HEAD, OPTIONS") for method in ("PUT", "PATCH", "DELETE")),
        *((method, "AuditEvent/_search", "POST, OPTIONS") for method in ("PUT", "PATCH", "DELETE")),
    ],
)
def test_what_a_path_does_not_take_is_405_in_the_asked_format(
    discovery: Discovery, method: str, path: str, allowed: str
) -> None:
    as_json = discovery.send(method, f"{FHIR_PATH}/{path}")
    as_xml = discovery.send(method, f"{FHIR_PATH}/{path}", headers={"Accept": "application/fhir+xml"})

    assert (as_json.status, as_json.headers["Allow"]) == (405, allowed)
    outcome = OperationOutcome.model_validate_json(as_json.text)
    assert outcome.issue[0].code == "not-supported"
    assert OperationOutcome.model_validate_xml(as_xml.text.encode()).issue[0].code == "not-supported"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, "AuditEvent") for method in ("POST", "PUT", "PATCH", "DELETE")),
        *((method, "AuditEvent/4") for method in ("PUT", "PATCH", "DELETE")),
    ],
)
def test_write_md_a_type_that_is_not_writable_is_405(discovery: Discovery, method: str, path: str) -> None:
    answer = discovery.send(method, f"{FHIR_PATH}/{path}")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_path_that_there_is_not_is_404_with_its_cause_for_any_method(discovery: Discovery, method: str) -> None:
    answer = discovery.send(method, f"{FHIR_PATH}/Appointment/1")

    assert answer.status == 404
    if method != "HEAD":
        assert answer.json["issue"][0]["diagnostics"].startswith("This type of FHIR STU3 is not served.")


@pytest.mark.parametrize("path", DOCUMENTS)
@pytest.mark.parametrize("before", ["/zz", f"{FHIR_PATH}/zz", f"{FHIR_PATH}/Patient/4", "/live", "/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_path_that_only_ends_like_a_documents_is_not_offered(
    discovery: Discovery, path: str, before: str, method: str
) -> None:
    answer = discovery.send(method, before + path)

    assert answer.status == 404
    assert discovery.observer.lines[-1]["action"] == "refused method"


@pytest.mark.parametrize(("method", "path"), [("GET", "%43ondition/4"), ("POST", "Patien%74"), ("GET", "Goal%2F4")])
def test_another_spelling_of_a_path_is_404(discovery: Discovery, method: str, path: str) -> None:
    assert discovery.send(method, f"{FHIR_PATH}/{path}").status == 404


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["$export", "$export/j", "$export/j/f", "Patient/$export"])
def test_export_md_without_bulk_export_its_paths_are_404(method: str, path: str) -> None:
    answer = Discovery(has_exports=False).send(method, f"{FHIR_PATH}/{path}")

    assert answer.status == 404
    (issue,) = answer.json["issue"]
    assert (issue["code"], issue["diagnostics"][:31]) == ("not-supported", "Bulk export is not offered here")


def test_export_md_with_bulk_export_a_method_that_its_paths_do_not_take_is_405(discovery: Discovery) -> None:
    refused = [("HEAD", "$export"), ("PUT", "$export"), ("DELETE", "Patient/$export"), ("POST", "$export/j")]
    answers = [discovery.send(method, f"{FHIR_PATH}/{path}") for method, path in refused]

    assert {each.status for each in answers} == {405}
    kick_off, job = "GET, POST, OPTIONS", "GET, HEAD, DELETE, OPTIONS"
    assert [each.headers["Allow"] for each in answers] == [kick_off, kick_off, kick_off, job]


def test_export_md_without_bulk_export_no_document_offers_it(discovery: Discovery) -> None:
    without = Discovery(has_exports=False)
    for path in (METADATA, "/openapi.json"):
        assert "export" in discovery.send("GET", path).text
        left = without.send("GET", path).json
        assert "$export" not in json.dumps(left.get("paths", {}))
        assert BULK_DATA not in json.dumps(left)
    assert [each["name"] for each in without.send("GET", METADATA).json["rest"][0]["operation"]] == [
        *("everything", "validate")
    ]


@pytest.mark.parametrize("path", [FHIR_PATH, f"{FHIR_PATH}/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_the_fhir_base_itself_offers_nothing_but_bundles(discovery: Discovery, path: str, method: str) -> None:
    answer = discovery.send(method, path)

    assert (answer.status, answer.headers["Allow"]) == (405, "OPTIONS, POST")
    if method != "HEAD":
        assert OperationOutcome.model_validate_json(answer.text).issue[0].code == "not-supported"


@pytest.mark.parametrize("path", [*DOCUMENTS, FHIR_PATH, f"{FHIR_PATH}/Patient/4"])
def test_a_preflight_is_answered_everywhere(discovery: Discovery, path: str) -> None:
    answer = discovery.send("OPTIONS", path, headers={"Origin": "https://app.example"})

    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_the_log_names_the_document_and_never_the_path(discovery: Discovery) -> None:
    discovery.send("DELETE", f"{FHIR_PATH}/Patient/9000000009")

    assert "9000000009" not in json.dumps(discovery.observer.lines)
    assert discovery.observer.lines[-1]["action"] == "refused method"
