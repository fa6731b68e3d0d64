"""What writes cost a client (`write.md`, Cost; ADR 38 and 46)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.fhir import outcomes
from careconnect.storage.quota import UNCOUNTED_UNITS, UNITS_PER_MINUTE, UNITS_PER_WRITE_UNIT, WINDOW, Quota
from careconnect_records.multi_step.release import Release
from careconnect_testing.aws.lock_step import AwsCall
from careconnect_testing.aws.units import UnitMeter
from careconnect_testing.dynamodb import InMemoryClient
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import Resource, at_every_limit, observation, patient
from careconnect_testing.parts.record_writers import WRITE, Writer, issues_in
from careconnect_testing.parts.recorded_writes import with_record
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.records.stored import stored

MAX_STORED = 100_000_000
"""Bytes that a client may store in a minute."""
MAX_WRITE_UNITS = 30_000
"""Write units that a client may take in a minute."""
INSTANCES = 25
"""Writers that serve one client at once: 200 requests a second, of an eighth of a second each."""

NARRATIVE = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 290_000}</div>'}
LARGE: Resource = {**patient(), "id": "own", "text": NARRATIVE}


def padded(number: int, length: int, **elements: Any) -> Resource:
    """Return a patient with identifiers of some length, and a narrative that allows their index entries."""
    identifiers = [{"system": "urn:x", "value": f"{each:03d}{'v' * length}"} for each in range(number)]
    return {**patient(), "id": "own", "text": NARRATIVE, "identifier": identifiers, **elements}


def with_quota(writer: Writer, units: int = UNITS_PER_MINUTE, counters: UsageCounters | None = None) -> Writer:
    """Return the same writers as new instances, with a quota and the events of their writes."""
    return replace(with_record(writer)[0], quota=Quota(counters or UsageCounters(), units))


MANY_NAMES = [{"family": f"N{number}"} for number in range(120)]
WORST: Mapping[str, tuple[list[Resource], Callable[[Writer], Answer]]] = {
    "a small create": ([], lambda writer: writer.create(patient("1", gender="male"))),
    "a small update": ([padded(1, 1)], lambda writer: writer.update(padded(1, 1, gender="male"))),
    "other identifiers": ([padded(30, 1)], lambda writer: writer.update(padded(30, 2))),
    "an update of a narrative's resource": ([LARGE], lambda writer: writer.update({**LARGE, "gender": "male"})),
    "a patch of it": (
        [LARGE],
        lambda writer: writer.patch("Patient/own", {"op": "add", "path": "/gender", "value": "male"}),
    ),
    "a deletion of it": ([LARGE], lambda writer: writer.delete("Patient/own")),
    "in steps": ([], lambda writer: writer.update(padded(50, 100))),
    "in steps, the same entries": ([padded(50, 100)], lambda writer: writer.update(padded(50, 100, gender="male"))),
    "in steps, other entries": ([padded(50, 100)], lambda writer: writer.update(padded(50, 101, name=MANY_NAMES))),
    "in steps, a deletion": ([padded(50, 100, name=MANY_NAMES)], lambda writer: writer.delete("Patient/own")),
    "with a large index": ([], lambda writer: writer.update(padded(50, 400, name=MANY_NAMES))),
}


@pytest.fixture
def metered(writer: Writer) -> Iterator[UnitMeter]:
    """Count the write units of the writer's calls, as DynamoDB would."""
    meter = UnitMeter(InMemoryClient(writer.reader.client.database))
    events = writer.reader.client.meta.events

    def before(params: Any, model: Any, **_: Any) -> None:
        if model.name not in ("GetItem", "BatchGetItem", "Query"):
            meter.before([AwsCall(model.name, params)])

    def after(**_: Any) -> None:
        meter.after()

    events.register("provide-client-params.dynamodb", before)
    events.register("after-call.dynamodb", after)
    yield meter
    events.unregister("provide-client-params.dynamodb", before)
    events.unregister("after-call.dynamodb", after)


