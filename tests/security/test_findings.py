"""The faults of the original, each with a named test over HTTP (`access.md`, S1 to S14)."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from careconnect.fhir.resource_types import REVERSE_INCLUDES
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.access_token import revocation_key
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.answer import GATEWAY_CHALLENGE
from careconnect_testing.http.api import Api, issue_code
from careconnect_testing.parts.access_tokens import header, signed, signing_key
from careconnect_testing.records.few_records import write_records
from careconnect_testing.stacks.deployed_tokens import (
    claims_in,
    current_kid,
    deployed_claims,
    deployed_header,
    signed_by_the_issuer,
)

pytestmark = pytest.mark.integration

NHS_NUMBER = "7777777777"
FUNCTIONS = (
    *("TokenFunction", "ReadAuthorizerFunction", "WriteAuthorizerFunction"),
    *("PatientRecordFunction", "DirectoryFunction", "DiscoveryFunction"),
)


@pytest.fixture(scope="module")
def api(
    local_stack: LocalStack,
    http: httpx.Client,
    record_tables: RecordTables,
    sample: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Api:
    """Return the stack with the sample and, whatever that holds, two people with a record each."""
    people = [
        resource
        for number in ("s4-one", "s4-two")
        for resource in (
            {
                "resourceType": "Patient",
                "id": number,
                "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": NHS_NUMBER}],
            },
            {
                "resourceType": "Condition",
                "id": f"{number}-c",
                "verificationStatus": "confirmed",
                "clinicalStatus": "active",
                "subject": {"reference": f"Patient/{number}"},
            },
            {
                "resourceType": "Observation",
                "id": f"{number}-o",
                "status": "final",
                "code": {"text": "pulse"},
                "subject": {"reference": f"Patient/{number}"},
            },
            {
                "resourceType": "Procedure",
                "id": f"{number}-p",
                "status": "completed",
                "subject": {"reference": f"Patient/{number}"},
            },
        )
    ]
    path = write_records(tmp_path_factory.mktemp("people"), people)
    assert not load_paths([path], record_tables, base_url=local_stack.base_url).problems
    return Api(local_stack, http)


@pytest.fixture(scope="module")
def patient_only(api: Api) -> str:
    return api.register("patient-only", "patient/Patient.read user/Patient.read")


@pytest.fixture(scope="module")
def bound(api: Api) -> str:
    scope = "patient/Patient.read patient/Condition.read patient/Observation.read"
    return api.register("bound-to-one", scope, patient="s4-one")


def found(answer: httpx.Response, mode: str = "match") -> list[str]:
    assert answer.status_code == 200, answer.text
    return sorted(
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in answer.json().get("entry", ())
        if entry["search"]["mode"] == mode
    )


def test_s1_the_signature_is_verified(api: Api) -> None:
    token = signed(header(kid=current_kid(api.http)), deployed_claims(api.stack), signing_key("theirs"))

    assert api.get("Patient/4", token).status_code == 401


@pytest.mark.parametrize("claim", [{"iss": "https://other.example"}, {"aud": "https://other.example"}])
def test_s2_issuer_and_audience_are_checked(api: Api, claim: dict[str, str]) -> None:
    token = signed_by_the_issuer(api.stack, deployed_header(api.http), deployed_claims(api.stack, **claim))

    assert api.get("Patient/4", token).status_code == 401


def test_s3_the_verb_counts(api: Api) -> None:
    writes = api.register("writes", "user/Patient.write user/Condition.cud profile")
    reads = api.register("reads-one", "user/Patient.r")
    searches = api.register("searches", "user/Patient.s")

    wanted = [("GET", "Patient/4"), ("HEAD", "Patient/4"), ("GET", "Patient?_id=4"), ("POST", "Patient/_search")]
    assert set(api.statuses([*wanted, ("GET", "Condition")], writes).values()) == {403}
    assert list(api.statuses(wanted, reads).values()) == [200, 200, 403, 403]
    assert list(api.statuses(wanted, searches).values()) == [403, 403, 200, 200]
    # And a token that reads writes nothing: the gateway says so, before any function is asked.
    for token in (reads, searches, api.register("reads-all", "system/*.rs profile")):
        for verb, path in (*WRITES, ("PATCH", "Patient/4")):
            answer = api.get(path, token, verb)
            assert (answer.status_code, issue_code(answer)) == (403, "forbidden"), (verb, path)
            assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


WRITES = [
    ("POST", "Patient"),
    *(("PUT", path) for path in ("Patient/4", "Patient?identifier=a|b")),
    *(("DELETE", path) for path in ("Patient/none", "Patient?identifier=a|b")),
]


@pytest.mark.parametrize(
    ("letters", "opened"),
    [
        ("c", {0}),
        ("u", {1}),
        ("d", {3}),
        ("cud", {0, 1, 3}),
        ("us", {1, 2}),
        ("ds", {3, 4}),
        ("cruds", {0, 1, 2, 3, 4}),
    ],
)
def test_s3_each_verb_that_writes_takes_its_letter(api: Api, letters: str, opened: set[int]) -> None:
    """Without a body a create and an update get no further than their function, which refuses them for that."""
    token = api.register(f"letters-{letters}", f"user/Patient.{letters}")

    passed = {
        number
        for number, (verb, path) in enumerate(WRITES)
        if "insufficient_scope" not in api.get(path, token, verb).headers.get("WWW-Authenticate", "")
    }

    assert passed == opened


def test_s4_a_bound_client_stays_in_its_compartment(api: Api, bound: str) -> None:
    assert api.get("Patient/s4-one", bound).status_code == 200
    assert api.get("Condition/s4-one-c", bound).status_code == 200
    absent = api.get("Condition/nobody", bound)
    for foreign in ("Patient/s4-two", "Condition/s4-two-c", "Observation/s4-two-o", "Patient/s4-two/$everything"):
        answer = api.get(foreign, bound)
        assert (answer.status_code, answer.text) == (404, absent.text)

    assert found(api.get("Patient", bound)) == ["Patient/s4-one"]
    assert found(api.get("Condition", bound)) == ["Condition/s4-one-c"]
    assert found(api.get(f"Patient?identifier={NHS_NUMBER}", bound)) == ["Patient/s4-one"]
    assert found(api.get("Condition?patient=s4-two", bound)) == []
    assert found(api.get(f"Observation?patient.identifier={NHS_NUMBER}", bound)) == ["Observation/s4-one-o"]
    everything = api.get("Patient/s4-one/$everything", bound)
    assert found(everything) == ["Condition/s4-one-c", "Observation/s4-one-o", "Patient/s4-one"]
    assert everything.json()["total"] == 3


@pytest.mark.parametrize("name", ["Appointment", "DocumentReference", "Consent", "Binary", "Provenance", "Nonsense"])
def test_s5_an_unmapped_type_is_refused_with_any_token(
    api: Api, bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient, name: str
) -> None:
    for path in (name, f"{name}/1", f"{name}?patient=4"):
        answer = api.http.get(f"{FHIR_PATH}/{path}", headers=bearer(explorer))
        assert (answer.status_code, issue_code(answer)) == (404, "not-supported")


def test_s6_nothing_comes_along_that_the_token_does_not_open(api: Api, patient_only: str) -> None:
    everything = api.get("Patient/s4-one/$everything", patient_only)
    assert (found(everything), everything.json()["total"]) == (["Patient/s4-one"], 1)

    reverse = "&".join(f"_revinclude={source}:patient" for source, _ in REVERSE_INCLUDES["Patient"])
    answer = api.get(f"Patient?identifier={NHS_NUMBER}&{reverse}&_include=Patient:organization", patient_only)
    assert found(answer) == ["Patient/s4-one", "Patient/s4-two"]
    assert found(answer, "include") == []
    assert answer.json()["total"] == 2


def test_s6_a_chain_and_a_next_link_need_their_own_scope(
    api: Api, patient_only: str, bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient
) -> None:
    observations = api.register("observations-only", "user/Observation.read")
    assert api.get(f"Observation?patient.identifier={NHS_NUMBER}", observations).status_code == 403

    pages = api.http.get(f"{FHIR_PATH}/Condition?_count=1", headers=bearer(explorer)).json()
    (link,) = (one["url"] for one in pages["link"] if one["relation"] == "next")
    for token, status in ((patient_only, 403), (api.register("conditions", "user/Condition.read"), 400)):
        assert api.http.get(link, headers={"Authorization": f"Bearer {token}"}).status_code == status
    assert api.http.get(link, headers=bearer(explorer)).status_code == 200


def test_s7_each_type_has_a_scope_of_its_own(api: Api) -> None:
    observation = api.register("s7-observation", "user/Observation.read")
    assert api.get("Observation/s4-one-o", observation).status_code == 200
    assert api.get("Procedure/s4-one-p", observation).status_code == 403

    medication = api.register("s7-medication", "user/Medication.read")
    assert api.get("Medication", medication).status_code == 200
    assert api.get("MedicationRequest", medication).status_code == 403
    for legacy in ("MedicationOrder", "MedicationPrescription"):
        token = api.register(f"s7-{legacy}", f"user/{legacy}.read")
        assert api.get("MedicationRequest", token).status_code == 200
        assert api.get("MedicationStatement", token).status_code == 403


def test_s8_what_is_said_of_the_expiry_is_so(api: Api, explorer: DemoClient) -> None:
    answer = api.http.post(
        "/token", data={"grant_type": "client_credentials"}, auth=(explorer.client_id, explorer.secret)
    ).json()
    claims = claims_in(answer["access_token"])
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 3600

    now = int(time.time())
    for changes, status in (
        ({"iat": now - 3600, "exp": now - 1}, 401),
        ({"iat": now - 5401, "exp": now + 3600}, 401),
        ({"iat": now - 5300, "exp": now + 60}, 200),
    ):
        token = signed_by_the_issuer(api.stack, deployed_header(api.http), deployed_claims(api.stack, **changes))
        assert api.get("Patient/4", token).status_code == status


@pytest.mark.long
def test_s8_a_token_that_expires_while_its_policy_is_cached_is_refused(api: Api) -> None:
    expires_at = int(time.time()) + 20
    claims = deployed_claims(api.stack, exp=expires_at)
    token = signed_by_the_issuer(api.stack, deployed_header(api.http), claims)
    assert api.get("Patient/4", token).status_code == 200

    time.sleep(max(0, expires_at - time.time()) + 0.5)

    answer = api.get("Patient/4", token)
    assert (answer.status_code, issue_code(answer)) == (401, "expired")


def test_s9_a_revoked_token_is_refused(api: Api) -> None:
    """Before its first use; that a used one is refused within the cache's 60 seconds, another test waits for."""
    token = api.register("s9", "user/Patient.read")
    api.stack.client("dynamodb").put_item(
        TableName=api.stack.stack.outputs["TokenTable"], Item={"pk": {"S": revocation_key(claims_in(token)["jti"])}}
    )

    assert api.get("Patient/4", token).status_code == 401


