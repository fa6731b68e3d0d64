"""The audit events of reads and searches: the patient and the caller of each access or error (`audit.md`, Whose)."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.audit.event import AuditEvent
from careconnect.audit.query import MAX_PATIENTS
from careconnect.storage.keys import INDEX_ITEM
from careconnect.storage.quota import UNCOUNTED_UNITS, UNITS_PER_EVENT
from careconnect_testing.http.events import fhir_event
from careconnect_testing.http.writes import LONG_TEXT
from careconnect_testing.parts.stores import FHIR_BASE, Reader, load, reader_in_memory
from careconnect_testing.records.few_records import Resource, write_deletion, write_records

SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
NUMBER = f"{SYSTEM}|9658218873"
"""Of Patient 4."""

Reported = list[tuple[str, str, str, int]]
"""Of each event whom it names, its outcome, why and its status."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("recorded")
    with reader_in_memory() as reader:
        load(reader, write_records(folder))
        moved = {
            "resourceType": "Condition",
            "id": "moved",
            "clinicalStatus": "active",
            "subject": {"reference": "Patient/5"},
            "asserter": {"reference": "Patient/6"},
        }
        load(reader, write_records(folder, [moved]))
        load(reader, write_records(folder, [{**moved, "subject": {"reference": "Patient/4"}}]))
        gone = {
            "resourceType": "Condition",
            "id": "gone",
            "clinicalStatus": "active",
            "subject": {"reference": "Patient/4"},
        }
        load(reader, write_records(folder, [gone]))
        load(reader, write_deletion(folder, "Condition", "gone"))
        yield reader


@pytest.fixture
def reader(loaded: Reader) -> Iterator[Reader]:
    loaded.kept.events.clear()
    loaded.kept.steps.clear()
    loaded.calls.clear()
    loaded.kept.fault = ""
    yield loaded
    loaded.faults.clear()


def reported(reader: Reader) -> Reported:
    return sorted((each.patient, each.outcome.value, each.why, each.status) for each in reader.kept.events)


def allowed(*patients: str) -> Reported:
    return [(patient, "0", "", 0) for patient in patients]


def one(reader: Reader) -> AuditEvent:
    (event,) = reader.kept.events
    return event


def ask(reader: Reader, asked: str) -> int:
    """Ask for a path and its query and return the status; `POST` before it sends the query as a form."""
    method, _, rest = asked.rpartition(" ")
    path, _, query = rest.partition("?")
    if method == "POST":
        return reader.post(path, query).status
    return reader.get(path, query, method=method or "GET").status


