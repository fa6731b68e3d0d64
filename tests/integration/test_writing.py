"""Writing over HTTP, as the contract's tables have it (`docs/contract/write.md`; STU3 RESTful API §2.21)."""

from collections.abc import Callable

import httpx
import pytest
from lxml import etree

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import FHIR, Api
from careconnect_testing.http.writes import (
    JSON,
    LONG_TEXT,
    NHS_NUMBER,
    PATCH,
    XML,
    Resource,
    WritingClient,
    issues,
    new_code,
    observation,
    patient,
)
from careconnect_testing.running.cases import each_of

pytestmark = pytest.mark.integration

EVERYTHING = "system/*.cruds"


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: object) -> Api:
    return Api(local_stack, http)


@pytest.fixture(scope="module")
def as_client(api: Api, http: httpx.Client) -> Callable[..., WritingClient]:
    """A function that registers a client with a scope, and perhaps a patient and identifier systems."""
    return lambda name, scope, *binding: WritingClient(http, api.register(name, scope, *binding))


@pytest.fixture(scope="module")
def writer(as_client: Callable[..., WritingClient]) -> WritingClient:
    return as_client("writes-everything", EVERYTHING)


def test_a_created_resource_is_read_back_under_the_id_that_the_server_gave_it(
    writer: WritingClient, local_stack: LocalStack
) -> None:
    code = new_code()
    answer = writer.create({**patient(code), "id": "mine", "meta": {"versionId": "9"}})

    assert answer.status_code == 201
    created = answer.json()
    assert created["id"] != "mine"
    assert created["meta"]["versionId"] == "1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"]
    base = f"{local_stack.base_url}/careconnect-ri/STU3"
    assert answer.headers["Location"] == f"{base}/Patient/{created['id']}/_history/1"
    assert writer.get(f"Patient/{created['id']}").json() == created
    assert writer.ids(f"Patient?identifier={NHS_NUMBER}%7C{code}") == [created["id"]]


def test_validate_goes_the_way_of_a_write_and_writes_nothing(
    writer: WritingClient, as_client: Callable[..., WritingClient]
) -> None:
    made = writer.made(patient())
    good = observation(f"Patient/{made['id']}")
    reader = as_client("reads-everything", "system/*.rs")

    assert issues(writer.send("POST", "Observation/$validate", good)) == [("informational", ())]
    assert [code for code, _ in issues(writer.send("POST", "Observation/$validate", good | {"status": "odd"}))]
    assert writer.send("POST", f"Patient/{made['id']}/$validate", made).status_code == 200
    assert writer.ids(f"Observation?patient={made['id']}") == []
    assert writer.get(f"Patient/{made['id']}/$validate").status_code == 405
    assert reader.send("POST", "Observation/$validate", good).status_code == 403


def test_what_is_written_in_one_format_reads_back_equal_in_the_other(writer: WritingClient) -> None:
    made = writer.made(
        observation(
            f"Patient/{writer.made(patient())['id']}",
            valueQuantity={"value": 1.50, "unit": "kg"},
            _issued={"extension": [{"url": "http://example.org/why", "valueString": "unknown  & <odd>"}]},
            text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A <b>note</b></div>'},
        )
    )
    as_xml = writer.get(f"Observation/{made['id']}", Accept=XML)
    again = writer.send("POST", "Observation", as_xml.text, type_=XML, Accept=JSON)

    assert again.status_code == 201, again.text
    back = again.json()
    assert {**back, "id": "", "meta": ""} == {**made, "id": "", "meta": ""}
    assert etree.fromstring(as_xml.content).tag == f"{FHIR}Observation"


def test_a_decimal_keeps_its_digits(writer: WritingClient) -> None:
    whose = writer.made(patient())["id"]
    body = (
        f'{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/{whose}"}},'
        '"valueQuantity":{"value":1.500}}'
    )
    answer = writer.send("POST", "Observation", body)

    assert answer.status_code == 201
    assert '"value":1.500}' in answer.text
    assert 'value="1.500"' in writer.get(f"Observation/{answer.json()['id']}", Accept=XML).text


