"""Who meets a condition or is met by a look-up has an event, whatever comes of the write (`audit.md`, Of a write)."""

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import pytest

from careconnect.audit.event import AuditEvent
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.recorded_writes import Record, with_record
from careconnect_testing.running.bundle_service import Bundles, Entry, batch, entry, transaction

ONE: Final = "identifier=urn:x%7Cof-9"
SEVERAL: Final = "identifier=urn:x%7Cof-8-and-9"
NONE: Final = "identifier=urn:x%7Cnobodys"


def encounter(whose: str, *values: str) -> Resource:
    """Return an encounter of a patient, with identifiers."""
    own = {"identifier": [{"system": "urn:x", "value": value} for value in values]} if values else {}
    return {"resourceType": "Encounter", "status": "finished", "subject": {"reference": f"Patient/{whose}"}, **own}


@pytest.fixture
def recorded(writer: Writer) -> tuple[Writer, Record]:
    """Writers with an audit table, three patients, and encounters of two."""
    for whose in ("4", "8", "9"):
        writer.made({**patient(), "id": whose})
    writer.made({**encounter("8", "of-8-and-9"), "id": "of-8"})
    writer.made({**encounter("9", "of-9", "of-8-and-9"), "id": "of-9"})
    return with_record(writer)


def alone(writer: Writer, sent: Entry) -> Answer:
    request, url = sent["request"], urlsplit(sent["request"]["url"])
    headers = {"If-None-Exist": request["ifNoneExist"]} if "ifNoneExist" in request else {}
    headers |= {"If-Match": request["ifMatch"]} if "ifMatch" in request else {}
    return writer.send(request["method"], url.path, sent.get("resource"), url.query, **headers)


WAYS: dict[str, Callable[[Writer, Entry], Answer]] = {
    "alone": alone,
    "in a batch": lambda writer, sent: Bundles(writer).send(batch(sent)),
    "in a transaction": lambda writer, sent: Bundles(writer).send(transaction(sent)),
}


def whom(events: list[AuditEvent]) -> set[str]:
    """Return the patients of events."""
    return {event.patient for event in events if event.patient}