ALLOWED = [
    # The path names the patient, whatever the outcome.
    *((f"{method}{path}", 200, ["4"]) for method in ("", "HEAD ") for path in ("Patient/4", "Patient/4/_history")),
    ("Patient/4/$everything?_count=1", 200, ["4"]),
    ("Patient/absent", 404, ["absent"]),
    ("Patient/absent/$everything", 404, ["absent"]),
    ("Patient/absent/_history", 404, ["absent"]),
    ("Patient/4/_history/9", 404, ["4"]),
    # For another resource the patient is in the resource read.
    ("Observation/o1", 200, ["4"]),
    ("Condition/moved/_history/1", 200, ["5"]),
    ("Condition/moved/_history", 200, ["4", "5"]),
    ("Condition/moved/_history?_summary=count", 200, ["4", "5"]),
    ("Condition/moved/_history?_since=2050-01-01T00:00:00Z", 200, ["4", "5"]),
    # Named by an id, wherever that stands, and however little is found.
    *((f"Observation?{query}", 200, ["6"]) for query in ("patient=6", "subject=Patient/6", "subject:Patient._id=6")),
    *((f"Observation?{query}", 200, ["6"]) for query in ("encounter.patient=6", f"patient={FHIR_BASE}/Patient/6")),
    *((f"Observation?patient=6&{query}", 200, ["6"]) for query in ("_summary=count", "_count=0", "code=none")),
    ("Patient/6/Observation", 200, ["6"]),
    ("POST Observation/_search?patient=6", 200, ["6"]),
    ("POST Patient/6/Observation/_search?code=none", 200, ["6"]),
    ("Patient?_id=6&gender=female", 200, ["6"]),
    ("Patient?_id:not=6&_count=0&gender=none", 200, ["6"]),
    ("Patient?_has:Observation:patient:subject=Patient/6", 200, ["6"]),
    # By an identifier of a Patient likewise.
    *((f"Patient?{query}", 200, ["4"]) for query in (f"identifier={NUMBER}", f"identifier={NUMBER}&gender=male")),
    ("Patient?identifier=9658218873&_summary=count&gender=male", 200, ["4", "5"]),
    (f"Observation?patient.identifier={NUMBER}&code=none", 200, ["4"]),
    (f"Observation?encounter.patient.identifier={NUMBER}&code=none", 200, ["4"]),
    (f"Patient?identifier:not={NUMBER}&_count=0&gender=none", 200, ["4"]),
    (f"Patient?identifier={SYSTEM}|none", 200, [""]),
    (f"Patient?identifier={SYSTEM}|&gender=none", 200, [""]),
    # A page discloses all patients on it, and no others.
    ("Patient?birthdate=ge1990", 200, ["4", "5", "6"]),
    ("Condition?_id=moved&_include=Condition:asserter", 200, ["4", "5", "6"]),
    ("Patient?_id=4,6&_revinclude=Observation:patient", 200, ["4", "6"]),
    ("Patient/4/$everything?_count=100", 200, ["4", "5", "6"]),
    ("Observation?_id=o1&_include=Observation:encounter", 200, ["4"]),
    ("Observation?code=none", 200, [""]),
    # A count discloses the patients that it counts.
    ("Patient?gender=female&_summary=count", 200, ["4"]),
    ("Patient?birthdate=ge1990&_count=0", 200, ["4", "5", "6"]),
    ("Condition?_id=moved&_summary=count", 200, ["4"]),
    ("Patient?birthdate=ge1990&_total=accurate&_count=1", 200, ["4", "5", "6"]),
    ("Patient?gender=none&_summary=count", 200, [""]),
    # The directory is nobody's.
    *((path, 200, [""]) for path in ("Organization/P1", "Organization?name=leeds", "Practitioner")),
    ("Organization/absent", 404, [""]),
]


@pytest.mark.parametrize(("asked", "status", "patients"), ALLOWED)
def test_what_is_allowed_is_one_event_of_each_patient_of_whom_it_may_tell(
    reader: Reader, asked: str, status: int, patients: list[str]
) -> None:
    assert ask(reader, asked) == status

    assert reported(reader) == allowed(*patients)


REFUSED = [
    ("Condition/gone", 410, [("4", "4", "deleted", 410)]),
    ("Condition/gone/_history/9", 404, [("4", "4", "not found", 404)]),
    ("Condition/absent", 404, [("", "4", "not found", 404)]),
    ("Observation?patient=4&date=nonsense", 400, [("4", "4", "bad request", 400)]),
    ("Observation?patient=4&_count=x", 400, [("4", "4", "bad request", 400)]),
    ("Observation?patient=4&_cursor=forged", 400, [("4", "4", "bad request", 400)]),
    ("Patient/4/$everything?_cursor=forged", 400, [("4", "4", "bad request", 400)]),
    ("Patient/4/_history?_cursor=forged", 400, [("4", "4", "bad request", 400)]),
    ("Patient/4/_history?_since=forged", 400, [("4", "4", "bad request", 400)]),
    ("Patient/4?_format=text/csv", 406, [("4", "4", "bad request", 406)]),
    ("POST Patient/4", 405, [("4", "4", "bad request", 405)]),
    ("Nothing/4", 404, [("", "4", "not found", 404)]),
    ("Patient/!", 400, [("", "4", "bad request", 400)]),
    ("patient/4", 404, [("", "4", "not found", 404)]),
]


