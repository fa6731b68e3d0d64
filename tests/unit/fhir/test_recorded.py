"""What the access record tells of reads and searches: whose record was opened or refused, and to whom (`audit.md`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from careconnect.audit.event import AuditEvent
from careconnect_testing.few_records import write_deletion, write_records
from careconnect_testing.stores import FHIR_BASE, Reader, load, reader_on_moto

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number|9658218873"

DONE, REFUSED, FAILED = "0", "4", "8"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("recorded")
    with reader_on_moto() as reader:
        load(reader, write_records(folder))
        moved = {
            "resourceType": "Condition",
            "id": "moved",
            "subject": {"reference": "Patient/5"},
            "asserter": {"reference": "Patient/6"},
        }
        load(reader, write_records(folder, [moved]))
        load(reader, write_records(folder, [{**moved, "subject": {"reference": "Patient/4"}}]))
        gone = {"resourceType": "Condition", "id": "gone", "subject": {"reference": "Patient/4"}}
        load(reader, write_records(folder, [gone]))
        load(reader, write_deletion(folder, "Condition", "gone"))
        yield reader


@pytest.fixture
def reader(loaded: Reader) -> Iterator[Reader]:
    loaded.kept.events.clear()
    loaded.kept.steps.clear()
    loaded.kept.fault = ""
    yield loaded
    loaded.faults.clear()


def told(reader: Reader) -> list[tuple[str, str, str]]:
    """Return what the record tells of the last requests: whose, what came of it, and why."""
    return sorted((each.patient, each.outcome.value, each.why) for each in reader.kept.events)


def one(reader: Reader) -> AuditEvent:
    (event,) = reader.kept.events
    return event


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_of_a_patient_is_kept_beside_the_read(reader: Reader, method: str) -> None:
    reader.get("Patient/4", method=method)

    event = one(reader)
    assert told(reader) == [("4", DONE, "")]
    assert (event.interaction, event.action, event.type, event.ids) == ("read", "R", "Patient", ("Patient/4",))
    assert (event.client_id, event.query) == ("client-1", "")
    assert reader.kept.steps == ["begin 1"]


def test_what_was_not_modified_is_disclosed_as_it_would_be_by_a_body(reader: Reader) -> None:
    assert reader.get("Patient/4", If_None_Match='W/"1"').status == 304
    assert reader.get("Observation/o1", If_None_Match='W/"1"').status == 304

    assert told(reader) == [("4", DONE, ""), ("4", DONE, "")]


def test_a_read_of_a_record_learns_from_it_whose_it_is(reader: Reader) -> None:
    reader.get("Observation/o1")

    assert told(reader) == [("4", DONE, "")]
    assert reader.kept.steps == ["keep 1"]


def test_a_version_tells_of_whoever_had_it_then(reader: Reader) -> None:
    assert reader.get("Condition/moved/_history/1").status == 200
    assert one(reader).ids == ("Condition/moved/_history/1",)
    assert told(reader) == [("5", DONE, "")]
    reader.kept.events.clear()

    assert reader.get("Condition/moved/_history").json["total"] == 2
    assert told(reader) == [("4", DONE, ""), ("5", DONE, "")]
    assert {each.interaction for each in reader.kept.events} == {"history-instance"}


@pytest.mark.parametrize("path", ["Organization/P1", "Organization?name=leeds", "Practitioner", "Organization/absent"])
def test_what_touches_no_patient_is_one_event_without_one(reader: Reader, path: str) -> None:
    status = reader.get(*path.split("?")).status

    assert told(reader) == [("", DONE, "") if status == 200 else ("", REFUSED, "not found")]
    assert reader.kept.steps[0] == "begin 1"


def test_without_the_scope_nothing_of_the_directory_is_begun(reader: Reader) -> None:
    caller = reader.as_caller("user/Patient.read")
    for path in ("Organization/P1", "Organization?name=leeds", "Organization/P1/_history"):
        assert caller.get(*path.split("?")).status == 403

    assert told(reader) == [("", REFUSED, "scope")] * 3
    assert reader.kept.steps == ["keep 1"] * 3


@pytest.mark.parametrize("path", ["Patient/absent", "Patient/absent/$everything", "Patient/absent/_history"])
def test_an_absent_patient_is_named_by_the_id_that_was_asked_for(reader: Reader, path: str) -> None:
    assert reader.get(path).status == 404

    assert told(reader) == [("absent", REFUSED, "not found")]


def test_what_is_deleted_is_refused_and_tells_whose_it_was(reader: Reader) -> None:
    assert reader.get("Condition/gone").status == 410
    assert reader.get("Condition/gone/_history/9").status == 404
    assert reader.get("Condition/gone/_history/nonsense").status == 404

    assert told(reader) == [("4", REFUSED, "deleted"), *[("4", REFUSED, "not found")] * 2]


def test_a_bound_client_that_is_refused_another_patients_record_is_told_of_with_that_patient(reader: Reader) -> None:
    bound = reader.as_caller("patient/*.read", patient="5")
    for path in ("Observation/o1", "Condition/moved", "Patient/4", "Patient/4/$everything"):
        reader.kept.events.clear()
        assert bound.get(path).status == 404
        assert told(reader) == [("4", REFUSED, "compartment")], path
        assert one(reader).is_correction is False
    reader.kept.events.clear()

    assert bound.get("Condition/moved/_history/2").status == 404
    assert told(reader) == [("4", REFUSED, "compartment")]


def test_without_the_scope_nothing_is_looked_up_and_the_path_says_whose_it_is(reader: Reader) -> None:
    caller = reader.as_caller("user/Observation.read")
    for path in ("Patient/4", "Patient/4/$everything", "Condition?patient=4", "Patient/4/Condition"):
        reader.kept.events.clear()
        assert caller.get(*path.split("?")).status == 403
        assert told(reader) == [("4", REFUSED, "scope")], path
        assert not any(step.startswith("begin") for step in reader.kept.steps)
    reader.kept.events.clear()

    assert caller.get("Condition/moved").status == 403
    assert told(reader) == [("", REFUSED, "scope")]


def test_a_search_tells_of_everybody_on_its_page_and_is_kept_beside_their_bodies(reader: Reader) -> None:
    found = reader.get("Patient", "birthdate=ge1990&_sort=_id")

    assert [entry["resource"]["id"] for entry in found.json["entry"]] == ["4", "5", "6"]
    assert told(reader) == [("4", DONE, ""), ("5", DONE, ""), ("6", DONE, "")]
    assert reader.kept.steps == ["begin 3"]
    assert {each.query for each in reader.kept.events} == {"birthdate=digest-of-6&_sort=_id"}
    reader.kept.events.clear()

    page = reader.get("Patient", "birthdate=ge1990&_count=1&_sort=_id")
    (shown,) = [entry["resource"]["id"] for entry in page.json["entry"]]
    assert told(reader) == [(shown, DONE, "")]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Observation", "patient=6"),
        ("Observation", "subject=Patient/6"),
        ("Observation", f"patient={FHIR_BASE}/Patient/6"),
        ("Patient/6/Observation", ""),
        ("Observation", "patient=6&_summary=count"),
        ("Patient", "_id=6&_count=0"),
        ("Patient", "_id=6&gender=female"),
    ],
)
def test_who_is_named_is_told_of_though_nothing_is_shown(reader: Reader, path: str, query: str) -> None:
    assert reader.get(path, query).status == 200

    assert told(reader) == [("6", DONE, "")]
    assert reader.kept.steps == ["begin 1"]


def test_a_count_of_nobody_in_particular_tells_of_nobody(reader: Reader) -> None:
    assert reader.get("Patient", "gender=female&_summary=count").json["total"] == 1

    assert told(reader) == [("", DONE, "")]


def test_a_search_by_number_tells_of_whom_it_found_and_holds_no_number(reader: Reader) -> None:
    reader.get("Patient", [("identifier", NHS_NUMBER)])

    assert told(reader) == [("4", DONE, "")]
    assert one(reader).query == f"identifier=digest-of-{len(NHS_NUMBER)}"


def test_a_posted_search_is_recorded_as_one_in_the_url(reader: Reader) -> None:
    reader.post("Patient/_search", f"identifier={NHS_NUMBER}&_count=5")

    assert (one(reader).interaction, one(reader).query) == (
        "search-type",
        f"identifier=digest-of-{len(NHS_NUMBER)}&_count=5",
    )


def test_a_next_page_is_recorded_with_its_search_and_its_place(reader: Reader) -> None:
    first = reader.get("Observation", "patient=4&_count=2")
    reader.kept.events.clear()
    reader.follow(next(link["url"] for link in first.json["link"] if link["relation"] == "next"))

    assert told(reader) == [("4", DONE, "")]
    assert one(reader).query.startswith("patient=4&_count=2&_cursor=")


@pytest.mark.parametrize(
    ("query", "patients"),
    [
        ("_id=o1&_include=Observation:patient", ["4"]),
        ("_id=o1&_include=Observation:encounter", ["4"]),
        ("_id=o1&_include=Observation:performer", ["4"]),
    ],
)
def test_what_is_included_of_the_same_patient_is_no_other_event(
    reader: Reader, query: str, patients: list[str]
) -> None:
    assert reader.get("Observation", query).status == 200

    assert told(reader) == [(patient, DONE, "") for patient in patients]


def test_another_patient_who_is_included_is_told_of(reader: Reader) -> None:
    found = reader.get("Condition", "_id=moved&_include=Condition:asserter").json

    assert [entry["resource"]["id"] for entry in found["entry"]] == ["moved", "6"]
    assert told(reader) == [("4", DONE, ""), ("6", DONE, "")]
    reader.kept.events.clear()
    reader.get("Patient", "_id=4,6&_revinclude=Observation:patient")
    assert told(reader) == [("4", DONE, ""), ("6", DONE, "")]


def test_a_whole_record_is_one_event_of_its_patient_and_one_of_each_other_in_it(reader: Reader) -> None:
    everything = reader.get("Patient/4/$everything", "_count=100").json

    assert "6" in [entry["resource"]["id"] for entry in everything["entry"]]
    assert told(reader) == [("4", DONE, ""), ("6", DONE, "")]
    event = next(each for each in reader.kept.events if each.patient == "4")
    assert (event.interaction, event.action, event.ids) == ("operation", "E", ("Patient/4",))
    assert reader.kept.steps[0] == "begin 1"


@pytest.mark.parametrize("query", ["patient=4&nonsense:of=1", "patient=4&date=nonsense", "patient=4&_count=x"])
def test_a_malformed_search_is_refused_and_names_whom_it_named(reader: Reader, query: str) -> None:
    answer = reader.get("Observation", query, Prefer="handling=strict")

    assert answer.status == 400
    assert told(reader) == [("4", REFUSED, "bad request")]


@pytest.mark.parametrize("path", ["Nothing/4", "Patient/!", "patient/4", "Patient/4/nothing"])
def test_a_path_that_says_nothing_is_an_event_that_holds_none_of_it(reader: Reader, path: str) -> None:
    assert reader.get(path).status in (400, 404)

    event = one(reader)
    assert (event.patient, event.type, event.ids, event.interaction) == ("", "", (), "unknown")


def test_an_expired_token_is_an_event_of_its_client(reader: Reader) -> None:
    reader.now.now += 10**6
    event: dict[str, Any] = {"client_id": "client-1", "scope": "user/Patient.read", "expires_at": "1"}
    try:
        from careconnect_testing.events import fhir_event

        assert reader.send(fhir_event("GET", "Patient/4", authorizer=event)).status == 401
    finally:
        reader.now.now -= 10**6

    assert told(reader) == [("", REFUSED, "token")]
    assert one(reader).client_id == "client-1"


@dataclass
class Breaks:
    """Breaks a kind of call."""

    operation: str

    def __call__(self, name: str) -> None:
        if name == self.operation:
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "InternalServerError"}}, name)


@pytest.mark.parametrize(
    ("path", "query", "operation", "patients"),
    [
        ("Patient/4", "", "GetItem", ["4"]),
        ("Observation/o1", "", "GetItem", [""]),
        ("Observation", "patient=4", "Query", ["4"]),
        ("Observation", "patient=4", "BatchGetItem", ["4"]),
        ("Patient", "birthdate=ge1990", "BatchGetItem", ["4", "5", "6"]),
        ("Patient/4/$everything", "", "Query", ["4"]),
    ],
)
def test_what_failed_after_its_event_was_begun_is_corrected(
    reader: Reader, path: str, query: str, operation: str, patients: list[str]
) -> None:
    reader.faults.append(Breaks(operation))

    assert reader.get(path, query).status == 503
    assert told(reader) == [(patient, FAILED, "error") for patient in patients]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient/4", ""),
        ("Observation/o1", ""),
        ("Observation", "patient=4"),
        ("Patient", "birthdate=ge1990"),
        ("Patient/4/$everything", ""),
        ("Condition/moved/_history", ""),
        ("Organization/P1", ""),
        ("Patient/absent", ""),
    ],
)
def test_no_disclosure_leaves_without_its_event(reader: Reader, path: str, query: str) -> None:
    reader.kept.fault = "ProvisionedThroughputExceededException"
    answer = reader.get(path, query)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert "4" not in answer.text.replace("http://hl7.org/fhir", "").replace("STU3", "")
    assert reader.kept.events == []