OWN: Final = encounter("4")
CONDITIONS: dict[str, tuple[Entry, set[str]]] = {
    "a create that is met": (entry("POST", "Encounter", OWN, ifNoneExist=ONE), {"9"}),
    "a create that is not met": (entry("POST", "Encounter", OWN, ifNoneExist=NONE), {"4"}),
    "a create that several meet": (entry("POST", "Encounter", OWN, ifNoneExist=SEVERAL), {"4", "8", "9"}),
    "an update that is met": (entry("PUT", f"Encounter?{ONE}", OWN), {"4", "9"}),
    "an update that is not met": (entry("PUT", f"Encounter?{NONE}", OWN), {"4"}),
    "an update that several meet": (entry("PUT", f"Encounter?{SEVERAL}", OWN), {"4", "8", "9"}),
    "an update of another id": (entry("PUT", f"Encounter?{ONE}", {**OWN, "id": "x"}), {"4", "9"}),
    "an update of another version": (entry("PUT", f"Encounter?{ONE}", OWN, ifMatch='W/"7"'), {"4", "9"}),
    "an update that refers to what is absent": (
        entry("PUT", f"Encounter?{ONE}", {**OWN, "partOf": {"reference": "Encounter/none"}}),
        {"4", "9"},
    ),
    "a deletion that is met": (entry("DELETE", f"Encounter?{ONE}"), {"9"}),
    "a deletion that is not met": (entry("DELETE", f"Encounter?{NONE}"), set()),
    "a deletion that several meet": (entry("DELETE", f"Encounter?{SEVERAL}"), {"8", "9"}),
    "a deletion of another version": (entry("DELETE", f"Encounter?{ONE}", ifMatch='W/"7"'), {"9"}),
    "a move": (entry("PUT", "Encounter/of-9", {**encounter("4"), "id": "of-9"}), {"4", "9"}),
    "a move that is refused": (
        entry("PUT", "Encounter/of-9", {**encounter("4"), "id": "of-9"}, ifMatch='W/"7"'),
        {"4", "9"},
    ),
    "a move that refers to what is absent": (
        entry("PUT", "Encounter/of-9", {**encounter("4"), "id": "of-9", "partOf": {"reference": "Encounter/none"}}),
        {"4", "9"},
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CONDITIONS)
def test_promise_9_who_meets_a_condition_or_is_moved_from_has_an_event_in_any_request(
    recorded: tuple[Writer, Record], case: str, way: str
) -> None:
    writer, record = recorded
    sent, expected = CONDITIONS[case]

    assert whom(record.since(lambda: WAYS[way](writer, sent))) == expected
    assert not any("of-8-and-9" in str(event) or "nobodys" in str(event) for event in record.all())


REFERENCES: dict[str, tuple[str, dict[str, str], int, set[str]]] = {
    "met": (f"Encounter?{ONE}", {}, 200, {"4", "9"}),
    "met beside a fault": (f"Encounter?{ONE}", {"reference": "Practitioner/none"}, 422, {"4", "9"}),
    "not met": (f"Encounter?{NONE}", {}, 412, {"4"}),
    "met by several": (f"Encounter?{SEVERAL}", {}, 412, {"4", "8", "9"}),
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("case", REFERENCES)
def test_promise_9_who_meets_a_conditional_reference_has_an_event(
    recorded: tuple[Writer, Record], case: str, method: str
) -> None:
    writer, record = recorded
    text, performer, status, expected = REFERENCES[case]
    body = observation("Patient/4", context={"reference": text}, **({"performer": [performer]} if performer else {}))
    url = "Observation" if method == "POST" else "Observation/o"
    sent = entry(method, url, body if method == "POST" else {**body, "id": "o"})
    answers: list[Answer] = []
    events = record.since(lambda: answers.append(Bundles(writer).send(transaction(sent))))

    assert answers[0].status == status, answers[0].text
    assert whom(events) == expected


NHS_NUMBER: Final = "9990000050"
"""An NHS number, which is no id here."""
TYPED: dict[str, Entry] = {
    "a deletion": entry("DELETE", f"Patient/{NHS_NUMBER}"),
    "an invalid update": entry("PUT", f"Patient/{NHS_NUMBER}", {**patient(gender="none"), "id": NHS_NUMBER}),
    "a reference": entry("POST", "Observation", observation(f"Patient/{NHS_NUMBER}")),
    "a condition": entry("PUT", f"Patient?_id={NHS_NUMBER}", patient()),
    "an updates condition": entry("PUT", f"Patient?{NONE}", {**patient(gender="none"), "id": NHS_NUMBER}),
    "a conditional reference": entry("POST", "Observation", observation(f"Patient?_id={NHS_NUMBER}")),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", TYPED)
def test_l_an_nhs_number_typed_as_an_id_is_in_no_event_of_any_write(
    recorded: tuple[Writer, Record], case: str, way: str
) -> None:
    writer, record = recorded
    events = record.since(lambda: WAYS[way](writer, TYPED[case]))

    assert events
    assert whom(events) == set()
    assert not any(NHS_NUMBER in str(event) for event in events)


@pytest.mark.parametrize("method", ["PATCH", "HEAD"])
def test_l_an_nhs_number_in_an_entry_that_nothing_answers_is_recorded_of_a_patient_with_that_id_alone(
    recorded: tuple[Writer, Record], method: str
) -> None:
    writer, record = recorded
    refused = batch(entry(method, f"Patient/{NHS_NUMBER}"))
    (event,) = record.since(lambda: Bundles(writer).send(refused))
    assert (event.patient, event.ids) == ("", ("Patient/***",))

    writer.made({**patient(), "id": NHS_NUMBER})
    assert whom(record.since(lambda: Bundles(writer).send(refused))) == {NHS_NUMBER}


def test_l_an_nhs_number_that_is_the_id_of_a_patient_is_recorded_of_him_in_a_transaction(
    recorded: tuple[Writer, Record],
) -> None:
    writer, record = recorded
    writer.made({**patient(), "id": NHS_NUMBER})

    assert whom(record.since(lambda: Bundles(writer).send(transaction(TYPED["an invalid update"])))) == {NHS_NUMBER}
    assert whom(record.since(lambda: Bundles(writer).send(transaction(TYPED["a deletion"])))) == {NHS_NUMBER}
    assert whom(record.since(lambda: Bundles(writer).send(transaction(TYPED["a reference"])))) == {NHS_NUMBER}