@pytest.mark.parametrize(("asked", "status", "expected"), REFUSED)
def test_what_is_refused_is_one_event_of_each_patient_whom_it_names(
    reader: Reader, asked: str, status: int, expected: Reported
) -> None:
    assert ask(reader, asked) == status

    assert reported(reader) == expected
    assert not [step for step in reader.kept.steps if step.startswith("begin")]


@pytest.mark.parametrize(
    ("asked", "whose"),
    [
        ("Patient/4", "4"),
        ("Patient/4/$everything", "4"),
        ("Patient/4/Condition", "4"),
        # The query is not looked at before the letter is judged.
        ("Condition?patient=4", ""),
        ("Condition?patient._id=4", ""),
    ],
)
def test_without_the_scope_nothing_is_looked_up_and_the_path_says_whose_it_is(
    reader: Reader, asked: str, whose: str
) -> None:
    assert ask(reader.as_caller("user/Observation.read"), asked) == 403

    assert reported(reader) == [(whose, "4", "scope", 403)]
    assert reader.calls == []


BOUND = [
    ("Observation/o1", 404),
    ("Condition/moved", 404),
    ("Condition/moved/_history/2", 404),
    ("Patient/4", 404),
    ("Patient/4/$everything", 404),
    ("Patient/4/_history", 404),
    ("Observation?patient=4", 200),
    ("Observation?subject:Patient._id=4&_summary=count", 200),
    ("Patient/4/Observation", 200),
    ("Patient?_id=4", 200),
    (f"Patient?identifier={NUMBER}", 200),
    (f"Observation?patient.identifier={NUMBER}&_count=0", 200),
    ("Observation?_id=o1", 200),
    ("Observation?_id=o1&_sort=-date,_id", 200),
]


@pytest.mark.parametrize(("asked", "status"), BOUND)
def test_what_a_bound_client_asks_of_another_is_refused_in_its_event_whatever_the_answer_looks_like(
    reader: Reader, asked: str, status: int
) -> None:
    assert ask(reader.as_caller("patient/*.read", patient="5"), asked) == status

    assert reported(reader) == [("4", "4", "compartment", status)]


def test_a_bound_client_that_names_its_own_patient_and_another_is_audited_with_both(reader: Reader) -> None:
    bound = reader.as_caller("patient/*.read", patient="5")
    assert bound.get("Patient", "_id=4,5").total == 1

    assert reported(reader) == [("4", "4", "compartment", 200), ("5", "0", "", 0)]


def test_an_event_says_what_was_asked(reader: Reader) -> None:
    reader.get("Patient/4")
    read = one(reader)
    assert (read.interaction, read.action, read.type, read.ids) == ("read", "R", "Patient", ("Patient/4",))
    assert (read.client_id, read.query) == ("client-1", "")
    reader.kept.events.clear()

    reader.get("Patient/4/$everything", "_count=1")
    assert (one(reader).interaction, one(reader).action) == ("operation", "E")
    reader.kept.events.clear()

    reader.post("Patient/_search", f"identifier={NUMBER}&nonsense=1&_count=5")
    assert (one(reader).interaction, one(reader).query) == ("search-type", "identifier=***&_count=5")
    assert one(reader).unknown_parameters == 1


@pytest.mark.parametrize("name", ["subject:not", "subject:missing", "subject:exact", "encounter.patient:contains"])
def test_f_an_id_by_a_modifier_that_is_refused_is_in_the_events_of_its_own_patient_alone(
    reader: Reader, name: str
) -> None:
    assert ask(reader, f"Observation?patient=4&{name}=5") == 400

    assert {each.patient: each.query for each in reader.kept.events} == {
        "4": f"patient=4&{name}=***",
        "5": f"patient=***&{name}=5",
    }


NHS_NUMBER = "9990000050"
"""Of no id here."""

