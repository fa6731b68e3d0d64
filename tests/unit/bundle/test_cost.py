"""What a Bundle costs: nothing is looked up of what can be refused, and all else is paid for before it is done."""

from dataclasses import replace
from typing import Any

import pytest

from careconnect.storage.quota import Quota
from careconnect_testing.http.writes import LONG_TEXT, NHS_NUMBER, Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.recorded_writes import with_record
from careconnect_testing.parts.usage_counters import UsageCounters
from careconnect_testing.running.bundle_service import Bundles, Entry, batch, entry, statuses, transaction

CONDITION = f"identifier={NHS_NUMBER}|1"
LARGE: Resource = {**patient("1", text=LONG_TEXT), "id": "large"}
INVALID: Resource = {**patient(gender="no such"), "id": "x"}

BATCHES: dict[str, list[Entry]] = {
    "deletions of nothing": [entry("DELETE", f"Observation/nothing-{number}") for number in range(500)],
    "invalid updates": [entry("PUT", "Patient/x", INVALID)] * 500,
    "creates that a large resource meets": [entry("POST", "Patient", patient("1"), ifNoneExist=CONDITION)] * 500,
    "searches by a hundred ids": [
        entry("GET", f"Patient?_id={','.join(f'p{number}' for number in range(100))}&_count=1")
    ]
    * 340,
}


