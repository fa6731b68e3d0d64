"""The events of a request are made of its facts and disclosures: each once, as soon as its patient is known."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from careconnect.audit.disclosures import NOBODY, SCOPE, Disclosures
from careconnect.audit.event import Action, AuditEvent, Outcome
from careconnect.audit.facts import Facts
from careconnect.audit.query import LEFT_OUT, LONGEST_QUERY, AuditParameter, AuditQuery, audit_query
from careconnect.audit.recorder import EventRecorder
from careconnect.audit.store import EventNotStoredError
from careconnect.fhir.outcomes import (
    bypassed_edge,
    expired_token,
    insufficient_scope,
    internal,
    invalid_request,
    not_found,
    out_of_compartment,
    out_of_scope,
    too_many_requests,
    unavailable,
)
from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.http.errors import ApiError
from careconnect.http.messages import parse_request
from careconnect_testing.http.events import fhir_event
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.clock import Clock

CALLER = {"client_id": "client-1", "jti": "a-jti"}
OBSERVATION = next(each for each in RESOURCE_TYPES if each.name == "Observation")
Reported = list[tuple[str, str, str, int]]


def recorder(stored: StoredEvents, method: str = "GET", *, fails_open: bool = False, **caller: str) -> EventRecorder:
    request = parse_request(fhir_event(method, "Patient/4", authorizer=caller or CALLER))
    return EventRecorder(stored, clock=Clock(1_795_676_953.0), service="tested", request=request, fails_open=fails_open)


def reported(stored: StoredEvents) -> Reported:
    return sorted((event.patient, event.outcome.value, event.why, event.status) for event in stored.events)


NAMED = Facts("read", Action.READ, "Patient", ("Patient/4",), patients=("4",))


def _twice(found: Disclosures) -> None:
    found.disclose(["4"])
    found.disclose(["4", "5"])


def _both(found: Disclosures) -> None:
    found.disclose(["5"])
    found.hide(["4", "5"])


DONE: list[tuple[Callable[[Disclosures], object], Reported]] = [
    (lambda found: None, [("", "0", "", 0)]),
    (lambda found: found.disclose([NOBODY]), [("", "0", "", 0)]),
    (lambda found: found.disclose(["4", "5", "4"]), [("4", "0", "", 0), ("5", "0", "", 0)]),
    (_twice, [("4", "0", "", 0), ("5", "0", "", 0)]),
    (lambda found: found.disclose_found(lambda: ["4"]), [("4", "0", "", 0)]),
    (lambda found: found.disclose_found(list), [("", "0", "", 0)]),
    (lambda found: found.hide(["4"]), [("4", "4", "compartment", 200)]),
    (_both, [("4", "4", "compartment", 200), ("5", "0", "", 0)]),
    (lambda found: found.hide([NOBODY], "inactive"), [("", "4", "inactive", 200)]),
]


@pytest.mark.parametrize(("act", "expected"), DONE)
@pytest.mark.parametrize("is_write", [False, True])
def test_what_is_allowed_is_an_event_of_each_patient_or_one_of_nobody(
    act: Callable[[Disclosures], object], expected: Reported, *, is_write: bool
) -> None:
    stored = StoredEvents()
    request = recorder(stored)
    request.facts = NAMED
    act(request.while_writing() if is_write else request.while_reading())
    request.finish(200, None)

    assert reported(stored) == expected


@pytest.mark.parametrize(("context", "name"), [({}, ""), ({"client_name": "Se%C3%B1or%20%22X%22"}, 'Señor "X"')])
def test_an_event_names_the_client_as_its_token_does(context: dict[str, str], name: str) -> None:
    stored = StoredEvents()
    request = parse_request(fhir_event("GET", "Patient/4", authorizer={**CALLER, **context}))
    EventRecorder(stored, request=request).finish(200, None)

    assert [event.client_name for event in stored.events] == [name]


REFUSED: list[tuple[ApiError, str, str]] = [
    (insufficient_scope("user/Patient.r"), "4", "scope"),
    (not_found(), "4", "not found"),
    (out_of_compartment(()), "4", "compartment"),
    (expired_token(), "4", "token"),
    (bypassed_edge(), "4", "front"),
    (invalid_request("No."), "4", "bad request"),
    (internal(), "8", "error"),
]


@pytest.mark.parametrize(("refusal", "outcome", "why"), REFUSED)
def test_what_is_refused_before_anything_is_written_says_why_and_whom_it_names(
    refusal: ApiError, outcome: str, why: str
) -> None:
    stored = StoredEvents()
    request = recorder(stored)
    request.facts = NAMED
    request.finish(refusal.status, refusal)

    assert reported(stored) == [("4", outcome, why, refusal.status)]


@pytest.mark.parametrize("begin", [lambda _: None, lambda request: request.while_reading().hide(["4"])])
def test_a_request_that_is_throttled_before_its_work_is_an_event_of_nobody(
    begin: Callable[[EventRecorder], object],
) -> None:
    stored = StoredEvents()
    request = recorder(stored)
    request.facts = NAMED
    request.found.disclose(["5"])
    begin(request)
    request.finish(429, too_many_requests(1, quota=100_000))

    assert reported(stored) == [("", "4", "throttled", 429)]


def test_promise_9_a_request_that_is_throttled_after_its_work_is_an_event_of_each_that_it_found() -> None:
    stored = StoredEvents()
    for number in range(2):
        request = recorder(stored, "PUT")
        found = request.while_writing()
        found.disclose([f"{number}-4"])
        found.hide([f"{number}-5"])
        request.finish(429, too_many_requests(1, quota=100_000))

    assert reported(stored) == [
        ("0-4", "4", "throttled", 429),
        ("0-5", "4", "compartment", 429),
        ("1-4", "4", "throttled", 429),
        ("1-5", "4", "compartment", 429),
    ]


def test_promise_9_a_429_that_names_patients_shares_its_event_with_no_other_once_its_work_has_begun() -> None:
    def refuse(_events: int) -> None:
        raise too_many_requests(1, quota=100_000)

    stored = StoredEvents()
    for begins in (False, False, True, True):
        request = recorder(stored)
        request.facts = NAMED
        if begins:
            with pytest.raises(ApiError):
                request.while_reading(refuse).disclose(["4"])
        request.finish(429, too_many_requests(1, quota=100_000))

    assert reported(stored) == [("", "4", "throttled", 429)] * 3


def test_promise_9_events_of_work_are_stored_whatever_is_left_of_the_quota_and_owed() -> None:
    def refuse(_events: int) -> None:
        raise too_many_requests(1, quota=100_000)

    stored, owed = StoredEvents(), list[int]()
    request = recorder(stored, "PUT")
    request.charge_refusal, request.owe = refuse, owed.append
    request.while_writing().disclose(["4", "5"])
    request.finish(422, invalid_request("No."))

    assert [each[0::3] for each in reported(stored)] == [("4", 422), ("5", 422)]
    assert owed == [2]


class _Slow(StoredEvents):
    """A store that stores nothing before somebody waits for it."""

    def begin(self, events: Sequence[AuditEvent]) -> "list[Future[None]]":
        return [ThreadPoolExecutor(1).submit(self._late, events)]

    def _late(self, events: Sequence[AuditEvent]) -> None:
        time.sleep(0.05)
        self.keep(events)


@pytest.mark.parametrize("error", [internal(), RuntimeError("unexpected")])
def test_promise_9_no_answer_leaves_before_its_events_whatever_fails(error: Exception) -> None:
    def fail() -> list[str]:
        raise error

    stored = _Slow()
    request = recorder(stored)
    found = request.while_reading()
    found.disclose(["4"])
    found.disclose_found(fail)
    with pytest.raises(type(error)):
        request.finish(200, None)

    assert ("4", "0", "", 0) in reported(stored)


def test_promise_9_whom_a_write_refers_to_is_recorded_also_if_its_answer_fails() -> None:
    stored = StoredEvents()
    request = recorder(stored, "PUT")
    found = request.while_writing()
    found.disclose(["4", "5"])
    request.put_actions({"4": ["Observation/1/_history/1"]})
    request.committed()
    request.finish(500, internal())

    assert reported(stored) == [("5", "0", "", 0)]


def test_refusals_of_many_are_paid_for_or_are_nobodys() -> None:
    def pay(events: int) -> None:
        paid.append(events)
        if sum(paid) > 100:
            raise too_many_requests(1, quota=100_000)

    stored, paid = StoredEvents(), list[int]()
    for number in range(2):
        request = recorder(stored)
        request.charge_refusal = pay
        patients = tuple(f"{number}-{each}" for each in range(60))
        request.facts = Facts("search-type", Action.READ, "Condition", patients=patients)
        if number:
            with pytest.raises(ApiError) as refused:
                request.finish(400, invalid_request("No."))
            assert refused.value.status == 429
        else:
            request.finish(400, invalid_request("No."))

    assert paid == [60, 60]
    assert [len([each for each in reported(stored) if each[3] == status]) for status in (400, 429)] == [60, 1]


def test_a_write_that_may_have_been_done_and_a_failure_of_ours_are_not_charged() -> None:
    def pay(_events: int) -> None:
        raise too_many_requests(1, quota=100_000)

    for is_put in (True, False):
        stored = StoredEvents()
        request = recorder(stored)
        request.charge_refusal = pay
        request.facts = Facts("update", Action.UPDATE, "Observation", ("Observation/1",))
        request.while_writing().disclose(["4", "5"])
        if is_put:
            request.put_actions(dict.fromkeys(["4", "5"], ("Observation/1/_history/2",)))
        request.finish(503, unavailable("no answer"))

        assert [each[0::3] for each in reported(stored)] == [("4", 503), ("5", 503)]


@pytest.mark.parametrize("refusal", [not_found(), internal()])
def test_what_was_allowed_stays_so_whatever_comes_of_it(refusal: ApiError) -> None:
    stored = StoredEvents()
    request = recorder(stored)
    request.facts = NAMED
    request.while_reading().disclose(["4"])
    request.finish(refusal.status, refusal)

    assert reported(stored) == [("4", "0", "", 0)]


def test_a_refusal_is_of_whom_the_request_names_and_of_whom_it_was_found_to_be() -> None:
    stored = StoredEvents()
    request = recorder(stored)
    request.facts = Facts("read", Action.READ, "Observation", ("Observation/1",), patients=("4",))
    request.while_writing().disclose(["9"])
    request.finish(404, out_of_compartment(("4", "5")))

    assert reported(stored) == [("4", "4", "compartment", 404), ("5", "4", "compartment", 404)]


def test_an_event_says_who_asked_for_what() -> None:
    stored = StoredEvents()
    request = recorder(stored)
    asked = audit_query(OBSERVATION, [("code", "1"), ("nonsense", "2")], "")
    request.facts = Facts("search-type", None, "Observation", query=asked)
    request.while_reading().disclose(["4"])
    request.finish(200, None)

    (event,) = stored.events
    assert (event.interaction, event.action, event.type, event.query) == ("search-type", "R", "Observation", "code=1")
    assert (event.client_id, event.subject, event.jti, event.service) == ("client-1", "client-1", "a-jti", "tested")
    assert (event.unknown_parameters, event.parameters) == (1, 0)
    assert stored.steps == ["begin 1"]


def test_a_refused_proofs_event_names_its_key_and_leaves_its_query_the_rest_of_the_room() -> None:
    stored = StoredEvents()
    request = recorder(stored)
    # With a key there is no room for it.
    longest = audit_query(OBSERVATION, [("code", "1" * (LONGEST_QUERY - len("code=")))], "")
    request.facts = Facts("search-type", None, "Observation", query=longest)
    request.identify(jkt="j" * 43)
    request.finish(401, ApiError(401, "login", "a text", why="proof"))

    (event,) = stored.events
    assert (event.outcome, event.why, event.jkt, event.client_id) == (Outcome.REFUSED, "proof", "j" * 43, "client-1")
    assert event.query == f"code={LEFT_OUT}"


def test_an_event_names_the_scopes_with_a_suffix_and_leaves_its_query_the_rest_of_the_room() -> None:
    stored = StoredEvents()
    request = recorder(stored)
    request.facts = Facts(
        "search-type", None, "Observation", query=audit_query(OBSERVATION, [("code", "1" * 2_000)], "")
    )
    found = request.while_reading()
    found.scope = "user/Observation.s?category=a"
    found.disclose(["4"])
    again = request.while_reading()
    again.scope = f"user/Observation.s?code={'b' * 1_500}"
    again.disclose(["5"])
    request.finish(200, None)

    first, second = stored.events
    assert (first.scope, first.query) == (found.scope, f"code={'1' * 2_000}")
    assert (second.scope, second.query) == (again.scope, f"code={LEFT_OUT}")


def test_an_event_names_the_job_and_the_file_of_an_export_and_leaves_its_query_the_rest_of_the_room() -> None:
    query = AuditQuery((AuditParameter("_typeFilter", "x" * LONGEST_QUERY),))
    kept = StoredEvents()
    events = recorder(kept)
    events.facts = Facts("operation", Action.EXECUTE, query=query, job="a" * 32, file="Patient.0.1.ndjson")
    events.finish(200, None)

    (event,) = kept.events
    assert (event.job, event.file) == ("a" * 32, "Patient.0.1.ndjson")
    assert event.query == "_typeFilter=***"


def test_later_events_of_a_job_name_no_patient_that_its_kick_off_names() -> None:
    query = AuditQuery((AuditParameter("patient", "Patient/4", ("4",)), AuditParameter("_type", "Patient")))
    kept = StoredEvents()
    events = recorder(kept, "POST")
    events.facts = Facts("operation", Action.EXECUTE, "Patient", query=query, patients=("4",))

    later = events.for_later()

    assert (later.patient, later.query) == ("", "patient=***&_type=Patient")
    assert (later.client_id, later.jti, later.outcome) == ("client-1", "a-jti", Outcome.ALLOWED)
    assert kept.events == []


def test_what_suffixes_hide_is_refused_for_the_scope() -> None:
    stored = StoredEvents()
    request = recorder(stored)
    request.while_reading()
    request.finish(404, out_of_scope(("4",)))
    other = recorder(stored)
    other.while_reading().hide(["5"], SCOPE)
    other.finish(200, None)

    assert reported(stored) == [("4", "4", "scope", 404), ("5", "4", "scope", 200)]


@pytest.mark.parametrize(("method", "action"), [("GET", "R"), ("POST", "E"), ("PUT", "U"), ("DELETE", "D")])
def test_without_an_action_it_is_what_the_method_says(method: str, action: str) -> None:
    stored = StoredEvents()
    recorder(stored, method).finish(200, None)

    assert stored.events[0].action == action


def test_l14_an_event_of_a_patient_names_no_other() -> None:
    stored = StoredEvents()
    request = recorder(stored)
    asked = audit_query(OBSERVATION, [("patient", "4,5"), ("subject", "Patient/6"), ("code", "1")], "")
    request.facts = Facts("search-type", Action.READ, "Observation", ("Patient/6",), asked)
    request.while_reading().disclose(["4", "6"])
    request.finish(200, None)

    of_four, of_six = sorted(stored.events, key=lambda each: each.patient)
    assert (of_four.query, of_four.ids) == ("patient=***&subject=***&code=1", ())
    assert (of_six.query, of_six.ids) == ("patient=***&subject=Patient/6&code=1", ("Patient/6",))


@pytest.mark.parametrize(("code", "is_kept"), [("ThrottlingException", False), ("ValidationException", False)])
def test_what_cannot_be_stored_is_raised_at_the_end(code: str, is_kept: bool) -> None:
    stored = StoredEvents(fault=code)
    request = recorder(stored)
    request.while_reading().disclose(["4"])
    with pytest.raises(EventNotStoredError) as caught:
        request.finish(200, None)

    assert caught.value.is_down is (code == "ThrottlingException")
    assert bool(stored.events) is is_kept


def test_what_is_looked_up_beside_the_work_and_fails_refuses_the_request_and_is_an_event() -> None:
    def find() -> list[str]:
        raise internal()

    stored = StoredEvents()
    request = recorder(stored)
    request.while_reading().disclose_found(find)
    with pytest.raises(ApiError):
        request.finish(200, None)

    assert reported(stored) == [("", "8", "error", 500)]


def test_events_are_paid_for_before_they_are_written_and_those_of_whom_the_work_found_are_owed() -> None:
    stored, owed = StoredEvents(), list[int]()
    request = recorder(stored)
    request.facts = replace(NAMED, patients=("7",))
    request.owe = owed.append
    paid: list[int] = []

    def pay(events: int) -> None:
        paid.append(events)
        if len(paid) == 2:
            raise too_many_requests(1, quota=100_000)

    found = request.while_reading(pay)
    found.disclose(["4", "5"])
    found.disclose(["4"])
    with pytest.raises(ApiError):
        found.disclose(["6", "7"])
    request.finish(429, too_many_requests(1, quota=100_000))

    assert (paid, owed) == ([2, 2], [1])
    assert reported(stored) == [("4", "0", "", 0), ("5", "0", "", 0), ("6", "0", "", 0)]


def test_a_request_that_is_read_again_stores_what_it_has_told_by_its_end_and_pays_for_it_once() -> None:
    stored, paid = StoredEvents(), list[int]()
    request = recorder(stored)
    request.while_reading(paid.append).disclose(["4"])
    again = request.while_reading(paid.append)
    again.disclose(["4", "5"])
    assert reported(stored) == [("4", "0", "", 0)]

    request.finish(400, invalid_request("No."))
    assert reported(stored) == [("4", "0", "", 0), ("5", "0", "", 0)]
    assert paid == [1, 1]


def test_an_attempt_to_write_is_about_those_that_it_found_alone() -> None:
    stored = StoredEvents()
    request = recorder(stored, "PUT")
    request.facts = Facts("update", Action.UPDATE, "Observation", ("Observation/1",))
    request.while_writing().disclose(["4"])
    found = request.while_writing()
    found.disclose(["5"])
    found.resources = ()
    request.finish(409, ApiError(409, "conflict", "No."))

    assert reported(stored) == [("5", "4", "conflict", 409)]
    assert stored.events[0].ids == ()


# --- the events of a write


def _ids(actions: list[dict[str, Any]]) -> list[str]:
    return [each["Put"]["Item"]["sk"]["S"] for each in actions]


def test_a_writes_events_are_actions_of_its_transaction() -> None:
    stored = StoredEvents()
    request = recorder(stored, "PUT")
    found = request.while_writing()
    found.disclose(["4", "5"])
    actions = request.put_actions(dict.fromkeys(["4", "5"], ("Patient/4/_history/2",)))
    request.committed()
    request.finish(200, None)

    items = [each["Put"]["Item"] for each in actions]
    assert [(item["patient"]["S"], item["outcome"]["S"], "status" in item) for item in items] == [
        ("4", "0", False),
        ("5", "0", False),
    ]
    assert stored.events == []


def test_who_has_no_event_within_a_write_gets_one_after_it_that_names_the_versions_referring_to_him() -> None:
    stored = StoredEvents()
    request = recorder(stored, "PUT")
    request.facts = Facts("update", Action.UPDATE, "Observation", ("Observation/1",))
    found = request.while_writing()
    found.disclose(["4", "5", "6"])
    found.versions = {"5": ["Observation/2/_history/1"]}
    request.put_actions({"4": ["Observation/1/_history/2", "Observation/2/_history/1"]})
    request.committed()
    request.finish(200, None)

    assert reported(stored) == [("5", "0", "", 0), ("6", "0", "", 0)]
    assert [each.ids for each in stored.events] == [("Observation/2/_history/1",), ()]


def test_of_a_write_that_may_have_been_done_one_of_two_events_with_one_id_can_be_put() -> None:
    stored = StoredEvents()
    request = recorder(stored, "PUT")
    request.facts = NAMED
    request.while_writing()
    first = request.put_actions({"4": ["Patient/4/_history/2"]})
    request.while_writing().disclose(["4"])
    second = request.put_actions({"4": ["Patient/4/_history/3"]})
    request.finish(503, internal())

    assert reported(stored) == [("4", "8", "error", 503)]
    assert [stored.events[0].id] == _ids(second) != _ids(first)
    assert stored.events[0].ids == ("Patient/4",)


@pytest.mark.parametrize("fails_open", [False, True])
def test_a_write_goes_without_its_events_where_that_was_chosen_and_writes_them_after_it(fails_open: bool) -> None:
    stored = StoredEvents()
    request = recorder(stored, "PUT", fails_open=fails_open)
    request.while_writing().disclose(["4"])
    made = {"4": ["Patient/4/_history/2"]}
    assert request.put_actions(made)

    assert request.goes_without() is fails_open
    assert request.goes_without() is False
    assert bool(request.put_actions(made)) is not fails_open
    request.committed()
    request.finish(200, None)

    assert reported(stored) == ([("4", "0", "", 0)] if fails_open else [])


# --- anybody's failures


def _failed(stored: StoredEvents, at: float, address: str, claimed: str = "", why: str = "bad request") -> AuditEvent:
    event = fhir_event("POST", "token", authorizer={})
    event["requestContext"]["identity"]["sourceIp"] = address
    request = EventRecorder(stored, clock=Clock(at), request=parse_request(event))
    request.finish(401, ApiError(401, "no", "No.", why=why, claimed_client_id=claimed))
    return stored.events[-1]


MINUTE = 1_795_676_940.0


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ((MINUTE, "203.0.113.7"), (MINUTE + 59.9, "203.0.113.7"), True),
        ((MINUTE, "203.0.113.7"), (MINUTE + 60, "203.0.113.7"), False),
        ((MINUTE, "203.0.113.7"), (MINUTE, "203.0.113.8"), False),
        ((MINUTE, "2001:db8:1:2::1"), (MINUTE, "2001:db8:1:2:ffff::9"), True),
        ((MINUTE, "2001:db8:1:2::1"), (MINUTE, "2001:db8:1:3::1"), False),
        ((MINUTE, "203.0.113.7", "one"), (MINUTE, "203.0.113.7", "one"), True),
        ((MINUTE, "203.0.113.7", "one"), (MINUTE, "203.0.113.7", "two"), False),
        ((MINUTE, "203.0.113.7", "one", "scope"), (MINUTE, "203.0.113.7", "one", "throttled"), False),
        ((MINUTE, "nowhere"), (MINUTE, "nowhere"), True),
    ],
)
def test_l12_failures_of_nobody_are_one_event_for_each_minute_network_cause_and_claimed_client(
    first: tuple[Any, ...], second: tuple[Any, ...], is_same: bool
) -> None:
    stored = StoredEvents()
    _failed(stored, *first)
    _failed(stored, *second)

    assert len(stored.events) == (1 if is_same else 2)
    assert all(abs(event.at / 1000 - at[0]) <= 30 for event, at in zip(stored.events, (first, second), strict=False))


def test_refusals_of_a_proven_client_are_events_each_but_for_those_that_are_throttled() -> None:
    for refusal, events in ((invalid_request("No."), 3), (too_many_requests(1, quota=100_000), 1)):
        stored = StoredEvents()
        for _ in range(3):
            recorder(stored).finish(refusal.status, refusal)
        assert len(stored.events) == events


def test_without_a_look_up_each_id_counts_as_that_of_a_resource() -> None:
    assert EventRecorder().which_exist(["Patient/9990000050"]) == ["Patient/9990000050"]