BY_NUMBER = [
    (f"Patient/{NHS_NUMBER}", 404),
    (f"Patient/{NHS_NUMBER}/_history/1", 404),
    (f"Patient/{NHS_NUMBER}/$everything", 404),
    (f"Patient/{NHS_NUMBER}/Observation", 200),
    *((f"Patient?_id={value}", 200) for value in (NHS_NUMBER, "999-000-0050", f"|{NHS_NUMBER}")),
    (f"POST Patient/_search?_id={NHS_NUMBER}", 200),
    *((f"Observation?{name}={NHS_NUMBER}", 200) for name in ("_id", "patient", "patient._id", "subject:Patient")),
    (f"Observation?subject=Patient/{NHS_NUMBER}", 200),
    (f"Observation?performer={NHS_NUMBER}&code=none", 200),
    (f"Observation?patient:not={NHS_NUMBER}", 400),
    ("Patient?_id=999+000+0050", 200),
    *(
        (f"Observation?subject={url}", 200)
        for url in (f"https://else.where/Patient/{NHS_NUMBER}", f"urn:x:{NHS_NUMBER}")
    ),
    # The directory's function cannot look a patient up.
    (f"PractitionerRole?practitioner=Patient/{NHS_NUMBER}", 200),
    (f"Practitioner/{NHS_NUMBER}", 404),
]


@pytest.mark.parametrize(("asked", "status"), BY_NUMBER)
@pytest.mark.parametrize("patient", ["", "5"])
def test_l_an_id_that_is_an_nhs_number_and_nobodys_is_in_no_event(
    reader: Reader, asked: str, status: int, patient: str
) -> None:
    caller = reader.as_caller("patient/*.read", patient=patient) if patient else reader

    assert ask(caller, asked) == status
    assert {each.patient for each in reader.kept.events} <= {"", patient}
    for each in reader.kept.events:
        assert "999" not in f"{each.query} {each.ids}"
        assert "***" in f"{each.query} {each.ids}"


def test_l_an_nhs_number_that_is_the_id_of_a_patient_is_recorded_of_him(tmp_path: Path) -> None:
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path, [{"resourceType": "Patient", "id": NHS_NUMBER}]))
        load(reader, write_deletion(tmp_path, "Patient", NHS_NUMBER))
        assert reader.get(f"Patient/{NHS_NUMBER}").status == 410
        assert reader.get("Patient", f"_id={NHS_NUMBER},999-000-0050").status == 200

        assert {(each.patient, each.query or each.ids) for each in reader.kept.events} == {
            (NHS_NUMBER, (f"Patient/{NHS_NUMBER}",)),
            (NHS_NUMBER, "_id=***"),
            ("", "_id=***"),
        }


def test_l_of_more_ids_than_are_looked_up_all_others_are_in_no_event(reader: Reader, tmp_path: Path) -> None:
    numbers = [f"{each:09}{check}" for each in range(200) if (check := _check_digit(f"{each:09}")) < 10]
    first, many, last = numbers[0], numbers[: MAX_PATIENTS + 1], numbers[-1]
    load(reader, write_records(tmp_path, [{"resourceType": "Patient", "id": last}]))

    reader.post("Observation/_search", f"_id={','.join(many)}&patient={first},{last}")

    assert {each.patient for each in reader.kept.events} == {"", last}
    assert {each.query for each in reader.kept.events} == {"_id=***&patient=***"}
    load(reader, write_deletion(tmp_path, "Patient", last))


def _check_digit(digits: str) -> int:
    return -sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), digits, strict=True)) % 11


def test_l_whom_a_page_finds_under_an_nhs_number_is_not_looked_up(tmp_path: Path) -> None:
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path, [{"resourceType": "Patient", "id": NHS_NUMBER, "gender": "male"}]))
        reader.calls.clear()
        reader.get("Patient", "gender=male")

        assert reported(reader) == allowed(NHS_NUMBER)
        # Its body alone.
        assert reader.calls.count("BatchGetItem") == 1