def test_an_update_is_the_next_version_and_all_versions_are_in_the_history(writer: WritingClient) -> None:
    made = writer.made(patient(gender="female"))
    path = f"Patient/{made['id']}"
    updated = writer.update({**made, "gender": "male"}, If_Match='W/"1"')
    same = writer.update({**made, "gender": "male"})
    stale = writer.update({**made, "gender": "other"}, If_Match='W/"1"')
    malformed = writer.update({**made, "gender": "other"}, If_Match="1; 2")
    deleted = writer.delete(path)
    history = writer.get(f"{path}/_history").json()

    assert (updated.status_code, updated.headers["ETag"]) == (200, 'W/"2"')
    assert (same.status_code, same.headers["ETag"]) == (200, 'W/"2"')
    assert (stale.status_code, malformed.status_code) == (409, 400)
    assert deleted.status_code == 204
    assert (history["type"], history["total"]) == ("history", 3)
    assert [(one["request"]["method"], one["response"]["etag"]) for one in history["entry"]] == [
        ("DELETE", 'W/"3"'),
        ("PUT", 'W/"2"'),
        ("POST", 'W/"1"'),
    ]
    assert "resource" not in history["entry"][0]
    assert [writer.get(f"{path}/_history/{number}").status_code for number in (1, 2, 3, 4)] == [200, 200, 410, 404]
    assert writer.get(f"{path}/_history/1").json() == made
    assert writer.get(path).status_code == 410


def test_a_put_creates_under_the_callers_own_id_and_brings_back_what_was_deleted(writer: WritingClient) -> None:
    own = {**patient(gender="female"), "id": f"own-{new_code()}"}
    statuses = [writer.update(own).status_code, writer.delete(f"Patient/{own['id']}").status_code]
    again = writer.update(own)

    assert [*statuses, again.status_code] == [201, 204, 201]
    assert again.headers["ETag"] == 'W/"3"'
    assert writer.update({**own, "id": "another"} | {}, If_Match='W/"1"').status_code in (404, 409)
    assert writer.send("PUT", f"Patient/{own['id']}", {**own, "id": "another"}).status_code == 400
    assert writer.send("PUT", f"Patient/{own['id']}", patient()).status_code == 400


def test_conditional_interactions_find_by_identifier_alone(writer: WritingClient) -> None:
    code = new_code()
    condition = f"identifier={NHS_NUMBER}|{code}"
    asked = f"Patient?identifier={NHS_NUMBER}%7C{code}"
    first = writer.create(patient(code), If_None_Exist=condition)
    again = writer.create(patient(code, gender="male"), If_None_Exist=condition)
    updated = writer.send("PUT", asked, patient(code, gender="female"))
    other_id = writer.send("PUT", asked, {**patient(code), "id": "another"})
    plain = writer.create(patient(code))
    several = [
        writer.create(patient(code), If_None_Exist=condition).status_code,
        writer.send("PUT", asked, patient(code)).status_code,
        writer.delete(asked).status_code,
    ]
    writer.delete(f"Patient/{plain.json()['id']}")

    assert first.status_code == 201
    assert (again.status_code, again.headers["Location"]) == (200, first.headers["Location"])
    assert (updated.status_code, updated.json()["gender"]) == (200, "female")
    assert other_id.status_code == 400
    assert plain.status_code == 201
    assert several == [412, 412, 412]
    assert [writer.delete(asked).status_code, writer.delete(asked).status_code] == [204, 204]
    assert writer.send("PUT", asked, patient(code)).status_code == 201


@pytest.mark.parametrize(
    ("condition", "status", "code"),
    [
        ("name=munoz", 400, "not-supported"),
        (f"identifier={NHS_NUMBER}%7C1&name=x", 400, "not-supported"),
        ("", 412, ""),
        ("identifier=", 412, ""),
        ("identifier=a%7Cb,c%7Cd", 412, ""),
    ],
)
def test_a_condition_that_is_none_is_refused(writer: WritingClient, condition: str, status: int, code: str) -> None:
    for answer in (
        writer.send("PUT", f"Patient?{condition}", patient()),
        writer.delete(f"Patient?{condition}"),
        writer.create(patient(), If_None_Exist=condition) if condition else None,
    ):
        if answer is not None:
            assert answer.status_code == status, answer.text
            assert not code or [each for each, _ in issues(answer)] == [code]