def spent(writer: Writer) -> Writer:
    """Return the writers for a client that is over its quota, as instances that do not know it yet."""
    counters = UsageCounters()
    counters.add("client-1", int(writer.now() // 60), 100_000)
    return replace(writer, quota=Quota(counters, 100_000))


@pytest.mark.parametrize("case", BATCHES)
def test_b_a_batch_of_a_client_over_its_quota_is_429_before_any_work(writer: Writer, case: str) -> None:
    writer.made(LARGE)
    recorded, record = with_record(spent(writer))
    writer.calls.clear()

    answer = Bundles(recorded).send(batch(*BATCHES[case]))

    assert (answer.status, issues_in(answer)) == (429, [("throttled", ())])
    assert set(writer.calls) <= {"BatchExecuteStatement"}
    assert len(record.all()) == 1


@pytest.mark.parametrize("case", ["deletions of nothing", "invalid updates"])
def test_b_each_entry_of_a_batch_that_changes_nothing_is_paid_for(writer: Writer, case: str) -> None:
    counters = UsageCounters()

    Bundles(replace(writer, quota=Quota(counters, 100_000))).batch(*BATCHES[case][:100])

    assert sum(counters.charges) >= 100 * 60


def test_b_a_match_of_each_entry_is_paid_for(writer: Writer) -> None:
    writer.made(LARGE)
    counters = UsageCounters()

    entries = BATCHES["creates that a large resource meets"][:30]
    assert set(statuses(Bundles(replace(writer, quota=Quota(counters, 100_000))).batch(*entries))) == {200}

    assert sum(counters.charges) == 30 * (60 + 8)


def test_b_the_searches_of_a_bundle_have_one_free_share(writer: Writer) -> None:
    """A page of a hundred named patients costs their events, far more than the price of a search."""
    recorded, _ = with_record(writer)
    for number in range(100):
        recorded.made({**patient(), "id": f"p{number}"})
    counters, searches = recorded.reader.counters, BATCHES["searches by a hundred ids"][:9]

    assert set(statuses(Bundles(recorded).batch(*searches[:1]))) == {200}
    assert counters.charges == []
    assert set(statuses(Bundles(recorded).batch(*searches))) == {200}

    assert sum(counters.charges) >= 9 * 360 - 3_000


def twice(number: int) -> list[Entry]:
    return [entry("DELETE", "Patient/large")] * number


def conditional(number: int) -> list[Entry]:
    return [entry("PUT", f"Patient?identifier={NHS_NUMBER}|{each}", patient(str(each))) for each in range(number)]


def deletions(number: int) -> list[Entry]:
    return [entry("DELETE", f"Observation/o{each}") for each in range(number)]


TRANSACTIONS: dict[str, tuple[list[Entry], int, str]] = {
    "deletions of one resource": (twice(500), 400, "duplicate"),
    "an invalid one after many conditions": (
        [*conditional(499), entry("POST", "Patient", INVALID)],
        422,
        "code-invalid",
    ),
    "too many conditional references": (
        [
            entry("POST", "Observation", observation(f"Patient?identifier={NHS_NUMBER}|{number}"))
            for number in range(101)
        ],
        400,
        "too-costly",
    ),
}


@pytest.mark.parametrize("case", TRANSACTIONS)
def test_b_what_needs_no_look_up_refuses_a_transaction_before_any(writer: Writer, case: str) -> None:
    writer.made(LARGE)
    entries, status, code = TRANSACTIONS[case]
    writer.calls.clear()

    answer = Bundles(writer).send(transaction(*entries))

    assert (answer.status, answer.json["issue"][0]["code"]) == (status, code)
    assert writer.calls == []


@pytest.mark.parametrize("entries", [conditional(50), deletions(50)], ids=["conditions", "deletions of nothing"])
def test_b_a_transaction_of_a_client_over_its_quota_looks_nothing_up(writer: Writer, entries: list[Entry]) -> None:
    sent = spent(writer)
    writer.calls.clear()

    assert Bundles(sent).send(transaction(*entries)).status == 429
    assert writer.calls == []


def test_b_bodies_are_read_only_until_they_come_to_too_much(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """480 deletions of 345 KB took 17 seconds and 914 MB until they were refused for their size."""
    monkeypatch.setattr("careconnect_records.multi_step.write.MAX_BYTES_TOGETHER", 100_000)
    counters = UsageCounters()
    ids = [f"large-{number}" for number in range(10)]
    for each in ids:
        writer.made({**LARGE, "id": each})
    writer.calls.clear()

    answer = Bundles(replace(writer, quota=Quota(counters, 100_000))).send(
        transaction(*[entry("DELETE", f"Patient/{each}") for each in ids])
    )

    assert (answer.status, answer.json["issue"][0]["code"]) == (413, "too-costly")
    assert len(writer.calls) <= 4


def test_b_bodies_of_matches_are_read_only_until_they_come_to_too_much(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_records.multi_step.write.MAX_BYTES_TOGETHER", 100_000)
    for number in range(10):
        writer.made({**LARGE, **patient(str(number)), "id": f"large-{number}"})
    bodies: list[str] = []

    def note(params: Any, **_: Any) -> None:
        keys = [key for each in params["RequestItems"].values() for key in each["Keys"]]
        bodies.extend(key["pk"]["S"] for key in keys if key.get("sk") == {"S": "#json"})

    writer.reader.client.meta.events.register("provide-client-params.dynamodb.BatchGetItem", note)

    answer = Bundles(writer).send(transaction(*conditional(10)))

    assert (answer.status, answer.json["issue"][0]["code"]) == (413, "too-costly")
    assert 0 < len(bodies) < 5


def test_b_a_transaction_that_changes_nothing_is_paid_for(writer: Writer) -> None:
    counters = UsageCounters()

    Bundles(replace(writer, quota=Quota(counters, 100_000))).transaction(*deletions(100))

    assert sum(counters.charges) == 100 * 60


@pytest.mark.parametrize("quota", [1_000])
def test_entries_that_no_minute_pays_for_are_refused_for_good(writer: Writer, quota: int) -> None:
    poor = Bundles(replace(writer, quota=Quota(UsageCounters(), quota)))

    answers: list[Any] = [poor.send(each(*deletions(20))) for each in (batch, transaction)]

    assert [(each.status, each.issue["code"]) for each in answers] == [(422, "too-costly")] * 2
    assert writer.calls == []