@pytest.mark.parametrize(
    "nonsense",
    [
        "e30.e30.e30",
        *(
            pytest.param(one, marks=pytest.mark.long)
            for one in ("nonsense", "a.b.c", "." * 50, "x" * 5000, "%00", "null")
        ),
    ],
)
def test_s10_a_bearer_that_is_no_token_is_401_with_the_header_and_code_login(api: Api, nonsense: str) -> None:
    answer = api.get("Patient/4", nonsense)

    assert (answer.status_code, issue_code(answer)) == (401, "login")
    assert answer.headers["WWW-Authenticate"] == GATEWAY_CHALLENGE


def test_s11_a_secret_in_the_url_is_refused_though_it_is_right(api: Api, explorer: DemoClient) -> None:
    query = {"grant_type": "client_credentials", "client_id": explorer.client_id, "client_secret": explorer.secret}

    answer = api.http.post("/token", params=query)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_s12_nobody_registers_over_http(api: Api) -> None:
    for path in ("/register", "/clients", "/api/clients", "/manage", "/connect/register"):
        for method in ("GET", "POST", "PUT"):
            answer = api.http.request(method, path, json={"client_name": "x", "redirect_uris": []})
            assert answer.status_code in (403, 404), (path, method)
    metadata = api.http.get("/.well-known/oauth-authorization-server").json()
    assert "registration_endpoint" not in metadata