def test_a_patch_is_whole_or_not_at_all(writer: WritingClient) -> None:
    made = writer.made(patient(gender="female"))
    path = f"Patient/{made['id']}"
    patched = writer.patch(path, {"op": "replace", "path": "/gender", "value": "male"}, If_Match='W/"1"')
    refused = {
        "no patch": writer.send("PATCH", path, {"op": "remove"}, type_=PATCH).status_code,
        "a failed test": writer.patch(path, {"op": "test", "path": "/gender", "value": "other"}).status_code,
        "a path that is not there": writer.patch(path, {"op": "remove", "path": "/name"}).status_code,
        "an invalid result": writer.patch(path, {"op": "add", "path": "/gender", "value": "unheard-of"}).status_code,
        "another id": writer.patch(path, {"op": "replace", "path": "/id", "value": "x"}).status_code,
        "a stale version": writer.patch(path, {"op": "remove", "path": "/gender"}, If_Match='W/"1"').status_code,
        "another media type": writer.send("PATCH", path, [], type_=JSON).status_code,
    }

    assert (patched.status_code, patched.json()["gender"]) == (200, "male")
    assert refused == {
        "no patch": 400,
        "a failed test": 422,
        "a path that is not there": 422,
        "an invalid result": 422,
        "another id": 422,
        "a stale version": 409,
        "another media type": 415,
    }
    assert writer.get(path).json()["meta"]["versionId"] == "2"
    assert writer.patch("Patient/never-there", {"op": "remove", "path": "/gender"}).status_code == 404
    writer.delete(path)
    assert writer.patch(path, {"op": "remove", "path": "/gender"}, If_Match='W/"1"').status_code == 410


@pytest.mark.parametrize(
    ("body", "type_", "status", "code"),
    [
        ("", JSON, 400, "structure"),
        ("{", JSON, 400, "structure"),
        ("[]", JSON, 400, "structure"),
        ('{"resourceType":"Patient","gender":"male","gender":"male"}', JSON, 400, "structure"),
        ('{"resourceType":"Patient","multipleBirthInteger":NaN}', JSON, 400, "structure"),
        ('{"resourceType":"Patient","language":"\\ud800"}', JSON, 400, "structure"),
        ('{"resourceType":"Observation"}', JSON, 400, "structure"),
        ("<Patient", XML, 400, "structure"),
        ('<!DOCTYPE Patient><Patient xmlns="http://hl7.org/fhir"/>', XML, 400, "structure"),
        ('{"resourceType":"Patient"}', "text/plain", 415, "not-supported"),
        ('{"resourceType":"Patient","language":"' + "x" * 350_000 + '"}', JSON, 413, "too-long"),
    ],
)
def test_what_is_no_resource_is_refused_before_anything_is_looked_at(
    writer: WritingClient, body: str, type_: str, status: int, code: str
) -> None:
    answer = writer.send("POST", "Patient", body, type_=type_)

    assert answer.status_code == status, answer.text
    assert [each for each, _ in issues(answer)] == [code]


@each_of(
    ("method", "path", "type_", "body"),
    [
        ("POST", "Patient", JSON, b'{"resourceType":"Patient","name":[{"family":"M\xfcnoz"}],"identifier":%s}'),
        ("PUT", "Patient/f1", "application/json", b'{"resourceType":"Patient","id":"f1","identifier":%s,"x":"\xff"}'),
        ("POST", "Patient", "text/json", b'{"resourceType":"Patient","identifier":%s,"language":"\xed\xa0\xbd"}'),
        ("POST", "Patient", XML, b'<Patient xmlns="http://hl7.org/fhir"><language value="\xe9"/></Patient>'),
        ("PATCH", "Patient/f1", PATCH, b'[{"op":"add","path":"/language","value":"\xc3("}]'),
    ],
)
def test_f1_a_body_that_is_not_utf_8_is_stored_nowhere(
    writer: WritingClient, method: str, path: str, type_: str, body: bytes
) -> None:
    identifier = b'[{"system":"urn:f1","value":"f1"}]'
    answer = writer.send(method, path, body.replace(b"%s", identifier), type_=type_)

    assert (answer.status_code, [each for each, _ in issues(answer)]) == (400, ["structure"])
    assert "The body is not UTF-8 (line 1, column " in answer.text
    assert writer.ids("Patient?identifier=urn:f1%7Cf1") == []


def test_a_body_keeps_each_character(writer: WritingClient) -> None:
    answer = writer.create(patient(name=[{"family": "Muñoz 😀 \ufffd"}]))

    assert answer.status_code == 201
    assert writer.get(f"Patient/{answer.json()['id']}").json()["name"] == [{"family": "Muñoz 😀 \ufffd"}]


