"""Batches: each entry by itself, in order, as if it had come alone (`bundles.md`, Batch)."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from lxml import etree

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.storage.quota import Quota
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import XML, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.recorded_writes import with_record
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.running.bundle_service import Bundles, Entry, batch, entry, statuses, transaction

NEW = {**patient("1"), "id": "new"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_entries_are_answered_one_by_one_and_in_order(bundles: Bundles, writer: Writer) -> None:
    answered = bundles.batch(
        entry("PUT", "Patient/a", {**patient(gender="female"), "id": "a"}),
        entry("POST", "Observation", observation("Patient/a")),
        entry("GET", "Patient/a"),
        entry("GET", "Observation?patient=a"),
        entry("DELETE", "Observation/new-0"),
        entry("GET", "Observation/new-0"),
        entry("POST", "Organization", {"resourceType": "Organization", "name": "A practice"}),
        entry("GET", "Organization/new-1"),
    )

    assert statuses(answered) == [201, 201, 200, 200, 204, 410, 201, 200]
    assert [each["response"]["status"] for each in answered][:2] == ["201 Created", "201 Created"]
    assert answered[2]["resource"] == answered[0]["resource"] == writer.reader.get("Patient/a").json
    assert [each["resource"]["id"] for each in answered[3]["resource"]["entry"]] == ["new-0"]
    assert answered[0]["response"]["location"] == f"{FHIR_BASE}/Patient/a/_history/1"
    assert answered[0]["response"]["etag"] == 'W/"1"'
    assert answered[0]["response"]["lastModified"] == "2025-06-15T15:06:40Z"
    assert answered[5]["response"]["outcome"]["issue"][0]["diagnostics"] == "The resource was deleted."
    assert "resource" not in answered[4]
    assert "resource" not in answered[5]


ALONE: dict[str, Callable[[Writer], tuple[Entry, Answer]]] = {
    "an invalid resource": lambda one: (
        entry("POST", "Patient", {"resourceType": "Patient", "gender": 1}),
        one.create({"resourceType": "Patient", "gender": 1}),
    ),
    "a resource of another type": lambda one: (
        entry("POST", "Patient", observation("Patient/x")),
        one.send("POST", "Patient", observation("Patient/x")),
    ),
    "a missing resource": lambda one: (entry("PUT", "Patient/a"), one.send("PUT", "Patient/a", "")),
    "a reference to nothing": lambda one: (
        entry("POST", "Observation", observation("Patient/none")),
        one.create(observation("Patient/none")),
    ),
    "another version": lambda one: (
        entry("PUT", "Patient/new", NEW, ifMatch='W/"7"'),
        one.update(NEW, If_Match='W/"7"'),
    ),
    "a condition that is none": lambda one: (
        entry("POST", "Patient", patient(), ifNoneExist="name=x"),
        one.create(patient(), If_None_Exist="name=x"),
    ),
    "an absent resource": lambda one: (entry("GET", "Patient/none"), one.reader.get("Patient/none")),
    "an unknown parameter": lambda one: (
        entry("GET", "Patient?_sort=shoe-size"),
        one.reader.get("Patient", "_sort=shoe-size"),
    ),
    "a malformed id": lambda one: (entry("GET", "Patient/a_b"), one.reader.get("Patient/a_b")),
    "a type that is not served": lambda one: (entry("GET", "Appointment/1"), one.reader.get("Appointment/1")),
    "no type": lambda one: (
        entry("POST", "Nonsense", {"resourceType": "Nonsense"}),
        one.send("POST", "Nonsense", {"resourceType": "Nonsense"}),
    ),
    "no operation": lambda one: (entry("GET", "Patient/a/$nope"), one.reader.get("Patient/a/$nope")),
    "a history of a type": lambda one: (entry("GET", "Patient/_history"), one.reader.get("Patient/_history")),
    "a slash at the end": lambda one: (entry("PUT", "Patient/a/"), one.send("PUT", "Patient/a/", "")),
    "a malformed ifMatch": lambda one: (
        entry("PUT", "Patient/new", NEW, ifMatch="7"),
        one.update(NEW, If_Match="7"),
    ),
    "an empty ifMatch": lambda one: (entry("PUT", "Patient/new", NEW, ifMatch=""), one.update(NEW, If_Match="")),
    "an ifNoneExist that is no query": lambda one: (
        entry("POST", "Patient", patient(), ifNoneExist="Observation?identifier=x|1"),
        one.create(patient(), If_None_Exist="Observation?identifier=x|1"),
    ),
    "many parameters": lambda one: (
        entry("GET", f"Patient?{'&'.join(['name=x'] * 201)}"),
        one.reader.get("Patient", [("name", "x")] * 201),
    ),
    "too many parameters": lambda one: (
        entry("GET", f"Patient?{'&'.join(['a='] * 1_001)}"),
        one.reader.get("Patient", [("a", "")] * 1_001),
    ),
    "bytes that are not UTF-8": lambda one: (
        entry("GET", "Patient?name=%FF"),
        one.reader.get("Patient", [("name", "\ufffd")]),
    ),
    "a method that the path does not have": lambda one: (
        entry("DELETE", "Patient/a/_history"),
        one.delete("Patient/a/_history"),
    ),
}


@pytest.mark.parametrize("case", ALONE)
def test_an_entry_that_fails_is_answered_as_alone_and_fails_no_other(
    case: str, bundles: Bundles, writer: Writer
) -> None:
    given, alone = ALONE[case](writer)

    first, failed, last = bundles.batch(entry("PUT", "Patient/x", {**NEW, "id": "x"}), given, entry("GET", "Patient/x"))

    assert statuses([first, failed, last]) == [201, alone.status, 200]
    assert alone.status >= 400
    assert failed["response"]["outcome"] == alone.json
    assert failed.keys() == {"response"}


ALONE_ONLY = (404, "not-supported", "That is not offered in a Bundle: send it by itself.")
NO_METHOD = (405, "not-supported", "An entry's method is GET, POST, PUT or DELETE: send another by itself.")
ELSEWHERE = (400, "structure", "An entry's URL is below this FHIR base: a path such as Patient/4")
TOO_MANY = (400, "invalid", "There are too many parameters")
REFUSED: dict[str, tuple[Entry, tuple[int, str, str]]] = {
    "the service's description": (entry("GET", "metadata"), ALONE_ONLY),
    "the configuration of SMART": (entry("GET", ".well-known/smart-configuration"), ALONE_ONLY),
    "the base": (entry("GET", FHIR_BASE), ALONE_ONLY),
    "a Bundle": (entry("POST", "/", batch()), ALONE_ONLY),
    "the audit trail": (entry("GET", "AuditEvent?patient=4"), ALONE_ONLY),
    "a bulk export": (entry("GET", "$export"), ALONE_ONLY),
    "a bulk export's file": (entry("GET", "$export/j/Patient.0.1.ndjson"), ALONE_ONLY),
    "a bulk export of patients": (entry("POST", "Patient/$export"), ALONE_ONLY),
    "a patch": (entry("PATCH", "Patient/4", {"resourceType": "Binary", "contentType": "x"}), NO_METHOD),
    "the headers of a read": (entry("HEAD", "Patient/4"), NO_METHOD),
    "W14: a preflight": (entry("OPTIONS", "Patient/4"), NO_METHOD),
    "a method that is none": (entry("GRAB", "Patient/4"), NO_METHOD),
    "another server": (entry("GET", "https://elsewhere.example/careconnect-ri/STU3/Patient/4"), ELSEWHERE),
    "a URL that is no address": (entry("DELETE", "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"), ELSEWHERE),
    "a criterion after too many": (
        entry("DELETE", f"Patient?identifier=urn:x%7C7&{'_format=json&' * 1_000}name=x"),
        TOO_MANY,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_entry_of_what_no_bundle_offers_fails_by_itself_and_is_audited(case: str, writer: Writer) -> None:
    given, (status, code, text) = REFUSED[case]
    recorded, record = with_record(writer)
    recorded.made({**patient(identifier=[{"system": "urn:x", "value": "7"}]), "id": "4"})
    bundles = Bundles(recorded)
    record.forget()

    failed, last = bundles.batch(given, entry("GET", "Patient/4"))

    assert statuses([failed, last]) == [status, 200]
    (issue,) = failed["response"]["outcome"]["issue"]
    assert (issue["severity"], issue["code"]) == ("error", code)
    assert issue["diagnostics"].startswith(text)
    refused, _ = sorted(record.all(), key=lambda event: event.interaction == "read")
    named = "4" if given["request"]["url"] == "Patient/4" else ""
    assert (refused.interaction, refused.outcome.value, refused.patient) == ("unknown", "4", named)


def test_validate_is_an_entry_like_any_and_no_write(bundles: Bundles, writer: Writer) -> None:
    made = writer.made(patient())
    good = observation(f"Patient/{made['id']}")
    answered = bundles.batch(
        entry("POST", "Observation/$validate", good), entry("POST", "Observation/$validate", good | {"status": "odd"})
    )

    assert statuses(answered) == [200, 200]
    assert [each["response"]["outcome"]["issue"][0]["severity"] for each in answered] == ["information", "error"]
    assert writer.reader.get("Observation").ids() == []


def test_validate_takes_parameters_as_alone_and_is_refused_in_a_transaction(bundles: Bundles, writer: Writer) -> None:
    made = writer.made(patient())
    delete = {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "delete"}]}
    path = f"Patient/{made['id']}/$validate"

    (answered,) = bundles.batch(entry("POST", path, delete))
    refused = bundles.send(transaction(entry("POST", path, delete)))

    assert answered["response"]["outcome"] == writer.send("POST", path, delete).json
    assert (refused.status, issues_in(refused)) == (405, [("not-supported", ("Bundle.entry[0]",))])


def test_everything_is_posted_in_a_batch_and_in_a_transaction_as_alone(bundles: Bundles, writer: Writer) -> None:
    made = writer.made(patient())
    writer.made(observation(f"Patient/{made['id']}"))
    asked = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Observation"}]}
    posted = entry("POST", f"Patient/{made['id']}/$everything", asked)

    for send in (batch, transaction):
        answer = bundles.send(send(posted))
        (answered,) = answer.json["entry"]
        assert [each["resource"]["resourceType"] for each in answered["resource"]["entry"]] == ["Observation"]


def test_conditions_are_taken_as_the_headers_are(bundles: Bundles) -> None:
    numbered = patient("1", identifier=[{"system": "urn:x", "value": "7"}])
    made = bundles.batch(entry("POST", "Patient", numbered, ifNoneExist="identifier=urn:x%7C7"))
    (one,) = made
    reference = one["response"]["location"].removeprefix(f"{FHIR_BASE}/").removesuffix("/_history/1")

    answered = bundles.batch(
        entry("POST", "Patient", numbered, ifNoneExist="identifier=urn:x%7C7"),
        entry("PUT", "Patient?identifier=urn:x%7C7", {**numbered, "gender": "female"}),
        entry("GET", reference, ifNoneMatch='W/"2"'),
        entry("GET", reference, ifModifiedSince="2025-06-15T15:06:40Z"),
        entry("GET", reference, ifModifiedSince="2020-01-01T00:00:00+01:00"),
        entry("GET", reference, ifModifiedSince="0001-01-01T00:00:00+14:00"),
        entry("PUT", reference, {**numbered, "id": reference.rpartition("/")[2]}, ifMatch='W/"2"'),
        entry("DELETE", "Patient?identifier=urn:x%7C7"),
    )

    assert statuses(answered) == [200, 200, 304, 304, 200, 200, 200, 204]
    assert answered[0]["response"]["etag"] == 'W/"1"'
    assert answered[1]["response"]["etag"] == 'W/"2"'
    assert answered[2] == {"response": {"status": "304 Not Modified", "etag": 'W/"2"'}} | {
        "response": answered[2]["response"]
    }


@pytest.mark.parametrize("url", [f"{FHIR_BASE}/Patient/a", "/Patient/a", "Patient/a"])
def test_a_url_is_relative_to_the_base_or_of_this_server(url: str, bundles: Bundles) -> None:
    assert statuses(bundles.batch(entry("PUT", url, {**NEW, "id": "a"}), entry("GET", url))) == [201, 200]


@pytest.mark.parametrize(
    ("prefer", "shown"), [("return=minimal", ""), ("return=OperationOutcome", "outcome"), ("", "resource")]
)
def test_prefer_says_what_a_written_entry_shows(prefer: str, shown: str, bundles: Bundles) -> None:
    headers = {"Prefer": prefer} if prefer else {}
    (made,) = bundles.batch(entry("POST", "Patient", patient()), **headers)

    assert ("resource" in made) is (shown == "resource")
    assert ("outcome" in made["response"]) is (shown == "outcome")
    assert made["response"]["location"]


def test_a_resource_of_an_answer_has_its_full_url_once_for_each_version(bundles: Bundles) -> None:
    made, changed = ({**patient(gender=gender), "id": "a"} for gender in ("male", "female"))
    answered = bundles.batch(
        entry("PUT", "Patient/a", made),
        entry("GET", "Patient/a"),
        entry("PUT", "Patient/a", changed),
        entry("GET", "Patient/a/_history/1?_elements=gender"),
        entry("GET", "Patient/a/_history/2?_summary=true"),
        entry("GET", "Patient?_id=a"),
        entry("GET", "Patient/a/_history"),
        entry("GET", "Patient/none"),
        entry("POST", "Patient/$validate", patient()),
        entry("POST", "Organization", {"resourceType": "Organization", "name": "x"}),
    )

    assert statuses(answered) == [201, 200, 200, 200, 200, 200, 200, 404, 200, 201]
    shown = [each.get("fullUrl") for each in answered]
    assert shown == [f"{FHIR_BASE}/Patient/a", None] * 2 + [None] * 5 + [f"{FHIR_BASE}/Organization/new-1"]
    once = [(each["fullUrl"], each["resource"]["meta"]["versionId"]) for each in answered if "fullUrl" in each]
    assert once == [(f"{FHIR_BASE}/Patient/a", "1"), (f"{FHIR_BASE}/Patient/a", "2"), once[-1]]


def test_numbers_and_texts_go_through_to_the_letter(bundles: Bundles, writer: Writer) -> None:
    text = json_text(observation("Patient/a")).replace('"valueQuantity"', '"x"')
    measured = json.loads(text) | {"valueQuantity": {"value": 0, "unit": "°C"}}
    sent = json_text(batch(entry("PUT", "Patient/a", {**NEW, "id": "a"}), entry("POST", "Observation", measured)))

    answer = bundles.send(sent.replace('"value":0,', '"value":1.50,'))

    assert '"value":1.50,' in answer.text
    assert '"value":1.50,' in writer.reader.get("Observation/new-0").text
    assert "°C" in answer.text


def test_a_batch_in_xml_is_answered_in_xml(bundles: Bundles) -> None:
    sent = resource_xml(json_text(batch(entry("POST", "Patient", patient("1")), entry("GET", "Patient/new-0"))))

    answer = bundles.send(sent, Content_Type=XML, Accept=XML)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/fhir+xml; charset=utf-8")
    found = etree.fromstring(answer.text.encode())
    given = [each.get("value") for each in found.iterfind(".//{*}response/{*}status")]
    assert given == ["201 Created", "200 OK"]
    valid_xml(answer.text, "Bundle")


def test_an_answer_is_valid_stu3(bundles: Bundles) -> None:
    answer = bundles.send(batch(entry("POST", "Patient", patient()), entry("GET", "Patient/none")), ("_pretty", "true"))

    assert answer.text.startswith('{\n  "resourceType": "Bundle"')
    valid_json(answer.text, "Bundle")


def test_a_query_is_decoded_as_the_gateway_decodes_it(bundles: Bundles, writer: Writer) -> None:
    query = "shoe=&name=a%20b+c&_id=1&name=%C3%A9"
    (read,) = bundles.batch(entry("GET", f"Patient?{query}"))

    assert read["resource"] == writer.reader.get("Patient", query).json


def test_a_batch_of_500_entries_is_taken(bundles: Bundles) -> None:
    assert statuses(bundles.batch(*[entry("GET", "Patient/none")] * 500)) == [404] * 500


def test_an_empty_batch_does_nothing(bundles: Bundles) -> None:
    assert bundles.batch() == []


def test_each_entry_is_audited_as_alone_and_the_batch_not_besides(writer: Writer) -> None:
    recorded, record = with_record(writer)
    bundles = Bundles(recorded)

    events = record.since(
        lambda: bundles.batch(
            entry("PUT", "Patient/a", {**NEW, "id": "a"}),
            entry("GET", "Patient/a"),
            entry("GET", "Patient/none"),
            entry("GET", "Organization"),
            entry("GET", "AuditEvent?patient=a"),
            traceparent=TRACE,
            X_Request_Id="sent-by-the-caller",
        )
    )

    found = sorted((event.interaction, event.patient, event.outcome.value) for event in events)
    assert found == [
        *(("read", "a", "0"), ("read", "none", "0"), ("search-type", "", "0")),
        *(("unknown", "", "4"), ("update", "a", "0")),
    ]
    assert {(event.request_id, event.trace) for event in events} == {("sent-by-the-caller", TRACE)}


def test_a_refused_batch_is_one_event_of_nobody(writer: Writer) -> None:
    recorded, record = with_record(writer)
    bundles = Bundles(recorded)

    (event,) = record.since(lambda: bundles.send({"resourceType": "Patient"}))

    assert (event.interaction, event.action.value, event.patient, event.outcome.value) == ("batch", "E", "", "4")


def test_each_entry_is_authorised_as_alone(writer: Writer) -> None:
    writer.made({**NEW, "id": "a"})
    few = Bundles(writer.as_caller("system/Observation.c system/Patient.r"))

    answered = few.batch(
        entry("POST", "Observation", observation("Patient/a")),
        entry("GET", "Patient/a"),
        entry("GET", "Patient?name=x"),
        entry("DELETE", "Patient/a"),
        entry("GET", "AuditEvent?patient=a"),
    )

    assert statuses(answered) == [201, 200, 403, 403, 404]
    assert "system/Patient.s" in answered[2]["response"]["outcome"]["issue"][0]["diagnostics"]


def test_a_bound_client_stays_in_its_compartment(writer: Writer) -> None:
    for each in ("own", "other"):
        writer.made({**NEW, "id": each})
    bound = Bundles(writer.as_caller("patient/*.cruds", patient="own"))

    answered = bound.batch(
        entry("POST", "Observation", observation("Patient/own")),
        entry("POST", "Observation", observation("Patient/other")),
        entry("GET", "Patient/other"),
    )

    assert statuses(answered) == [201, 403, 404]


def test_each_entry_is_charged_as_alone(writer: Writer) -> None:
    def charged(send: Callable[[Writer], object]) -> int:
        counters = UsageCounters()
        send(replace(writer, quota=Quota(counters, 10**9)))
        return sum(counters.charges)

    alone = charged(lambda one: one.create(patient("2")))

    assert charged(lambda one: Bundles(one).batch(*[entry("POST", "Patient", patient("2"))] * 3)) == 3 * alone


def test_reads_beyond_one_free_share_are_charged_before_any_is_begun(writer: Writer) -> None:
    """One request with hundreds of cheap reads would not be limited by the number of requests."""
    counters = UsageCounters()
    bundles = Bundles(replace(writer, quota=Quota(counters, 2_000)))
    read, search = entry("GET", "Patient/none"), entry("GET", "Patient?name=x")

    assert statuses(bundles.batch(*[read] * 30, *[search] * 4)) == [404] * 30 + [200] * 4
    assert counters.charges == []
    assert statuses(bundles.batch(*[read] * 60, *[search] * 4)) == [404] * 60 + [200] * 4
    assert counters.charges == [1_800]
    assert statuses(bundles.batch(*[search] * 16)) == [200] * 16
    answer = bundles.send(batch(*[search] * 16))
    assert (answer.status, answer.issue["code"]) == (429, "throttled")
    assert int(answer.headers["Retry-After"]) <= 60


def test_reads_that_no_minute_pays_for_are_refused_for_good(writer: Writer) -> None:
    poor = replace(writer, quota=Quota(UsageCounters(), 1_000))

    answer = Bundles(poor).send(batch(*[entry("GET", "Patient?_count=1")] * 50))

    assert (answer.status, answer.issue["code"]) == (422, "too-costly")


def test_what_is_not_begun_in_time_is_503_and_not_done(bundles: Bundles, writer: Writer) -> None:
    def slow(operation: str) -> None:
        if operation == "TransactWriteItems":
            writer.stopwatch.now += 7

    writer.faults.append(slow)
    answered = bundles.batch(*[entry("PUT", f"Patient/{number}", {**NEW, "id": str(number)}) for number in range(5)])
    writer.faults.clear()

    assert statuses(answered) == [201, 201, 201, 503, 503]
    assert answered[3]["response"]["outcome"]["issue"][0]["code"] == "transient"
    assert [writer.reader.get(f"Patient/{number}").status for number in range(5)] == [200, 200, 200, 404, 404]


def test_a_table_that_does_not_answer_fails_the_entry_alone(bundles: Bundles, writer: Writer) -> None:
    left = [1]

    def fail(operation: str) -> None:
        if operation == "TransactWriteItems" and left:
            left.pop()
            raise ClientError({"Error": {"Code": "InternalServerError"}}, operation)

    writer.faults.append(fail)
    answered = bundles.batch(entry("POST", "Patient", patient()), entry("POST", "Patient", patient()))
    writer.faults.clear()

    assert statuses(answered) == [503, 201]


def test_an_answer_that_is_full_loses_what_can_be_read_again(bundles: Bundles, writer: Writer) -> None:
    long = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 300_000}</div>'}
    writer.made({**NEW, "id": "a", "text": long})

    answered = bundles.batch(
        *[entry("GET", "Patient/a")] * 30,
        entry("PUT", "Patient/a", {**NEW, "id": "a", "text": long, "gender": "male"}),
        entry("GET", "Patient/a?_elements=gender"),
    )

    assert statuses(answered)[:3] == [200, 200, 200]
    assert statuses(answered)[-3:] == [413, 200, 200]
    assert answered[-3]["response"]["outcome"]["issue"][0]["code"] == "too-long"
    assert answered[-2].keys() == {"response"}
    assert [each["response"]["etag"] for each in answered[-2:]] == ['W/"2"'] * 2
    assert [each["fullUrl"] for each in answered if "fullUrl" in each] == [f"{FHIR_BASE}/Patient/a"] * 2