SPELLINGS = [
    "//Condition/s4-one-c",
    "/Condition//s4-one-c",
    "/Condition/s4-one-c/",
    "/./Condition/s4-one-c",
    "/Patient/../Condition/s4-one-c",
    "/Patient/%2e%2e/Condition/s4-one-c",
    "/Patient/..%2fCondition%2fs4-one-c",
    "/Patient%2f..%2fCondition/s4-one-c",
    "/Condition%2Fs4-one-c",
    "/%43ondition/s4-one-c",
    "/condition/s4-one-c",
    "/CONDITION/s4-one-c",
    "/Condition;a=b/s4-one-c",
    "/Condition;/s4-one-c",
    "/Patient;/../Condition/s4-one-c",
    "/Condition/s4-one-c;a=b",
    "/Condition/s4-one-c/..",
    "/Patient/s4-one/condition",
    "/Patient/s4-one//Condition",
    "/Patient/s4-one/Condition/",
    "/Patient/s4-one/Condition/s4-one-c",
    "/Patient/s4-one/Condition;a=b",
    "/Patient/s4-one%2FCondition",
    "/Patient/../Patient/s4-one/Condition",
    "/Patient/s4-one/../../Condition/s4-one-c",
    "/Condition/s4-one-c/careconnect-ri/STU3/Patient",
    "/Condition%20/s4-one-c",
    "/Condition/s4-one-c%00",
    "/Condition/s4-one-c%252e",
    "/Condition\\s4-one-c",
]