def test_every_fault_of_a_resource_is_reported_with_its_place(writer: WritingClient) -> None:
    answer = writer.create(
        {
            **patient(gender="unheard-of", birthDate="the third of May"),
            "contact": [{"gender": "male"}, {"gender": "neither"}],
            "link": [{"type": "seealso"}],
        }
    )

    assert answer.status_code == 422
    expressions = {expression for _, found in issues(answer) for expression in found}
    assert expressions >= {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.contact[1].gender",
        "Patient.link[0].other",
    }
    assert "unheard-of" not in answer.text


def test_a_reference_leads_to_what_is_there_and_that_stays_as_long_as_it_does(writer: WritingClient) -> None:
    target = writer.made(patient())
    reference = f"Patient/{target['id']}"
    nowhere = writer.create(observation("Patient/never-there"))
    wrong_type = writer.create(observation("Organization/1"))
    made = writer.made(observation(reference))
    refused = writer.delete(reference)

    for answer in (nowhere, wrong_type):
        assert answer.status_code == 422
        assert issues(answer) == [("not-found", ("Observation.subject",))]
    assert refused.status_code == 409
    assert "Observation" in refused.text
    assert made["id"] not in refused.text
    assert writer.delete(f"Observation/{made['id']}").status_code == 204
    assert writer.delete(reference).status_code == 204
    assert writer.create(observation(reference)).status_code == 422


@pytest.mark.parametrize(
    ("prefer", "accept", "shown"),
    [("return=minimal", JSON, ""), ("return=OperationOutcome", JSON, "OperationOutcome"), ("", XML, "<Patient")],
)
def test_an_answer_is_as_preferred(writer: WritingClient, prefer: str, accept: str, shown: str) -> None:
    answer = writer.create(patient(), Accept=accept, **({"Prefer": prefer} if prefer else {}))

    assert answer.status_code == 201
    assert answer.headers["Location"]
    assert (shown in answer.text) if shown else answer.text == ""


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "Patient/4"), ("PATCH", "Patient"), ("DELETE", "Patient/4/_history/1")]
)
def test_other_methods_are_405_and_say_which_there_are(writer: WritingClient, method: str, path: str) -> None:
    answer = writer.send(method, path, patient() if method != "DELETE" else None)

    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert method not in answer.headers["Allow"]


