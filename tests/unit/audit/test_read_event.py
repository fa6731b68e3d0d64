"""Reads of one event: which callers may make them, and the events that they leave themselves (`audit.md`)."""

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from careconnect.audit.event import Action, AuditEvent, Outcome
from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.events import rest_event
from careconnect_testing.parts.auditor import KEPT, NOW, Auditor, an_event
from careconnect_testing.records.fhir_models import valid_json, valid_xml

FIRST = KEPT[0]
PATH = f"AuditEvent/{FIRST.id}"


def test_an_event_is_read_by_its_id_with_one_call(auditor: Auditor) -> None:
    answer = auditor.get(PATH)

    assert answer.status == 200
    assert auditor.calls == ["BatchGetItem", "BatchExecuteStatement"]
    resource = valid_json(answer.text, "AuditEvent")
    assert resource.id == FIRST.id
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/fhir+json; charset=utf-8"


def test_an_event_is_read_as_xml_and_in_part(auditor: Auditor) -> None:
    valid_xml(auditor.get(PATH, "_format=xml&_pretty=true").text, "AuditEvent")
    assert "entity" not in auditor.get(PATH, "_elements=outcome").json


def test_an_event_is_known_by_its_validators(auditor: Auditor) -> None:
    answer = auditor.get(PATH)

    assert answer.headers["ETag"] == 'W/"1"'
    again = auditor.get(PATH, if_none_match=answer.headers["ETag"])
    assert (again.status, again.text) == (304, "")
    assert auditor.get(PATH, if_modified_since=answer.headers["Last-Modified"]).status == 304
    assert auditor.get(PATH, if_none_match='W/"2"').status == 200


def test_head_answers_what_get_would(auditor: Auditor) -> None:
    answer = auditor.get(PATH, method="HEAD")

    assert (answer.status, answer.text) == (200, "")
    assert int(answer.headers["Content-Length"]) == len(auditor.get(PATH).text.encode())


@pytest.mark.parametrize(
    "event_id", [an_event(NOW, 50).id, "1", FIRST.id[:-1], FIRST.id.upper(), "f" * 12 + "-" + "0" * 32]
)
def test_an_unknown_id_is_not_found(auditor: Auditor, event_id: str) -> None:
    assert auditor.get(f"AuditEvent/{event_id}").status == 404


@pytest.mark.parametrize("scope", ["patient/AuditEvent.read", "user/AuditEvent.r", "system/AuditEvent.rs"])
def test_a_bound_client_reads_its_own_patients_events_alone(auditor: Auditor, scope: str) -> None:
    own, foreign, nobodys = KEPT[0], KEPT[2], KEPT[4]
    bound = auditor.as_caller(scope, "4")

    assert bound.get(f"AuditEvent/{own.id}").status == 200
    for event in (foreign, nobodys):
        answer = bound.get(f"AuditEvent/{event.id}")
        assert answer.status == 404
        assert answer.text == auditor.get(f"AuditEvent/{an_event(NOW, 50).id}").text


@pytest.mark.parametrize("scope", ["system/*.read", "patient/AuditEvent.read", "system/AuditEvent.s", "profile"])
def test_without_the_scope_nothing_is_read(auditor: Auditor, scope: str) -> None:
    answer = auditor.as_caller(scope).get(PATH)

    assert answer.status == 403
    assert "AuditEvent.r" in answer.diagnostics


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", PATH, 405),
        ("DELETE", PATH, 405),
        ("POST", "AuditEvent", 405),
        ("GET", "AuditEvent/_search", 405),
        ("GET", f"{PATH}/_history", 404),
        ("GET", f"{PATH}/_history/1", 404),
        ("GET", "Patient/4", 404),
        ("GET", "Nothing", 404),
        ("GET", "AuditEvent/a_b", 400),
    ],
)
def test_nothing_else_is_offered(auditor: Auditor, method: str, path: str, status: int) -> None:
    assert auditor.get(path, method=method).status == status


def test_an_error_is_in_the_format_that_was_asked_for(auditor: Auditor) -> None:
    assert auditor.get("AuditEvent/1", "_format=xml").text.startswith("<?xml")
    assert "<OperationOutcome" in auditor.post("AuditEvent/_search", "_format=xml&date=x").text


def test_without_a_caller_nothing_is_answered(auditor: Auditor) -> None:
    assert auditor.send(rest_event("GET", f"{FHIR_PATH}/{PATH}")).status == 401


def test_what_should_never_happen_is_a_500_that_tells_nothing(auditor: Auditor) -> None:
    def fail(name: str) -> None:
        if name == "BatchGetItem":
            raise RuntimeError(FIRST.id)

    auditor.faults.append(fail)
    answer = auditor.get(PATH)

    assert (answer.status, answer.diagnostics) == (500, "An internal error occurred.")
    assert own(auditor).outcome is Outcome.FAILED


# ---------------------------------------------------------------- its own reads are events


def own(auditor: Auditor) -> AuditEvent:
    (event,) = auditor.own_events()
    return event


def recorded(event: AuditEvent) -> dict[str, Any]:
    told = ("interaction", "type", "ids", "query", "patient", "outcome", "why")
    return {name: getattr(event, name) for name in told if getattr(event, name)}


