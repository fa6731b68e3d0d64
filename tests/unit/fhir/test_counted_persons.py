"""Totals and `next` links of searches that name persons: all of whom they tell are recorded (`audit.md`, Whose)."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from careconnect.audit.query import MAX_PATIENTS
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import Resource, write_records
from fhir_reader.search import includes

SMITHS = 300
COMMON = 130
"""Patients of common names, none of whom is a Smith."""


def patient(patient_id: str, family: str, **more: object) -> Resource:
    return {"resourceType": "Patient", "id": patient_id, "name": [{"family": family}], "gender": "female", **more}


def request(request_id: str, whose: str, medication: str) -> Resource:
    return {
        "resourceType": "MedicationRequest",
        "id": request_id,
        "status": "active",
        "intent": "order",
        "identifier": [{"value": request_id}],
        "subject": {"reference": f"Patient/{whose}"},
        "medicationReference": {"reference": f"Medication/{medication}"},
    }


def encounter(encounter_id: str, whose: str) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": encounter_id,
        "status": "finished",
        "subject": {"reference": f"Patient/{whose}"},
    }


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    crowd = [
        *(patient(f"s{number:03}", "Smith", birthDate="1990-01-01") for number in range(SMITHS)),
        *(
            patient(
                f"c{number:03}",
                f"Common{number:03}",
                birthDate="2020-01-01",
                identifier=[{"value": f"first-{most}"} for most in (98, 99, 100, 101, COMMON) if number < most],
            )
            for number in range(COMMON)
        ),
        patient(
            "antic",
            "Antić",
            birthDate="1971-05-17",
            identifier=[{"value": "antic"}],
            managingOrganization={"reference": "Organization/ward"},
        ),
        {"resourceType": "Organization", "id": "ward", "name": "Ward", "partOf": {"reference": "Organization/trust"}},
        {"resourceType": "Organization", "id": "trust", "name": "Trust"},
        patient("norgaard", "Nørgaard", birthDate="2021"),
        *(encounter(f"e{number:03}", f"s{number:03}") for number in range(30)),
        encounter("visit", "antic"),
        *(request(f"r{number:03}", f"c{number:03}", "pill") for number in range(COMMON)),
        {"resourceType": "Medication", "id": "pill"},
    ]
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("crowd"), crowd))
        yield reader


@pytest.fixture
def reader(loaded: Reader) -> Reader:
    loaded.kept.events.clear()
    return loaded


def ask(reader: Reader, path: str, query: str) -> tuple[Answer, set[str]]:
    """Return the answer, and the patients of its events."""
    reader.kept.events.clear()
    answer = reader.get(path, query)
    patients = [event.patient for event in reader.kept.events]
    assert len(patients) == len(set(patients))
    return answer, set(patients)


def test_a_name_that_many_have_has_no_total_and_records_the_page_and_the_next_match(reader: Reader) -> None:
    reader.calls.clear()
    answer, recorded = ask(reader, "Patient", "name=smith")

    assert reader.calls == ["Query", "BatchGetItem"]
    assert answer.total is None
    assert len(answer.ids()) == 20
    assert answer.link("next")
    assert len(recorded) == 21
    assert recorded == {*answer.ids(), *reader.follow(answer.link("next")).ids()[:1]}


def test_a_later_page_records_its_next_match_too(reader: Reader) -> None:
    first = reader.get("Patient", "name=smith&_count=2")
    reader.kept.events.clear()
    second = reader.follow(first.link("next"))
    recorded = {event.patient for event in reader.kept.events}

    assert recorded == {*second.ids(), *reader.follow(second.link("next")).ids()[:1]}


@pytest.mark.parametrize("query", ["family=Antić,Nørgaard", "family=Antić,Nørgaard&_sort=family"])
def test_an_unasked_total_is_told_only_by_a_page_with_all_matches(reader: Reader, query: str) -> None:
    answer, recorded = ask(reader, "Patient", query)
    assert (answer.total, recorded) == (2, {"antic", "norgaard"})

    answer, recorded = ask(reader, "Patient", f"{query}&_count=1")
    assert (answer.total, recorded) == (None, {"antic", "norgaard"})
    assert reader.follow(answer.link("next")).total is None


def test_a_search_that_names_no_person_records_its_page_alone_and_has_its_total(reader: Reader) -> None:
    answer, recorded = ask(reader, "Patient", "gender=female&_count=5")

    assert answer.total == SMITHS + COMMON + 2
    assert recorded == set(answer.ids())


def families(number: int) -> str:
    return "family=" + ",".join(f"Common{each:03}" for each in range(number))


@pytest.mark.parametrize("asked", ["_summary=count", "_count=0", "_total=accurate&_count=1"])
def test_d_a_total_is_told_of_fewer_patients_than_a_request_may_record(reader: Reader, asked: str) -> None:
    """At the threshold the answers with and without one patient differ only if that patient is recorded."""
    told, recorded = ask(reader, "Patient", f"{families(98)},Antić&{asked}")
    assert (told.total, len(recorded)) == (99, 99)

    refused, recorded = ask(reader, "Patient", f"{families(99)},Antić&{asked}")
    assert refused.issue["code"] == "too-costly"
    assert len(recorded) == MAX_PATIENTS
    assert "antic" in recorded


@pytest.mark.parametrize("asked", ["_summary=count", "_count=0", "_total=accurate"])
def test_beyond_the_hundredth_patient_nobody_makes_a_difference(reader: Reader, asked: str) -> None:
    answer, recorded = ask(reader, "Patient", f"name=smith&{asked}")

    assert answer.issue["code"] == "too-costly"
    assert "100 patients" in answer.issue["diagnostics"]
    assert len(recorded) == MAX_PATIENTS
    assert "s0" not in answer.text


@pytest.mark.parametrize("asked", ["_summary=count", "_count=1", "_count=1&_total=accurate", "_count=1&_sort=family"])
@pytest.mark.parametrize("common", [0, 1, 35, 98])
def test_d_a_birth_year_cannot_be_told_by_differences_of_counts(reader: Reader, asked: str, common: int) -> None:
    """A bisection, by pairs of searches with and without a patient, records the patient wherever it tells a year."""
    others = families(common) + ",Nørgaard"
    for year in range(1968, 1975):
        without, _ = ask(reader, "Patient", f"{others}&birthdate=ge{year}&{asked}")
        with_antic, recorded = ask(reader, "Patient", f"{others},Antić&birthdate=ge{year}&{asked}")
        assert "antic" in recorded or told_by(without) == told_by(with_antic)


def told_by(answer: Answer) -> tuple[object, ...]:
    return (answer.status, answer.total, answer.ids(), bool(answer.link("next"))) if answer.status == 200 else (400,)


def test_a_number_of_many_resources_by_their_ids_is_of_all_their_patients(reader: Reader) -> None:
    ids = ",".join(f"e{number:03}" for number in range(22))
    answer, recorded = ask(reader, "Encounter", f"_id=visit,{ids}&_summary=count")

    assert answer.total == len(recorded) == 23
    assert "antic" in recorded


def test_a_page_keeps_a_place_for_the_next_match(reader: Reader) -> None:
    answer, recorded = ask(reader, "Patient", "name=smith&_count=100")

    assert len(answer.ids()) == MAX_PATIENTS - 1
    assert len(recorded) == MAX_PATIENTS
    assert recorded > set(answer.ids())


def test_what_another_request_names_leaves_less_room(reader: Reader) -> None:
    named = ",".join(f"n{number}" for number in range(90))
    answer, recorded = ask(reader, "Patient", f"name=smith&_id:not={named}&_count=20")

    assert len(answer.ids()) == 9
    assert len(recorded) == MAX_PATIENTS

    answer, recorded = ask(reader, "Patient", f"family=Antić&_id:not={named}&_summary=count")
    assert (answer.total, len(recorded)) == (1, 91)


def test_a_page_that_ends_before_a_match_that_includes_too_much_records_its_patient(reader: Reader) -> None:
    """Without that patient the page would have a total and no next link."""
    others, asked = "family=Common000,Norgaard", "_revinclude=Encounter:patient"
    with patch.object(includes, "MAX_INCLUDED", 0):
        without, _ = ask(reader, "Patient", f"{others}&{asked}")
        with_antic, recorded = ask(reader, "Patient", f"{others},Antić&{asked}")

    assert without.ids() == with_antic.ids()
    assert told_by(without) != told_by(with_antic)
    assert "antic" in recorded


@pytest.mark.parametrize("asked", ["name=smith", "name=smith&_summary=count", "birthdate=1971-05-17", "name=nobody"])
def test_a_request_that_names_a_hundred_has_no_place_for_another(reader: Reader, asked: str) -> None:
    """A match would be a hundred and first, so whatever is stored the answer is the same."""
    named = {f"n{number}" for number in range(MAX_PATIENTS)}
    answer, recorded = ask(reader, "Patient", f"{asked}&_id:not={','.join(named)}")

    assert answer.issue["code"] == "too-costly"
    assert recorded == named


@pytest.mark.parametrize("asked", ["Patient?_id=", "MedicationRequest?patient="])
def test_a_hundred_whose_records_alone_are_asked_for_are_answered(reader: Reader, asked: str) -> None:
    named = [f"c{number:03}" for number in range(MAX_PATIENTS)]
    path, query = asked.split("?")
    answer, recorded = ask(reader, path, f"{query}{','.join(named)}&_count=100")

    assert (answer.status, answer.total, recorded) == (200, MAX_PATIENTS, set(named))


@pytest.mark.parametrize("most", [98, 99, 100, 101])
def test_an_identifier_that_many_have_tells_of_nobody_who_is_not_recorded(reader: Reader, most: int) -> None:
    """A hundred decoys with one identifier told whether anybody has another: the refusal was of nobody."""
    without, _ = ask(reader, "Patient", f"identifier=first-{most}&_count=1")
    with_antic, recorded = ask(reader, "Patient", f"identifier=first-{most},antic&_count=1")

    assert "antic" in recorded or told_by(without) == told_by(with_antic)
    assert len(recorded) == min(most + 1, MAX_PATIENTS)


@pytest.mark.parametrize("asked", ["_summary=count", "_total=accurate&_count=1", "_count=1"])
@pytest.mark.parametrize("decoys", [0, 95, 97, 98, 99])
def test_decoys_in_a_reference_of_the_directory_leave_nobody_unrecorded(
    reader: Reader, asked: str, decoys: int
) -> None:
    """They took the room of those whom a number of at most twenty tells of."""
    named = [f"Patient/d{number}" for number in range(decoys)]
    query = f"organization.partof={','.join(['Organization/trust', *named])}&{asked}"
    nobody, _ = ask(reader, "Patient", f"{query}&gender=male")
    antic, recorded = ask(reader, "Patient", f"{query}&gender=female")

    assert "antic" in recorded or (told_by(nobody) == told_by(antic) == (400,))


@pytest.mark.parametrize("number", ["antic", "nobody"])
def test_an_identifier_beside_ninety_nine_named_and_one_in_the_path_is_not_looked_up(
    reader: Reader, number: str
) -> None:
    """The refusal told whether the number is anybody's, and recorded the named alone."""
    named = ",".join(f"d{each}" for each in range(99))
    answer, recorded = ask(reader, "Patient/d99/Encounter", f"patient={named}&patient.identifier={number}")

    assert (answer.status, len(recorded)) == (400, MAX_PATIENTS)