def test_a_write_token_cannot_read_and_a_read_token_cannot_write(as_client: Callable[..., WritingClient]) -> None:
    reader = as_client("reads-patients", "user/Patient.read")
    writer = as_client("writes-patients", "user/Patient.write")
    made = writer.create(patient())
    path = made.headers["Location"].partition("/STU3/")[2].partition("/_history")[0]

    # An answer shows no more than a read would.
    assert (made.status_code, made.text) == (201, "")
    assert writer.get(path).status_code == 403
    assert writer.get("Patient").status_code == 403
    assert writer.get(f"{path}/_history").status_code == 403
    assert writer.create(patient(), If_None_Exist=f"identifier={NHS_NUMBER}|1").status_code == 403
    assert writer.patch(path, {"op": "test", "path": "/gender", "value": "male"}).status_code == 403
    refused = [
        reader.create(patient()),
        reader.update({**patient(), "id": path.partition("/")[2]}),
        reader.patch(path, {"op": "remove", "path": "/gender"}),
        reader.delete(path),
        writer.create(observation("Patient/4")),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert reader.get(path).status_code == 200
    assert writer.delete(path).status_code == 204


def test_a_bound_client_writes_in_its_own_record_and_learns_of_no_other(
    as_client: Callable[..., WritingClient], writer: WritingClient
) -> None:
    own, other = writer.made(patient()), writer.made(patient())
    theirs = writer.made(observation(f"Patient/{other['id']}"))
    bound = as_client("bound", "patient/*.cruds", own["id"])
    mine = bound.made(observation(f"Patient/{own['id']}"))

    assert bound.update({**mine, "status": "amended"}).status_code == 200
    assert bound.create(observation(f"Patient/{other['id']}")).status_code == 403
    assert bound.create(observation("Patient/never-there")).status_code == 403
    assert bound.create(patient()).status_code == 403
    assert bound.update({**mine, "subject": {"reference": f"Patient/{other['id']}"}}).status_code == 403
    for path in (f"Observation/{theirs['id']}", "Observation/never-there"):
        body = {**mine, "id": path.partition("/")[2]}
        assert bound.update(body).status_code == 404
        assert bound.update(body, If_Match='W/"1"').status_code == 404
        assert bound.patch(path, {"op": "remove", "path": "/status"}).status_code == 404
        assert bound.delete(path).status_code == 204
        assert bound.get(f"{path}/_history").status_code == 404
        related = observation(f"Patient/{own['id']}", related=[{"target": {"reference": path}}])
        assert issues(bound.create(related)) == [("not-found", ("Observation.related[0].target",))]
    assert writer.get(f"Observation/{theirs['id']}").json() == theirs
    assert bound.delete(f"Observation/{mine['id']}").status_code == 204


def test_a_bound_client_writes_identifiers_of_the_systems_that_it_is_registered_for(
    as_client: Callable[..., WritingClient], writer: WritingClient
) -> None:
    own = writer.made(patient(new_code()))
    bound = as_client("bound-to-systems", "patient/*.cruds", own["id"], ("urn:x", "urn:y"))

    def reading(system: str) -> Resource:
        return observation(f"Patient/{own['id']}", identifier=[{"system": system, "value": own["id"]}])

    created = bound.create(reading("urn:y"), If_None_Exist=f"identifier=urn:y|{own['id']}")
    assert created.status_code == 201
    assert bound.create(reading("urn:z")).status_code == 403
    assert bound.create(reading("urn:y"), If_None_Exist=f"identifier=urn:z|{own['id']}").status_code == 403
    assert bound.patch(f"Patient/{own['id']}", {"op": "remove", "path": "/identifier"}).status_code == 403
    assert bound.delete(f"Patient/{own['id']}").status_code == 403
    assert writer.get(f"Patient/{own['id']}").json() == own
    assert bound.delete(f"Observation/{created.json()['id']}").status_code == 204


def test_what_was_deleted_is_found_nowhere(writer: WritingClient) -> None:
    target = writer.made(patient())
    made = writer.made(observation(f"Patient/{target['id']}"))
    writer.delete(f"Observation/{made['id']}")

    assert writer.ids(f"Observation?patient={target['id']}") == []
    assert writer.ids(f"Observation?_id={made['id']}") == []
    assert writer.ids(f"Patient?_id={target['id']}&_revinclude=Observation:patient") == [target["id"]]
    assert writer.ids(f"Patient/{target['id']}/$everything") == [target["id"]]


@pytest.mark.long
def test_more_entries_than_a_transaction_takes_are_written_whole(writer: WritingClient) -> None:
    codes = [new_code() for _ in range(50)]
    names = [{"family": f"Abc{number}"} for number in range(30)]
    made = writer.made(patient(*codes, name=names, text=LONG_TEXT))
    changed = writer.update({**made, "identifier": made["identifier"][25:], "gender": "male"})

    assert changed.status_code == 200
    assert writer.ids(f"Patient?identifier={NHS_NUMBER}%7C{codes[0]}") == []
    assert writer.ids(f"Patient?identifier={NHS_NUMBER}%7C{codes[49]}&gender=male") == [made["id"]]
    assert writer.delete(f"Patient/{made['id']}").status_code == 204
    assert writer.ids(f"Patient?identifier={NHS_NUMBER}%7C{codes[49]}") == []


def test_the_directory_is_written_by_a_function_of_its_own(
    as_client: Callable[..., WritingClient], writer: WritingClient, bearer: Callable[[DemoClient], dict[str, str]]
) -> None:
    organization = {"resourceType": "Organization", "name": "A practice", "identifier": [{"value": new_code()}]}
    made = writer.made(organization)
    child = writer.made({**organization, "partOf": {"reference": f"Organization/{made['id']}"}})
    refers = writer.made(patient(managingOrganization={"reference": f"Organization/{made['id']}"}))

    assert writer.delete(f"Organization/{made['id']}").status_code == 409
    writer.delete(f"Patient/{refers['id']}")
    assert writer.delete(f"Organization/{made['id']}").status_code == 409
    writer.delete(f"Organization/{child['id']}")
    assert writer.delete(f"Organization/{made['id']}").status_code == 204
    assert as_client("profile-alone", "profile").create(organization).status_code == 403
