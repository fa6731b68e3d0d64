"""The audit events of requests that only scopes with a suffix open (`audit.md`, Whose and What an AuditEvent says)."""

import pytest

from careconnect_testing.parts.stores import Reader

LABS = "user/Observation.rs?category=laboratory"
FINAL = "user/Observation.rs?status=final"
AMENDED = "user/Observation.r?status=amended"
OPENED = [
    # The request, the token, and the scopes that its events name.
    ("Observation/lab1", f"{LABS} {FINAL}", LABS),
    ("Observation/lab1", f"{FINAL} {LABS}", FINAL),
    ("Observation/vital1", f"{LABS} {FINAL}", FINAL),
    ("Observation/lab1", f"{LABS} user/Observation.r", ""),
    ("Observation/lab1/_history/1", f"{AMENDED} {LABS}", LABS),
    ("Observation/lab1/_history", f"{AMENDED} {LABS}", LABS),
    ("Observation/gone-lab", LABS, LABS),
    (
        "Observation/gone-lab/_history/1",
        f"{LABS} user/Observation.r?category=vital-signs",
        "user/Observation.r?category=vital-signs",
    ),
    ("Observation?patient=1", f"{LABS} {AMENDED} {FINAL}", f"{LABS} {FINAL}"),
    ("Observation?_id=none", LABS, LABS),
    ("Patient/1/Observation?_count=0", LABS, LABS),
    ("Observation?patient=1", f"{LABS} user/*.s", ""),
    ("Patient/1", f"{LABS} user/Patient.r", ""),
    ("Patient/1/$everything", f"{LABS} user/Patient.r", ""),
    # What is hidden was opened by none.
    ("Observation/vital1", LABS, ""),
    ("Observation/became-lab/_history/1", LABS, ""),
    ("Observation/absent", LABS, ""),
]


@pytest.mark.parametrize(("asked", "scope", "named"), OPENED)
def test_an_event_names_the_scopes_that_opened_the_request(reader: Reader, asked: str, scope: str, named: str) -> None:
    path, _, query = asked.partition("?")

    reader.as_caller(scope).get(path, query)

    assert {event.scope for event in reader.kept.events} == {named}


def test_what_a_search_does_not_find_is_no_event_of_its_patient(reader: Reader) -> None:
    """As with one more criterion: an entry that it does not meet is not told of."""
    limited = reader.as_caller("user/Observation.rs?category=laboratory&status=amended")

    assert limited.get("Observation", "_id=lab3,vital3").total == 0
    assert [event.patient for event in reader.kept.events] == [""]
    reader.kept.events.clear()
    assert limited.get("Observation", "_total=accurate").total == 1
    assert [event.patient for event in reader.kept.events] == ["1"]


def test_everything_and_includes_record_whose_resources_they_show_alone(reader: Reader) -> None:
    scope = "user/Patient.rs user/Observation.rs?category=laboratory&status=amended"

    answer = reader.as_caller(scope).get("Patient", "_revinclude=Observation:patient")

    assert answer.ids("include") == ["lab2"]
    assert sorted(event.patient for event in reader.kept.events) == ["1", "2"]