def test_a_read_is_an_event_that_names_no_patient(auditor: Auditor) -> None:
    auditor.get(PATH)

    event = own(auditor)
    assert recorded(event) == {"interaction": "read", "type": "AuditEvent", "ids": (PATH,), "outcome": "0"}
    assert (event.client_id, event.subject, event.jti) == ("auditor", "auditor", "token-1")
    assert event.action is Action.READ


@pytest.mark.parametrize(
    ("query", "patient"),
    [
        ("patient=4", "4"),
        ("patient=Patient/4&_count=1", "4"),
        ("entity=Patient/5", "5"),
        ("patient=nobody", "nobody"),
        ("user=client-1", ""),
        ("entity=Observation/o1", ""),
        ("", ""),
    ],
)
def test_a_search_is_one_event_with_the_patient_that_it_was_asked_for(
    auditor: Auditor, query: str, patient: str
) -> None:
    auditor.get("AuditEvent", query)

    event = own(auditor)
    assert (event.interaction, event.type, event.patient) == ("search-type", "AuditEvent", patient)
    assert event.query == query


NHS_NUMBER = "9990000050"
"""An NHS number, which is no id here."""


@pytest.mark.parametrize(
    "query",
    [
        *(f"patient={value}" for value in (NHS_NUMBER, f"Patient/{NHS_NUMBER}", "999-000-0050")),
        *(f"entity={value}" for value in (NHS_NUMBER, f"Patient/{NHS_NUMBER}", f"Observation/{NHS_NUMBER}")),
        f"patient={NHS_NUMBER}&outcome=9",
        f"_id={NHS_NUMBER}",
    ],
)
def test_l_an_nhs_number_typed_as_an_id_is_in_no_event_of_a_search_of_events(auditor: Auditor, query: str) -> None:
    auditor.get("AuditEvent", query)

    event = own(auditor)
    assert event.patient == ""
    assert "***" in event.query
    assert "999" not in event.query


def test_l_an_nhs_number_of_which_the_trail_has_an_event_is_a_patients_id(empty: Auditor) -> None:
    empty.keep(an_event(NOW, patient=NHS_NUMBER))
    empty.get("AuditEvent", f"patient={NHS_NUMBER},9434765919")

    assert {(each.patient, each.query) for each in empty.own_events()} == {
        (NHS_NUMBER, "patient=***"),
        ("", "patient=***"),
    }
    assert empty.get("AuditEvent", f"entity=Patient/{NHS_NUMBER}").status == 200
    assert empty.own_events()[-1].query == f"entity=Patient/{NHS_NUMBER}"


def test_a_bound_clients_search_names_its_own_patient_or_the_one_that_was_asked_for(auditor: Auditor) -> None:
    bound = auditor.as_caller("patient/AuditEvent.read", "4")
    bound.get("AuditEvent")
    bound.get("AuditEvent", "patient=5")

    assert [event.patient for event in auditor.own_events()] == ["4", "5"]


def test_each_page_is_an_event(auditor: Auditor) -> None:
    pages = [auditor.post("AuditEvent/_search", "patient=4&_count=1&date=lt2026-11-26T12:00:00Z")]
    while url := pages[-1].link("next"):
        pages.append(auditor.follow(url))

    assert [event.patient for event in auditor.own_events()] == ["4"] * len(pages)
    assert all("patient=4" in event.query for event in auditor.own_events())


def test_what_is_no_parameter_is_counted(auditor: Auditor) -> None:
    auditor.get("AuditEvent", "nhs=9658218873")

    assert (own(auditor).query, own(auditor).unknown_parameters) == ("", 1)


@pytest.mark.parametrize(
    ("scope", "patient", "path", "query", "expected"),
    [
        ("system/*.read", "", "AuditEvent", "patient=4", {"patient": "", "why": "scope"}),
        ("system/AuditEvent.read", "", "AuditEvent", "patient=4&date=x", {"patient": "4", "why": "bad request"}),
        ("patient/AuditEvent.read", "4", "AuditEvent", "date=x", {"patient": "", "why": "bad request"}),
        ("patient/AuditEvent.read", "4", f"AuditEvent/{KEPT[2].id}", "", {"patient": "", "why": "compartment"}),
        ("system/AuditEvent.read", "", "AuditEvent/1", "", {"ids": ("AuditEvent/1",), "why": "not found"}),
        ("system/AuditEvent.read", "", "AuditEvent/1/_history", "", {"interaction": "unknown", "why": "not found"}),
    ],
)
def test_a_refusal_is_an_event_that_says_why(
    auditor: Auditor, scope: str, patient: str, path: str, query: str, expected: dict[str, Any]
) -> None:
    assert auditor.as_caller(scope, patient).get(path, query).status >= 400

    event = own(auditor)
    assert event.outcome is Outcome.REFUSED
    assert {name: getattr(event, name) for name in expected} == expected


def test_where_its_event_cannot_be_stored_nothing_is_disclosed(auditor: Auditor) -> None:
    def refuse(name: str) -> None:
        if name == "BatchExecuteStatement":
            raise EndpointConnectionError(endpoint_url="https://nowhere.example")

    auditor.faults.append(refuse)
    answer = auditor.get(PATH)

    assert answer.status == 503
    assert FIRST.id not in answer.text
    assert "AuditEventNotWritten" in auditor.observer.counts