@pytest.mark.parametrize("more", ["", "&_summary=count"])
def test_a_match_to_which_more_than_a_hundred_led_is_of_the_first(reader: Reader, more: str) -> None:
    """The answer would be the same without any other one."""
    answer, recorded = ask(reader, "Medication", f"_has:MedicationRequest:medication:patient.family=common{more}")

    assert (answer.total, len(recorded)) == (1, 1)


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader of observations of one patient during encounters of others, and of a medication that others take."""
    observations = [
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/mine"},
            "context": {"reference": f"Encounter/e{number}"},
        }
        for number in range(3)
    ]
    requests = [request(f"rx{number}", f"p{number}", "shared") for number in range(3)]
    resources: list[Resource] = [
        *(patient(f"p{number}", f"Other{number}") for number in range(3)),
        patient("mine", "Mine"),
        *({**encounter(f"e{number}", f"p{number}"), "identifier": [{"value": f"v{number}"}]} for number in range(3)),
        *observations,
        *requests,
        {"resourceType": "Medication", "id": "shared"},
    ]
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("crossing"), resources))
        yield reader


@pytest.mark.parametrize(
    ("asked", "patients"),
    [
        ("Observation?encounter.identifier=v1", {"mine", "p1"}),
        ("Observation?encounter.identifier=v1,v2", {"mine", "p1", "p2"}),
        ("Observation?encounter.identifier=v1&_summary=count", {"mine", "p1"}),
        ("Observation?encounter.identifier:not=v1&_sort=-_id&_count=1", {"mine", "p0", "p2"}),
        ("Observation?encounter:Encounter.patient.family=Other2", {"mine", "p2"}),
        ("Medication?_has:MedicationRequest:medication:identifier=rx1", {"p1"}),
        ("Medication?_has:MedicationRequest:medication:identifier=rx1&_total=accurate&_count=0", {"p1"}),
        ("Medication?_has:MedicationRequest:medication:patient.family=Other0", {"p0"}),
        ("MedicationRequest?identifier=rx0&medication._has:MedicationRequest:medication:identifier=rx2", {"p0", "p2"}),
        # Nobody is recorded through whose resources nothing was found.
        ("Observation?encounter.identifier=v1&code=none", {""}),
        ("Observation?encounter.status=finished&_count=1&_sort=_id", {"mine"}),
    ],
)
def test_the_patients_through_whose_resources_a_chain_led_to_a_match_are_recorded(
    crossing: Reader, asked: str, patients: set[str]
) -> None:
    answer, recorded = ask(crossing, *asked.split("?"))

    assert answer.status == 200
    assert recorded == patients


@pytest.mark.parametrize("more", ["", "&_summary=count"])
def test_of_several_resources_that_led_to_a_match_one_is_enough(crossing: Reader, more: str) -> None:
    """Only of whom no other one takes the place, the answer depends: that patient is the only one to record."""
    path, asked = "Medication", "_has:MedicationRequest:medication:identifier="
    both, recorded = ask(crossing, path, f"{asked}rx0,rx1{more}")
    alone = [ask(crossing, path, f"{asked}rx{number}{more}") for number in (0, 1)]

    assert [told_by(each) for each, _ in alone] == [told_by(both)] * 2
    assert recorded in [of_one for _, of_one in alone] == [{"p0"}, {"p1"}]
