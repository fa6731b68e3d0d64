"""What a Bundle costs: nothing is looked up of what can be refused, and all else is paid for before it is done."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from careconnect.storage.quota import UNITS_PER_MINUTE, WINDOW, Quota
from careconnect_records.multi_step.release import Release
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import LONG_TEXT, NHS_NUMBER, Resource, at_every_limit, observation, patient
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
    counters.add("client-1", int(writer.now() // 60), 100_000, 1)
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


@pytest.mark.parametrize("case", TRANSACTIONS)
def test_w13_a_transaction_that_is_refused_before_any_look_up_owes_what_judging_it_took(
    writer: Writer, case: str
) -> None:
    counters = UsageCounters()
    entries, status, _ = TRANSACTIONS[case]
    bundles = Bundles(replace(writer, quota=Quota(counters, 2_000)))
    kilobytes = math.ceil(len(json_text(transaction(*entries))) / 1024)
    lookups = sum("identifier=" in json.dumps(each) for each in entries)

    assert bundles.send(transaction(*entries)).status == status
    # What the minute has no room for is owed.
    assert counters.charges[0] == 60 * len(entries) + 8 * lookups + 8 * kilobytes
    assert bundles.send(transaction(*deletions(1))).status == 429


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


ENTRIES: dict[str, tuple[Entry, int, int]] = {
    "an invalid update": (entry("PUT", "Patient/x", INVALID), 422, 60),
    "a deletion of nothing": (entry("DELETE", "Observation/nothing"), 204, 60),
    "an update that changes nothing": (entry("PUT", "Patient/large", LARGE), 200, 60),
    "a creation with a match": (entry("POST", "Patient", patient("1"), ifNoneExist=CONDITION), 200, 60 + 8),
    "one without a scope": (entry("POST", "AuditEvent", {"resourceType": "AuditEvent"}), 404, 60),
    # What would have been written is charged too: it was known by then.
    "a reference to nothing": (entry("POST", "Observation", observation("Patient/never")), 422, 72),
    "another version": (entry("PUT", "Patient/large", {**LARGE, "gender": "male"}, ifMatch='W/"9"'), 409, 536),
    "a read": (entry("GET", "Patient/large"), 200, 0),
    "a search": (entry("GET", "Patient?name=x"), 200, 0),
}


@pytest.mark.parametrize("kind", ENTRIES)
def test_b_each_entry_is_charged_as_the_contract_says(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    writer.made(LARGE)
    monkeypatch.setattr("careconnect.storage.quota.UNCOUNTED_UNITS", -1)
    counters = UsageCounters()
    one, status, units = ENTRIES[kind]

    assert statuses(Bundles(replace(writer, quota=Quota(counters, 100_000))).batch(one)) == [status]

    assert sum(counters.charges) == units


def owed_after(sent: Writer, counters: UsageCounters, answer: Answer) -> list[int]:
    """Return the units that a Bundle has charged this minute and the next ones, and check that they are paid then."""
    minute = int(sent.now() // WINDOW)
    assert answer.status == 200, answer.text
    *charged, left = counters.used("client-1", range(minute, minute + 12), UNITS_PER_MINUTE)
    assert left == 0
    used = [units for units in charged if units]
    refused = Bundles(sent).send(batch(*BATCHES["deletions of nothing"]))
    assert refused.status == 429
    assert (
        f"owes {sum(used[1:]):,} units of the next: try again in {refused.headers['Retry-After']} seconds."
        in (refused.issue["diagnostics"])
    )
    assert refused.issue["diagnostics"].endswith("The request costs 30,000 units or more.")
    sent.now.now += int(refused.headers["Retry-After"])
    assert int(sent.now() // WINDOW) == minute + len(used) - 1
    assert Bundles(sent).send(batch(entry("DELETE", "Observation/nothing"))).status == 200
    return used


def measured(number: int) -> Resource:
    """Return an observation as an interface sends it: with its own identifier, a time, a performer and a value."""
    return observation(
        "Patient/4",
        identifier=[{"system": "urn:x", "value": f"o{number}"}],
        effectiveDateTime="2017-10-03T08:00:00+01:00",
        performer=[{"reference": "Organization/a"}],
        valueQuantity={"value": 72, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    )


def test_five_hundred_observations_pass_with_the_defaults_and_are_paid_a_minute_later(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    writer.made({"resourceType": "Organization", "id": "a", "name": "A"})
    counters = UsageCounters()
    sent = replace(writer, quota=Quota(counters, UNITS_PER_MINUTE))

    answer = Bundles(sent).send(transaction(*[entry("POST", "Observation", measured(each)) for each in range(500)]))

    assert owed_after(sent, counters, answer) == [UNITS_PER_MINUTE, 40_000]


@pytest.mark.parametrize("kind", [batch, transaction])
def test_a_bundle_that_was_begun_is_done_whatever_it_owes(writer: Writer, kind: Any) -> None:
    writer.made({**patient(), "id": "4"})
    writer.made({"resourceType": "Organization", "id": "a", "name": "A"})
    counters = UsageCounters()
    sent = replace(writer, quota=Quota(counters, 10_000))
    entries = [entry("POST", "Observation", measured(each)) for each in range(200)]

    answer = Bundles(sent).send(kind(*entries, entry("GET", "Patient/4")))

    assert set(statuses(answer.json["entry"])) == {200, 201}
    begun = int(sent.now() // WINDOW)
    assert 20_000 < sum(counters.used("client-1", range(begun, begun + 12), 10_000)) < 60_000
    assert Bundles(sent).send(kind(*entries)).status == 429


@pytest.mark.long
def test_the_dearest_bundle_passes_with_the_defaults_and_what_is_dearer_is_422(writer: Writer) -> None:
    """Deletions of resources at every limit cost the most, for their index entries."""
    deletions = [entry("DELETE", f"Patient/large-{number}") for number in range(16)]
    for number in range(len(deletions)):
        writer.made({**at_every_limit(str(number % 10)), "id": f"large-{number}"})
    Release(writer.reader.tables).release_all()
    counters = UsageCounters()
    sent = replace(writer, quota=Quota(counters, UNITS_PER_MINUTE))

    refused = Bundles(sent).send(transaction(*deletions))

    assert (refused.status, refused.issue["code"]) == (422, "too-costly")
    assert "send fewer entries, or ask the operator for a greater ClientAllowance" in refused.issue["diagnostics"]
    sent.now.now += WINDOW
    answer = Bundles(sent).send(transaction(*deletions[:12]))
    used = owed_after(sent, counters, answer)
    assert sum(used) > 9 * UNITS_PER_MINUTE


def test_entries_that_cost_more_than_ten_minutes_are_refused_for_good(writer: Writer) -> None:
    poor = Bundles(replace(writer, quota=Quota(UsageCounters(), 100)))

    answers: list[Any] = [poor.send(each(*deletions(20))) for each in (batch, transaction)]

    assert [(each.status, each.issue["code"]) for each in answers] == [(422, "too-costly")] * 2
    assert writer.calls == []
