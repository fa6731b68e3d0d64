"""What a refusal says to do, if there is one thing to do: a table of requests (`fhir.md`, Statuses)."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast
from urllib.parse import parse_qsl

import pytest

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect.oauth.client_record import AuthMethod
from careconnect.storage.quota import Quota
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import fhir_event
from careconnect_testing.http.writes import JSON, XML, Resource, observation, patient
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.issuer import ASSERTION_TYPE, RSA_KEY, Issuer, built_issuer, public_jwk
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.record_writers import Writer, module_writer, writer
from careconnect_testing.parts.stores import BASE
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.running.bundle_service import Bundles, Entry, batch, entry, transaction
from careconnect_testing.running.cases import each_of
from service_discovery.app import DiscoveryEndpoint
from token_issuer.errors import ASSERTION_NOT_PROVEN

__all__ = ["module_writer", "writer"]

LISTED = "What is offered is listed by metadata, below the FHIR base."


@dataclass(frozen=True)
class Sent:
    """A request below the FHIR base; a body that is no text is sent as JSON."""

    method: str
    path: str
    body: Any = None
    type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Service:
    """The functions of the FHIR API in memory; each request goes to the one that the gateway routes it to."""

    writer: Writer

    def __post_init__(self) -> None:
        # It raises its errors without reading its keys.
        endpoint = DiscoveryEndpoint(cast("Any", None))
        self.discovery = RequestPipeline(endpoint, BASE, "eu-west-2", Cors(("*",)), RecordingObserver(), Clock())

    def answer(self, sent: Sent) -> Answer:
        path, _, query = sent.path.partition("?")
        name, _, below = path.partition("/")
        if not path:
            return Bundles(self.writer).send(sent.body, Content_Type=sent.type)
        if resource_type(name) is None:
            return Answer.of(self.discovery(fhir_event(sent.method, path)))
        if sent.method == "GET" or (sent.method == "POST" and below and not below.endswith("$validate")):
            return self.writer.reader.get(path, query, sent.method)
        pairs = parse_qsl(query, keep_blank_values=True)
        return self.writer.send(sent.method, path, sent.body, pairs, type_=sent.type, **sent.headers)


@pytest.fixture
def service(writer: Writer) -> Service:
    writer.made({**patient(), "id": "4"})
    return Service(writer)


def observed(**elements: Any) -> Resource:
    """Return an observation of the patient that is there."""
    return observation("Patient/4", **elements)


def xml(type_: str, inside: str) -> str:
    """Return a resource in XML."""
    return f'<{type_} xmlns="http://hl7.org/fhir">{inside}</{type_}>'


def of_type(type_: str) -> Resource:
    """Return an empty Bundle of a type."""
    return batch(type_=type_)


def said_by(answer: Answer) -> list[tuple[str, str]]:
    """Return the code and the text of each issue of an OperationOutcome."""
    assert answer.json["resourceType"] == "OperationOutcome", answer.text
    return [(each["code"], each["diagnostics"]) for each in answer.json["issue"]]


PATHS = [
    (
        Sent("POST", "Bundle", batch()),
        404,
        "not-supported",
        f"A Bundle is not stored as one: send it to the FHIR base, POST {FHIR_PATH}. {LISTED}",
    ),
    (
        Sent("POST", "Observation/a", observed()),
        405,
        "not-supported",
        "The method is not offered here: PUT changes it, POST /Observation creates one.",
    ),
    (
        Sent("POST", "Patient/4/Observation", observed()),
        405,
        "not-supported",
        "The method is not offered here: POST /Observation creates one.",
    ),
    (
        Sent("PATCH", "Observation", []),
        405,
        "not-supported",
        "The method is not offered here: give the id in the path: PATCH /Observation/{id}.",
    ),
    (
        Sent("GET", "Observation/_search"),
        405,
        "not-supported",
        "The method is not offered here: a search is GET /Observation, or POST /Observation/_search with a form.",
    ),
    (
        Sent("DELETE", "Observation/a/_history/1"),
        405,
        "not-supported",
        "The method is not offered here: the path takes GET, HEAD.",
    ),
]

SEARCHES = [
    (
        Sent("GET", "Patient?birthdate=,"),
        400,
        "value",
        "birthdate: a value is missing: give one, or leave the parameter out.",
    ),
    (
        Sent("GET", "Patient?_count:exact=1"),
        400,
        "not-supported",
        "_count: the modifier is not supported: leave it out.",
    ),
    (
        Sent("GET", "Patient?_cursor=x"),
        400,
        "value",
        "_cursor: the link is not one that this server gave for this search: begin with its first page.",
    ),
    (
        Sent("GET", "Patient/4?_format=html"),
        406,
        "not-supported",
        "Answers are application/fhir+json or application/fhir+xml: name one in Accept or _format.",
    ),
]

BODIES = [
    (
        Sent("POST", "Patient", "{}", "text/plain"),
        415,
        "not-supported",
        "A resource is sent with the Content-Type application/fhir+json or application/fhir+xml, uncompressed UTF-8.",
    ),
    (
        Sent("PATCH", "Patient/4", "[]"),
        415,
        "not-supported",
        "A patch is sent with the Content-Type application/json-patch+json (RFC 6902), uncompressed.",
    ),
    (Sent("POST", "Observation", patient()), 400, "structure", "The body's resourceType has to be that of the path."),
    (
        Sent("PUT", "Patient/4", patient()),
        400,
        "value",
        "The body's id has to be that of the resource that is updated.",
    ),
]

NO_SYSTEM = "The identifier lacks its system: send identifier=system|value, or identifier=|value if it has none."
NO_VALUE = "The identifier lacks its value: send identifier=system|value."
EXACTLY_ONE = "A condition is one identifier=system|value: send exactly one."
NOT_A_CRITERION = (
    "this request takes _format, _pretty. A condition is for PUT and DELETE of a type, and for the If-None-Exist of a "
    "POST."
)
ONE_CRITERION = "a write finds its resource by one criterion only, identifier=system|value."

CONDITIONS = [
    (
        Sent("PUT", "Observation", observed()),
        412,
        "required",
        "Give the id in the path: PUT /Observation/{id}. Or give a condition: identifier=system|value.",
    ),
    (Sent("DELETE", "Medication"), 412, "required", "Give the id in the path: DELETE /Medication/{id}."),
    (Sent("PUT", "Patient?identifier=1", patient()), 412, "required", NO_SYSTEM),
    (Sent("POST", "Patient", patient(), headers={"If_None_Exist": "identifier=1"}), 412, "required", NO_SYSTEM),
    (Sent("DELETE", "Patient?identifier=urn:x|"), 412, "required", NO_VALUE),
    (Sent("DELETE", "Patient?identifier=urn:x|1,urn:x|2"), 412, "required", EXACTLY_ONE),
    (Sent("PUT", "Patient?identifier=urn:x|1&identifier=urn:x|2", patient()), 412, "required", EXACTLY_ONE),
    (Sent("PUT", "Patient?family=x", patient()), 400, "not-supported", f"family: {ONE_CRITERION}"),
    (
        Sent("POST", "Patient", patient(), headers={"If_None_Exist": "family=x"}),
        400,
        "not-supported",
        f"family: {ONE_CRITERION}",
    ),
    (
        Sent("PUT", "Medication?identifier=urn:x|1", {"resourceType": "Medication"}),
        400,
        "not-supported",
        "identifier: Medication has none in STU3, and so takes no condition: name the resource by its id.",
    ),
    (
        Sent("POST", "Patient?identifier=urn:x|1", patient()),
        400,
        "not-supported",
        f"identifier: {NOT_A_CRITERION}",
    ),
    (Sent("DELETE", "Patient/4?name=x"), 400, "not-supported", "name: this request takes _format, _pretty."),
]

OTHER_BUNDLE = (
    "A Bundle that is sent here is a batch or a transaction: to store what another holds, send each resource as an "
    "entry with a request."
)

TO_ANOTHER_PLACE = [
    (
        Sent("POST", "", patient()),
        400,
        "structure",
        "The body has to be a Bundle. One resource is sent to its type, such as POST /Patient.",
    ),
    *(
        (
            Sent("POST", "", of_type(type_)),
            400,
            "value",
            OTHER_BUNDLE,
        )
        for type_ in ("history", "collection", "searchset", "document")
    ),
]

CONCEPT = {"coding": [{"code": "active"}]}
ALLERGY = {
    "resourceType": "AllergyIntolerance",
    "verificationStatus": "confirmed",
    "patient": {"reference": "Patient/4"},
}
REQUEST = {
    "resourceType": "MedicationRequest",
    "intent": "order",
    "medicationCodeableConcept": {"text": "x"},
    "subject": {"reference": "Patient/4"},
}
CODE_IN_XML = '<clinicalStatus><coding><code value="active"/></coding></clinicalStatus>'
REST_IN_XML = '<verificationStatus value="confirmed"/><patient><reference value="Patient/4"/></patient>'

OF_R4 = [
    (
        observed(encounter={"reference": "Encounter/1"}),
        "Observation has no element encounter. That is R4's: STU3 has context.",
    ),
    (observed(note=[{"text": "x"}]), "Observation has no element note. That is R4's: STU3 has comment."),
    (observed(focus=[{"reference": "Patient/4"}]), "Observation has no element focus. That is R4's: STU3 has none."),
    (observed(meta={"source": "urn:x"}), "meta has no element source. That is R4's: STU3 has none."),
    (observed(interpretation=[CONCEPT]), "interpretation is an array, which is R4's: STU3 has one element."),
    (
        observed(
            contained=[
                {"resourceType": "Observation", "id": "a", "status": "final", "code": {"text": "x"}, "hasMember": []}
            ],
            related=[{"target": {"reference": "#a"}}],
        ),
        "contained[0] has no element hasMember. That is R4's: STU3 has related.",
    ),
    ({**ALLERGY, "clinicalStatus": CONCEPT}, "clinicalStatus is a CodeableConcept, which is R4's: STU3 has a code."),
    (
        {**REQUEST, "requester": {"reference": "Practitioner/1"}},
        "requester has no element reference. That is R4's: STU3 has agent.reference.",
    ),
    (
        {**REQUEST, "dosageInstruction": [{"doseAndRate": []}]},
        "dosageInstruction[0] has no element doseAndRate. That is R4's: STU3 has doseQuantity.",
    ),
    (
        xml("AllergyIntolerance", CODE_IN_XML + REST_IN_XML),
        "clinicalStatus is a CodeableConcept, which is R4's: STU3 has a code.",
    ),
]

NUMBER, ACTIVE = '<identifier><value value="1"/></identifier>', '<active value="true"/>'
NAME, GENDER = '<name><family value="A"/></name>', '<gender value="male"/>'
GENDER_LATER = "gender is out of order: it has to follow name."

# In the order of STU3: identifier, active, name, gender, birthDate.
OUT_OF_ORDER = [
    (xml("Patient", GENDER + NAME), GENDER_LATER),
    (xml("Patient", f'{GENDER}<birthDate value="2000"/>{NAME}'), GENDER_LATER),
    (xml("Patient", GENDER + NAME + ACTIVE), GENDER_LATER),
    (xml("Patient", NAME + GENDER + NAME), GENDER_LATER),
    (xml("Patient", ACTIVE + NAME + GENDER + NAME), GENDER_LATER),
    (xml("Patient", NUMBER + ACTIVE + GENDER + NAME), "name is out of order: it has to follow active."),
    (
        xml("Patient", '<name><family value="A"/><use value="usual"/></name>'),
        "name[0].family is out of order: it has to follow use.",
    ),
]

CONDITIONAL = "subject is a conditional reference: only a transaction's entries take one, so give Type/id."
LOWER_CASE = "subject refers to no resource: type names begin with a capital letter."

REFERENCES = [
    (observation("patient/4"), LOWER_CASE),
    (observation("patient/4/_history/1"), LOWER_CASE),
    (observation("Patient/5"), "subject refers to a resource that does not exist."),
    (observation("Patient?identifier=urn:x|1"), CONDITIONAL),
]


@each_of(("body", "text"), [*OF_R4, *OUT_OF_ORDER, *REFERENCES])
def test_a_fault_of_a_resource_says_what_to_do(service: Service, body: Any, text: str) -> None:
    type_ = body["resourceType"] if isinstance(body, dict) else body[1 : body.index(" ")]
    answer = service.answer(Sent("POST", type_, body, JSON if isinstance(body, dict) else XML))

    assert answer.status == 422
    assert text in [said for code, said in said_by(answer) if code in ("invalid", "value", "not-found")]


@each_of(("body", "text"), REFERENCES)
def test_an_entry_of_a_batch_says_the_same(service: Service, body: Resource, text: str) -> None:
    [answered] = Bundles(service.writer).batch(entry("POST", "Observation", body))

    assert answered["response"]["outcome"]["issue"][0]["diagnostics"] == text


NEW = "urn:uuid:00000000-0000-4000-8000-000000000001"
CREATED = entry("POST", "Patient", patient(), NEW)
IF_NONE = {"ifNoneExist": "identifier=urn:x|1"}
NO_REQUEST = "request is missing: every entry needs one, with a method and a url."

BUNDLES = [
    (
        transaction(entry("DELETE", "Patient/5"), entry("PUT", "Patient/5", {**patient(), "id": "5"})),
        "duplicate",
        "Bundle.entry[0] is for the same resource or condition: a transaction has one entry for each.",
    ),
    (
        transaction(
            CREATED, entry("POST", "Patient", patient(), **IF_NONE), entry("POST", "Patient", patient(), **IF_NONE)
        ),
        "duplicate",
        "Bundle.entry[1] is for the same resource or condition: a transaction has one entry for each.",
    ),
    (
        transaction(entry("POST", "Patient", patient()), CREATED, CREATED),
        "value",
        "Bundle.entry[1] has the same full URL: give each entry its own.",
    ),
    (batch({"resource": patient()}), "structure", NO_REQUEST),
    (batch({"resource": patient(), "request": {}}), "structure", NO_REQUEST),
    (transaction({"fullUrl": NEW, "resource": patient()}), "structure", NO_REQUEST),
]


RESOURCE = f"<resource><Patient>{GENDER}{NAME}</Patient></resource>"
TO_PATIENT = '<request><method value="POST"/><url value="Patient"/></request>'


def in_xml(*elements: str) -> Sent:
    """Return a transaction in XML, with one entry."""
    return Sent("POST", "", xml("Bundle", f'<type value="transaction"/><entry>{"".join(elements)}</entry>'), XML)


IN_XML = [
    (in_xml(RESOURCE, TO_PATIENT), 422, "invalid", GENDER_LATER),
    (in_xml(TO_PATIENT, RESOURCE), 400, "structure", "entry[0].request is out of order: it has to follow resource."),
]

ENTRIES = [
    (entry("GET", "metadata"), 404, f"That is not offered in a Bundle: send it by itself. {LISTED}"),
    (entry("GET", "AuditEvent"), 404, f"That is not offered in a Bundle: send it by itself. {LISTED}"),
    (
        entry("PATCH", "Patient/4", patient()),
        405,
        "An entry's method is GET, POST, PUT or DELETE: send another by itself.",
    ),
    (
        entry("PUT", "Patient", patient()),
        412,
        "Give the id in the path: PUT /Patient/{id}. Or give a condition: identifier=system|value.",
    ),
    (entry("PUT", "Patient?identifier=1", patient()), 412, NO_SYSTEM),
    (entry("DELETE", "Patient?family=x"), 400, f"family: {ONE_CRITERION}"),
    (
        entry("POST", "Bundle", batch()),
        404,
        f"A Bundle is not stored as one: send it to the FHIR base, POST {FHIR_PATH}. {LISTED}",
    ),
    (entry("DELETE", "Patient/4/"), 404, f"The path ends with a slash: leave it out. {LISTED}"),
    (
        entry("POST", "https://x.example/Patient", patient()),
        400,
        "An entry's URL is below this FHIR base: a path such as Patient/4 or Patient?name=x, or the whole URL.",
    ),
    (
        entry("POST", "Observation", observation(NEW)),
        422,
        "subject refers to an entry of a Bundle by its full URL: only a transaction's entries refer to each other.",
    ),
]
NO_MATCH = "No resource meets the condition: create it before, or refer to an entry that creates it by its full URL."

IN_A_TRANSACTION = [
    (
        [entry("POST", "Patient/$validate", patient())],
        405,
        "A transaction takes no operation: send it by itself, or in a batch.",
    ),
    (
        [CREATED, entry("POST", "Observation", observation(f"{NEW[:-1]}2"))],
        422,
        f"subject refers to a full URL that no entry has; the nearest is {NEW}.",
    ),
    (
        [entry("POST", "Observation", observation("Patient?identifier=1"))],
        412,
        f"subject is a conditional reference. {NO_SYSTEM}",
    ),
    (
        [entry("POST", "Observation", observation("Patient?identifier=urn:x|1"))],
        412,
        f"subject is a conditional reference. {NO_MATCH}",
    ),
]


@each_of(("sent", "status", "text"), ENTRIES)
def test_an_entry_of_a_batch_and_the_refusal_of_a_transaction_say_what_to_do(
    service: Service, sent: Entry, status: int, text: str
) -> None:
    bundles = Bundles(service.writer)
    [answered] = bundles.batch(sent)
    [issue] = answered["response"]["outcome"]["issue"]

    assert (answered["response"]["status"][:3], issue["diagnostics"]) == (str(status), text)
    # A read fails by itself there, and a full URL could be meant.
    if sent["request"]["method"] != "GET" and status != 422:
        refused = bundles.send(transaction(sent))
        assert (refused.status, said_by(refused)) == (status, [(issue["code"], text)])


@each_of(("entries", "status", "text"), IN_A_TRANSACTION)
def test_a_transaction_says_what_to_do(service: Service, entries: list[Entry], status: int, text: str) -> None:
    answer = Bundles(service.writer).send(transaction(*entries))

    assert (answer.status, answer.diagnostics) == (status, text)


def test_a_client_without_quota_is_told_what_it_owes_and_until_when(service: Service) -> None:
    counters = UsageCounters()
    for minute, units in enumerate((100_000, 60_000)):
        counters.add("client-1", int(service.writer.now() // 60) + minute, units, 100_000)
    answer = Bundles(replace(service.writer, quota=Quota(counters, 100_000))).send(batch(*[CREATED] * 50))

    wait = answer.headers["Retry-After"]
    assert (answer.status, answer.issue["code"]) == (429, "throttled")
    assert f"owes 60,000 units of the next: try again in {wait} seconds." in answer.diagnostics


def test_a_token_that_only_reads_is_told_to_send_its_reads_one_by_one(service: Service) -> None:
    answer = Bundles(service.writer.as_caller("system/*.rs")).send(batch(entry("GET", "Patient/4")))

    assert (answer.status, answer.issue["code"]) == (403, "forbidden")
    assert answer.diagnostics.endswith("send its reads one by one.")


@each_of(
    ("sent", "status", "code", "text"),
    [
        *PATHS,
        *SEARCHES,
        *BODIES,
        *CONDITIONS,
        *TO_ANOTHER_PLACE,
        *IN_XML,
        *((Sent("POST", "", body), 400, code, text) for body, code, text in BUNDLES),
    ],
)
def test_a_refusal_says_what_to_do(service: Service, sent: Sent, status: int, code: str, text: str) -> None:
    answer = service.answer(sent)

    assert (answer.status, said_by(answer)) == (status, [(code, text)])


NO_BASIC = "The Authorization header is not Basic with id:secret in base64, each half form-encoded."

# The parameters besides the grant type, the headers and the text.
CREDENTIALS = [
    ({}, {}, "Client authentication is required: by Basic, client_secret or client_assertion."),
    ({}, {"Authorization": "Bearer x"}, NO_BASIC),
    ({}, {"Authorization": "Basic eA=="}, NO_BASIC),
    ({"client_secret": "x"}, {}, "The client_secret comes without its client_id."),
    ({"client_assertion": "x"}, {}, f"The client_assertion_type is not {ASSERTION_TYPE}."),
    (
        {"client_assertion": "x", "client_assertion_type": ASSERTION_TYPE},
        {},
        "The client_assertion is not a signed JWT with the client id as its sub.",
    ),
]
ASSERTIONS = [
    ({"kid": ""}, "The client assertion's header has no kid: give the id of the key that signs it."),
    ({"kid": "unknown"}, ASSERTION_NOT_PROVEN),
    ({"kid": "key-1"}, "The client assertion has expired: make a new one for each request."),
]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with built_issuer() as issuer:
        yield issuer


def test_the_token_endpoint_says_what_to_do(issuer: Issuer) -> None:
    keys = json.dumps({"keys": [public_jwk(RSA_KEY, "key-1")]})
    issuer.register("client-1", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), secrets=(), jwks=keys)

    for form, headers, text in CREDENTIALS:
        answer = issuer.post("/token", {"grant_type": "client_credentials", **form}, headers=headers)
        assert (answer.status, answer.json) == (401, {"error": "invalid_client", "error_description": text})
    for header, text in ASSERTIONS:
        answer = issuer.assert_client(issuer.assertion(headers=header, exp=1))
        assert (answer.status, answer.json) == (401, {"error": "invalid_client", "error_description": text})