def test_l_each_id_that_is_looked_up_costs_the_client_as_much_as_an_event(tmp_path: Path) -> None:
    with reader_in_memory() as reader:
        for _ in range(UNCOUNTED_UNITS // (2 * UNITS_PER_EVENT) + 1):
            assert reader.get("Observation", f"patient={NHS_NUMBER}&_id=9434765919").status == 200

        assert reader.counters.charges == [UNCOUNTED_UNITS + 2 * UNITS_PER_EVENT]


def test_l_the_look_up_of_an_id_reads_no_body(reader: Reader) -> None:
    read: list[str] = []
    before = reader.client.before

    def note(operation: str, request: dict[str, Any]) -> None:
        before(operation, request)
        if operation == "BatchGetItem":
            read.extend(key["sk"]["S"] for keys in request["RequestItems"].values() for key in keys["Keys"])

    reader.client.before = note
    reader.get(f"Patient/{NHS_NUMBER}")
    reader.client.before = before

    assert read == [INDEX_ITEM]


def test_l_only_such_an_id_costs_a_round_trip_and_is_kept_if_that_fails(reader: Reader) -> None:
    reader.get(f"Patient/{NHS_NUMBER}")
    assert reader.calls == ["BatchGetItem", "GetItem"]
    reader.calls.clear()
    reader.get("Patient/9990000051")
    assert reader.calls == ["GetItem"]
    reader.kept.events.clear()

    def refuse(operation: str) -> None:
        if operation == "BatchGetItem":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

    reader.faults.append(refuse)
    assert reader.get(f"Patient/{NHS_NUMBER}").status == 404
    assert (one(reader).patient, one(reader).ids) == (NHS_NUMBER, (f"Patient/{NHS_NUMBER}",))


@pytest.mark.parametrize("asked", ["Patient/4", "Observation/o1"])
def test_what_was_not_modified_is_disclosed_as_it_would_be_by_a_body(reader: Reader, asked: str) -> None:
    assert reader.get(asked, If_None_Match='W/"1"').status == 304

    assert reported(reader) == allowed("4")


def test_a_next_page_is_recorded_with_its_search_and_its_place(reader: Reader) -> None:
    first = reader.get("Observation", "patient=4&_count=2")
    reader.kept.events.clear()
    reader.follow(first.link("next"))

    assert reported(reader) == allowed("4")
    assert one(reader).query.startswith("patient=4&_count=2&_cursor=")


def test_the_next_page_of_a_form_concerns_whom_the_form_names(reader: Reader) -> None:
    first = reader.post("Observation/_search", f"patient.identifier={NUMBER}&_count=2")
    reader.kept.events.clear()
    reader.follow(first.link("next"))

    assert reported(reader) == allowed("4")


def test_an_expired_token_is_an_event_of_its_client(reader: Reader) -> None:
    caller: dict[str, Any] = {"client_id": "client-1", "scope": "user/Patient.read", "expires_at": "1"}
    assert reader.send(fhir_event("GET", "Patient/4", authorizer=caller)).status == 401

    assert reported(reader) == [("", "4", "token", 401)]
    assert one(reader).client_id == "client-1"


@pytest.mark.parametrize("path", ["Patient/4/_history/" + "1" * 4_000, "Patient/4/_history/nonsense"])
def test_a_version_that_is_none_is_in_no_event(reader: Reader, path: str) -> None:
    assert reader.get(path).status == 404

    assert one(reader).ids == ("Patient/4",)


def breaks(operation: str) -> Callable[[str], None]:
    def fault(name: str) -> None:
        if name == operation:
            raise ClientError({"Error": {"Code": "InternalServerError"}}, name)

    return fault


@pytest.mark.parametrize(
    ("asked", "operation", "expected"),
    [
        ("Patient/4", "GetItem", allowed("4")),
        ("Observation/o1", "GetItem", [("", "8", "error", 503)]),
        ("Observation?patient=4", "Query", allowed("4")),
        ("Observation?patient=4", "BatchGetItem", allowed("4")),
        ("Patient?birthdate=ge1990", "BatchGetItem", allowed("4", "5", "6")),
        ("Patient?birthdate=ge1990", "Query", [("", "8", "error", 503)]),
        ("Patient/4/$everything", "Query", allowed("4")),
        (f"Observation?patient.identifier={NUMBER}", "Query", [("", "8", "error", 503)]),
    ],
)
def test_what_fails_after_its_event_was_written_was_allowed(
    reader: Reader, asked: str, operation: str, expected: Reported
) -> None:
    reader.faults.append(breaks(operation))

    assert ask(reader, asked) == 503
    assert reported(reader) == expected


@pytest.mark.parametrize("asked", [asked for asked, status, _ in ALLOWED if status == 200])
def test_no_disclosure_leaves_without_its_event(reader: Reader, asked: str) -> None:
    reader.kept.fault = "ProvisionedThroughputExceededException"
    method, _, rest = asked.rpartition(" ")
    path, _, query = rest.partition("?")
    answer = reader.post(path, query) if method == "POST" else reader.get(path, query, method=method or "GET")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert not re.search(r"Kanfeld|o1|Patient/", answer.text)
    assert reader.kept.events == []


# --- the limit on patients that one request may name and disclose


@pytest.mark.parametrize(
    "query",
    [
        "subject=" + ",".join(f"{number:x}" for number in range(12_000)),
        "_id=" + ",".join(f"p{number}" for number in range(51)) + "&identifier=" + ",".join(map(str, range(50))),
        "&".join(f"patient=p{number}" for number in range(101)),
    ],
)
def test_h1_a_request_that_names_more_than_a_hundred_is_refused_before_anything_is_looked_up(
    reader: Reader, query: str
) -> None:
    path = "Patient" if query.startswith("_id") else "Observation"
    assert reader.post(f"{path}/_search", query).issue["code"] == "too-costly"

    assert reported(reader) == [("", "4", "bad request", 400)]
    assert reader.calls == []
    assert len(one(reader).query) <= 3_000


def test_h1_a_bound_client_that_names_many_makes_one_event(reader: Reader) -> None:
    bound = reader.as_caller("patient/*.read", patient="5")
    assert bound.get("Patient", "_id=" + ",".join(f"p{number}" for number in range(300))).status == 400

    assert reported(reader) == [("", "4", "bad request", 400)]


def test_h2_a_parameter_that_no_url_could_hold_takes_no_room_in_an_event(reader: Reader) -> None:
    assert reader.post("Patient/_search", "é" * 31_000 + "=1&birthdate=ge1990&_count=40").status == 200

    assert reported(reader) == allowed("4", "5", "6")
    assert {(each.query, each.unknown_parameters) for each in reader.kept.events} == {("birthdate=***&_count=40", 1)}


@pytest.mark.parametrize(
    "query",
    [
        f"identifier={NUMBER}&_has:Condition:patient:code:missing=false&_summary=count",
        f"identifier={NUMBER}&birthdate=ge1999&_summary=count",
        f"identifier={NUMBER}&birthdate=ge1950&_count=0",
    ],
)
def test_h3_a_number_about_one_who_is_described_is_an_event_of_that_patient(reader: Reader, query: str) -> None:
    assert reader.get("Patient", query).status == 200

    assert reported(reader) == allowed("4")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader of 130 patients of one ward: p0, the first on a page, has 101 observations and an encounter.

    The other patients are the performers of the observations, and have the encounters and episodes that these refer to.
    """
    patients: list[Resource] = [
        {"resourceType": "Patient", "id": f"p{number}", "birthDate": "1980", "identifier": [{"value": "ward"}]}
        for number in range(130)
    ]
    patients[0] |= {"birthDate": "1990"}
    others: list[Resource] = [
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/p0"},
            "context": {"reference": f"Encounter/o{number}"},
            "performer": [{"reference": f"Patient/p{number + 1}"}],
        }
        for number in range(101)
    ]
    of_others: list[Resource] = [
        {"resourceType": name, "id": each["id"], "status": "finished", whose: each["performer"][0]}
        for each in others
        for name, whose in (("Encounter", "subject"), ("EpisodeOfCare", "patient"))
    ]
    visit: Resource = {
        "resourceType": "Encounter",
        "id": "all",
        "text": LONG_TEXT,
        "status": "finished",
        "subject": {"reference": "Patient/p0"},
        "episodeOfCare": [{"reference": f"EpisodeOfCare/{each['id']}"} for each in others],
    }
    both = {
        **others[0],
        "id": "all",
        "text": LONG_TEXT,
        "code": {"coding": [{"code": "y"}]},
        "performer": [each["performer"][0] for each in others],
    }
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("many"), [*patients, *others, both, *of_others, visit]))
        yield reader


def pages(reader: Reader, path: str, query: str) -> list[tuple[set[str], set[str]]]:
    """Return of each page the patients on it, and those of its events."""
    found = []
    answer = reader.get(path, query)
    assert answer.status == 200, answer.text
    while True:
        shown = {each["resource"]["id"] for each in answer.json.get("entry", ()) if "Patient" in each["fullUrl"]}
        found.append((shown, {event.patient for event in reader.kept.events}))
        reader.kept.events.clear()
        if not answer.link("next"):
            return found
        answer = reader.follow(answer.link("next"))
        assert answer.status == 200, answer.text


def test_nobody_is_recorded_who_could_not_have_been_on_the_page(many: Reader) -> None:
    many.kept.events.clear()
    for shown, recorded in pages(many, "Patient", "_count=100&_revinclude=Observation:patient"):
        assert shown == recorded
    for shown, recorded in pages(many, "Observation", "_count=60&_include=Observation:performer&code:missing=true"):
        assert shown | {"p0"} == recorded
        assert len(recorded) <= MAX_PATIENTS


@pytest.mark.parametrize(
    ("included", "recorded_of_pages", "all_at_once"),
    [
        # A place is kept for the patient of the next match, who is on the page already.
        ("performer", [99, 3], "Observation?_id=all&_include=Observation:performer"),
        # Only the included resources name the patients of these.
        ("encounter", [100, 2], "Encounter?_id=all&_include=Encounter:episodeofcare"),
    ],
)
def test_a_page_ends_before_the_match_that_would_tell_of_one_patient_too_many(
    many: Reader, included: str, recorded_of_pages: list[int], all_at_once: str
) -> None:
    many.kept.events.clear()
    ids = ",".join(f"o{number}" for number in range(100))
    found = pages(many, "Observation", f"_count=100&_include=Observation:{included}&_id={ids}")

    assert [len(recorded) for _, recorded in found] == recorded_of_pages
    answer = many.get(*all_at_once.split("?"))
    assert answer.issue["code"] == "too-costly"
    assert "Patient/" not in answer.text


def test_an_identifier_that_too_many_have_is_refused_and_records_as_many_as_it_may(many: Reader) -> None:
    many.kept.events.clear()

    answer = many.get("Patient", "identifier=ward")
    assert answer.issue["code"] == "too-costly"
    assert "Patient/" not in answer.text
    assert len({event.patient for event in many.kept.events} - {""}) == len(many.kept.events) == MAX_PATIENTS


def test_a_bound_client_that_asks_for_an_identifier_of_many_makes_a_bounded_number_of_events(many: Reader) -> None:
    many.kept.events.clear()
    answer = many.as_caller("patient/*.read", patient="p5").get("Patient", "identifier=ward")

    assert (answer.ids(), answer.total) == (["p5"], 1)
    assert [each.patient for each in many.kept.events if each.outcome == "0"] == ["p5"]
    assert len([each for each in many.kept.events if each.outcome == "4"]) == MAX_PATIENTS


def test_a_number_that_counts_many_is_nobodys(many: Reader) -> None:
    for query, patients in (("_summary=count", [""]), ("birthdate=ge1990&_summary=count", ["p0"])):
        many.kept.events.clear()
        assert many.get("Patient", query).status == 200
        assert [each.patient for each in many.kept.events] == patients