@pytest.mark.parametrize("kind", WORST)
def test_m5_a_write_is_charged_for_all_that_it_writes(
    writer: Writer, metered: UnitMeter, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """M5: writers had no quota. The charge is never less than what DynamoDB takes."""
    before, write = WORST[kind]
    monkeypatch.setattr("careconnect_records.multi_step.release._CALLS_AT_ONCE", 1)
    monkeypatch.setattr("careconnect_records.multi_step.release.WRITES_AT_ONCE", 1)
    release = Release(writer.reader.tables)
    for each in before:
        writer.made(each)
        release.release_all()
    monkeypatch.setattr("careconnect.storage.quota.UNCOUNTED_UNITS", -1)
    counters = UsageCounters()
    sent = with_quota(writer, counters=counters)
    stored_before = stored(writer.reader.tables)
    metered.clear()

    assert write(sent).status in (200, 201, 204)
    release.release_all()

    units = sum(counters.charges) / UNITS_PER_WRITE_UNIT
    assert metered.write <= units <= 2 * metered.write + 40
    added = {key: item for key, item in stored(writer.reader.tables).items() if stored_before.get(key) != item}
    # What is stored at a write unit for each half a KB is less than the minute's share of 100 MB.
    assert sum(len(str(item)) for item in added.values()) / units * MAX_WRITE_UNITS <= MAX_STORED


def test_promise_9_what_is_throttled_before_its_look_ups_is_of_nobody_and_afterwards_of_whom_they_found(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect.storage.quota.UNCOUNTED_UNITS", -1)
    for each in ("own", "other"):
        writer.made({**patient(), "id": each})
    writer.made({**observation("Patient/own"), "id": "o"})
    recorded, record = with_record(writer)
    moved = {**observation("Patient/other"), "id": "o"}

    class Spent(UsageCounters):
        """Counters of a client that others charge too, once this request has been charged for the first time."""

        def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
            counted = super().add(client_id, window, units, limit)
            if len(self.charges) == 1:
                super().add(client_id, window, 1_000, limit)
            return counted

    throttled = replace(recorded, quota=Quota(Spent(), 200))
    answers: list[Answer] = []
    late = [record.since(lambda: answers.append(throttled.update(moved))) for _ in range(2)]

    assert [each.status for each in answers] == [429, 429]
    assert sorted((event.patient, event.why) for event in late[0]) == [("other", "throttled"), ("own", "throttled")]
    assert [(event.patient, event.why) for event in late[1]] == [("", "throttled")]


def test_m5_a_client_stores_and_takes_no_more_in_a_minute_than_the_contract_says() -> None:
    """A write unit stores at most 1 KB: a transaction takes two of them for each."""
    charged = UNITS_PER_MINUTE // UNITS_PER_WRITE_UNIT
    uncharged = INSTANCES * UNCOUNTED_UNITS // UNITS_PER_WRITE_UNIT

    assert charged + uncharged <= MAX_WRITE_UNITS
    assert (charged + uncharged) * 1024 <= MAX_STORED


def test_small_writes_are_charged_together_and_make_no_call_each(writer: Writer) -> None:
    counters = UsageCounters()
    sent = with_quota(writer, counters=counters)
    for number in range(20):
        assert sent.create(patient(str(number))).status == 201

    assert 2 <= len(counters.charges) <= 5
    assert min(counters.charges) > UNCOUNTED_UNITS


def test_without_units_a_write_is_429_and_nothing_is_written(writer: Writer) -> None:
    sent, record = with_record(writer)
    sent = replace(sent, quota=Quota(UsageCounters(), 2_000))
    made = sent.made({**patient(), "id": "4"})
    spent = [sent.create(observation("Patient/4")) for _ in range(40)]
    first = [answer.status for answer in spent].index(429)
    before = stored(writer.reader.tables)
    events = len(record.all())
    writer.calls.clear()

    refused = {
        "POST": sent.create(patient()),
        "PUT": sent.update({**made, "gender": "male"}),
        "PATCH": sent.patch("Patient/4", {"op": "add", "path": "/gender", "value": "male"}),
        "DELETE": sent.delete("Observation/new-0"),
    }

    assert {answer.status for answer in spent[:first]} == {201}
    assert {answer.status for answer in spent[first:]} == {429}
    for answer in refused.values():
        assert (answer.status, issues_in(answer)) == (429, [("throttled", ())])
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert WRITE not in writer.calls
    assert stored(writer.reader.tables) == before
    # One event for all within the minute: refusals cannot fill the trail.
    assert len(record.all()) == events
    # Nor is anything looked up for it, and another client has its own quota.
    writer.calls.clear()
    assert sent.update({"resourceType": "Patient", "id": "4"}).status == 429
    assert set(writer.calls) <= {"BatchExecuteStatement"}
    assert sent.as_caller(client_id="client-2").create(patient()).status == 201
    sent.now.now += 60
    assert sent.create(patient()).status == 201


def test_what_reads_have_spent_writes_have_not(writer: Writer) -> None:
    counters = UsageCounters()
    counters.add("client-1", int(writer.now() // 60), 100_000, 1)
    sent = with_quota(writer, counters=counters)
    sent.made({**patient(), "id": "own"})

    assert sent.update(LARGE).status == 429


def test_a_write_that_costs_more_than_ten_minutes_is_422(writer: Writer) -> None:
    sent = with_quota(writer, 200)

    answer = sent.update(LARGE)

    assert (answer.status, issues_in(answer)) == (422, [("too-costly", ())])
    assert WRITE not in writer.calls
    assert sent.create(patient()).status == 201


def test_h_what_the_limits_let_be_stored_can_be_replaced_and_deleted(writer: Writer) -> None:
    """H: the change of a resource at every limit cost more than a minute's quota, and was always 422."""
    writes: list[tuple[Callable[[Writer], Answer], int]] = [
        (lambda sent: sent.update(at_every_limit("a")), 201),
        (lambda sent: sent.update(at_every_limit("b")), 200),
        (lambda sent: sent.delete("Patient/own"), 204),
    ]
    for write, status in writes:
        counters = UsageCounters()
        sent = with_quota(writer, counters=counters)

        assert write(sent).status == status

        minute = int(sent.now() // WINDOW)
        this, *later = counters.used("client-1", range(minute, minute + 11), UNITS_PER_MINUTE)
        assert 78_000 < this + sum(later) < 160_000
        refused = sent.create(patient())
        assert refused.status == (429 if sum(later) else 201)
        if sum(later):
            assert f"and owes {sum(later):,} units of the next" in refused.issue["diagnostics"]
            # It is paid at the beginning of the next minute, which has room for more.
            sent.now.now += int(refused.headers["Retry-After"])
            assert int(sent.now() // WINDOW) == minute + 1
            assert sent.create(patient()).status == 201
        Release(writer.reader.tables).release_all()


def test_only_a_first_charge_that_was_made_lets_the_second_pass(writer: Writer) -> None:
    """Many writes whose first charge is small would otherwise each owe ten minutes."""
    counters = UsageCounters()
    here, there = (with_quota(writer, 2_000, counters) for _ in range(2))

    assert here.create(LARGE).status == 201
    assert there.update({**LARGE, "gender": "male"}).status == 429


class _Down(UsageCounters):
    def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
        raise outcomes.unavailable("down")


def test_while_the_counters_are_down_small_writes_go_on_and_dear_ones_are_503(writer: Writer) -> None:
    sent = with_quota(writer, counters=_Down())

    assert [sent.create(patient(str(number))).status for number in range(20)] == [201] * 20
    assert sent.update(LARGE).status == 503


def test_a_charge_is_awaited_though_the_write_is_refused(writer: Writer) -> None:
    """A call that outlives its request would be frozen with the function."""
    counters = UsageCounters()
    sent = with_quota(writer, counters=counters)
    answer = sent.update({**LARGE, "managingOrganization": {"reference": "Organization/never"}})

    assert (answer.status, issues_in(answer)) == (422, [("not-found", ("Patient.managingOrganization",))])
    assert len(counters.charges) == 1


def test_each_attempt_is_charged(writer: Writer) -> None:
    counters = UsageCounters()
    sent = with_quota(writer, counters=counters)
    lost: list[bool] = []

    def conflict(name: str) -> None:
        if name == WRITE and not lost:
            lost.append(True)
            raise ClientError({"Error": {"Code": "TransactionConflictException"}}, name)

    writer.faults.append(conflict)

    assert sent.update(LARGE).status == 201
    assert len(counters.charges) == 2