def test_s13_no_spelling_opens_what_the_token_does_not(api: Api, patient_only: str) -> None:
    for spelling in SPELLINGS:
        for method, token in (("GET", patient_only), ("POST", patient_only), ("GET", "")):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            status, body = api.raw(FHIR_PATH + spelling, headers, method)
            assert status in ((400, 401, 403, 404, 405) if token else (400, 401, 403, 404)), (spelling, method, body)
            assert "clinicalStatus" not in body, (spelling, method)


def test_s13_there_is_one_spelling_of_a_resource(
    api: Api, bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient
) -> None:
    """Whatever the policy does with another spelling, the reader refuses it, even to a client that may read all."""
    for spelling in SPELLINGS:
        status, _ = api.raw(FHIR_PATH + spelling, bearer(explorer))
        assert status in (400, 403, 404), spelling
    assert api.raw(f"{FHIR_PATH}/Condition/s4-one-c", bearer(explorer))[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/STU3/Patient/s4-one",
        "/Patient/s4-one",
        "/fhir/Patient/s4-one",
        "/careconnect-ri/Patient/s4-one",
        "/careconnect-ri/STU3/metadata/Patient/s4-one",
        "/careconnect-ri/STU3/.well-known/Patient/s4-one",
        "/careconnect-ri/DSTU2/Patient/s4-one",
        "/open/careconnect-ri/STU3/Patient/s4-one",
        "/live/careconnect-ri/STU3/Patient/s4-one",
        "/careconnect-ri/STU3/Patient/s4-one",
        "/careconnect-ri/STU3/metadata",
        "/careconnect-ri/STU3",
        "/openapi.json",
        "/llms.txt",
        "/",
    ],
)
def test_s14_no_open_endpoint_gives_the_same_data(api: Api, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "PUT", "DELETE"):
        answer = api.http.request(method, path)

        assert NHS_NUMBER not in answer.text
        assert "s4-one" not in answer.text
    assert api.http.get(path).status_code in (200, 401, 403, 404, 405)


def test_rule_6_the_directorys_role_is_denied_every_path_to_a_record(api: Api) -> None:
    dynamodb = api.stack.role_client("dynamodb", "DirectoryFunction")
    records = api.stack.stack.outputs["RecordTable"]
    key = {"pk": {"S": "Patient/s4-one"}, "sk": {"S": "#json"}}
    assert "Item" in api.stack.role_client("dynamodb", "PatientRecordFunction").get_item(TableName=records, Key=key)

    calls: dict[str, dict[str, Any]] = {
        "get_item": {"TableName": records, "Key": key},
        "batch_get_item": {"RequestItems": {records: {"Keys": [key]}}},
        "query": {
            "TableName": records,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": key["pk"]},
        },
        "scan": {"TableName": records},
        "transact_get_items": {"TransactItems": [{"Get": {"TableName": records, "Key": key}}]},
    }
    for name, arguments in calls.items():
        with pytest.raises(ClientError) as caught:
            getattr(dynamodb, name)(**arguments)
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException", name


def test_no_token_identifier_or_query_is_in_any_log(
    api: Api, patient_only: str, bound: str, bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient
) -> None:
    """After the calls above, and some that fail."""
    good = bearer(explorer)["Authorization"].removeprefix("Bearer ")
    marker = "Zzyzx-in-the-query"
    for path in (
        f"Patient?identifier={NHS_NUMBER}&name={marker}",
        f"Patient?birthdate={marker}",
        f"Patient/{marker}",
        f"Organization?name={marker}&nonsense={NHS_NUMBER}",
        f"Organization/{marker}",
        f"Practitioner?identifier={NHS_NUMBER}",
        f"Condition?patient.identifier={NHS_NUMBER}&_cursor={marker}",
        f"{marker}/1",
    ):
        for token in (good, patient_only, bound, marker):
            assert api.get(path, token).status_code < 500
    api.http.post(f"{FHIR_PATH}/Patient/_search", data={"name": marker}, headers={"Authorization": f"Bearer {good}"})

    lines = {function: api.stack.function_log(function) for function in FUNCTIONS}

    for function, logged in lines.items():
        assert len(logged) > 5, function
    everything = "\n".join(line for logged in lines.values() for line in logged)
    assert '"action":"Patient.search"' in everything
    hidden = {marker, NHS_NUMBER, "s4-one", "s4-two", "identifier=", good, patient_only, bound}
    hidden |= {token.rpartition(".")[2] for token in (good, patient_only, bound)} | {explorer.secret}
    for text in hidden:
        assert text not in everything
