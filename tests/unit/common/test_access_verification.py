"""Verification: each way to tamper is named by the event that shows it, and what is not tampering is not."""

import json
import tracemalloc
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from careconnect.access_record import verification as module
from careconnect.access_record.chain import LATE, START, Entry, Fault, Finding, Head, Link, SealedHead, end_of, entry_of
from careconnect.access_record.verification import verify_day
from careconnect.audit.event import event_key
from careconnect_testing.sealed_record import DAY, MINUTE, NOON, SealedRecord, record_on_moto

DAY_AFTER = "2026-03-27"
TWO_DAYS_AFTER = "2026-03-28"


@pytest.fixture
def record() -> Iterator[SealedRecord]:
    with record_on_moto() as made:
        yield made


def first(record: SealedRecord, day: str = DAY) -> Finding | None:
    return record.verify(day).first


def sealed_twice(record: SealedRecord) -> tuple[list[str], list[str]]:
    """Seal three events and a minute later two more; returns their ids."""
    return record.sealed(90_000, 80_000, 70_000), (record.sealed(20_000, 10_000))


# --- what stands


def test_a_day_without_events_stands(record: SealedRecord) -> None:
    verdict = record.verify()

    assert (verdict.sealed, verdict.unsealed, verdict.ended, verdict.stands) == (0, 0, 0, True)


def test_what_is_sealed_as_it_is_stands_and_the_rest_is_counted(record: SealedRecord) -> None:
    sealed_twice(record)
    record.keep(0, LATE - 1)

    verdict = record.verify()
    assert (verdict.sealed, verdict.unsealed, verdict.stands) == (5, 2, True)


def test_events_that_were_never_sealed_are_counted_until_a_day_is_long_over(record: SealedRecord) -> None:
    (event_id,) = record.keep(0)
    assert (record.verify().unsealed, record.verify().stands) == (1, True)

    record.now = end_of(DAY) + 3_600_001
    assert first(record) == Finding(event_id, Fault.CHAIN, "the day has no chain")


def test_what_retention_ended_is_told_from_what_was_removed(record: SealedRecord) -> None:
    record.retention_days = 2
    events = record.sealed(MINUTE, 0)
    record.remove(events[0])
    assert first(record) == Finding(events[0], Fault.REMOVED)

    record.now += 2 * 86_400_000 - MINUTE
    assert (record.verify().ended, record.verify().stands) == (1, True)
    record.remove(events[1])
    assert first(record) == Finding(events[1], Fault.REMOVED)
    record.now += MINUTE
    record.remove_witnesses()
    verdict = record.verify()
    assert (verdict.sealed, verdict.ended, verdict.stands) == (2, 2, True)


def test_an_event_whose_retention_was_altered_is_changed(record: SealedRecord) -> None:
    record.retention_days = 2
    (event_id,) = record.sealed()
    record.put({**record.event(event_id), "expires_at": {"N": "1"}})

    assert first(record) == Finding(event_id, Fault.CHANGED)


# --- events


def test_a_change_is_named_and_the_first_of_several(record: SealedRecord) -> None:
    before, after = sealed_twice(record)
    record.change(after[0], client="client-2")
    assert first(record) == Finding(after[0], Fault.CHANGED)

    record.change(before[1], patient="5")
    record.remove(before[0])
    verdict = record.verify()
    assert (verdict.first, verdict.findings) == (Finding(before[0], Fault.REMOVED), 3)


def test_an_event_that_was_made_a_witness_is_removed(record: SealedRecord) -> None:
    before, _ = sealed_twice(record)
    (witness, *_) = record.witnesses()
    record.put({**record.event(before[1]), "seal": witness["seal"]})

    assert first(record) == Finding(before[1], Fault.REMOVED)


def test_an_event_put_in_between_is_named_also_on_a_day_without_a_chain(record: SealedRecord) -> None:
    sealed_twice(record)
    forged = record.forge(LATE + 1)
    assert first(record) == Finding(forged, Fault.ADDED)

    record.remove(forged)
    forged = record.forge(86_400_000)
    assert first(record) is None
    assert first(record, "2026-03-25") == Finding(forged, Fault.ADDED)


def test_two_events_that_changed_places_are_changed(record: SealedRecord) -> None:
    one, other = record.sealed(2 * MINUTE, MINUTE)
    record.change(one, client="a")
    record.change(other, client="b")

    assert first(record) == Finding(one, Fault.CHANGED)


@pytest.mark.parametrize("sort_key", ["0", "zz", "ffffffffffff-" + "a" * 32])
def test_an_item_with_another_key_is_named(record: SealedRecord, sort_key: str) -> None:
    record.sealed()
    record.put({"pk": {"S": f"{DAY}#a"}, "sk": {"S": sort_key}})

    found = first(record)
    assert found is not None
    assert (found.event_id, found.fault) == (sort_key, Fault.ADDED)


# --- the chain


def test_a_removed_link_names_the_first_event_that_it_had(record: SealedRecord) -> None:
    _, after = sealed_twice(record)
    record.keep(0)
    record.seal(after=5 * MINUTE)
    record.remove_link(2)

    found = record.verify()
    assert found.first == Finding(after[0], Fault.CHAIN, "link 2 of the day is missing")
    # Two events and the link that is missing.
    assert found.findings == 3


def test_the_first_links_removal_is_named(record: SealedRecord) -> None:
    before, _ = sealed_twice(record)
    record.remove_link(1)

    assert (found := first(record)) is not None
    assert found.event_id == before[0]


def test_an_altered_link_is_named_by_its_events(record: SealedRecord) -> None:
    before, after = sealed_twice(record)
    record.seal(after=5 * MINUTE)
    record.remove(before[1])
    record.alter_link(1, without=before[1])

    assert (found := first(record)) is not None
    assert (found.event_id, found.fault, found.reason) == (before[0], Fault.CHAIN, "link 1 was altered")

    record.alter_link(2, without=after[1])
    assert record.verify().findings > 2


def test_a_last_link_that_was_altered_does_not_agree_with_the_head(record: SealedRecord) -> None:
    _, after = sealed_twice(record)
    record.remove(after[1])
    record.alter_link(2, without=after[1])

    found = first(record)
    assert found == Finding(after[0], Fault.CHAIN, "the day's head and its links do not agree")


def test_a_link_that_cannot_be_read_names_the_next_event(record: SealedRecord) -> None:
    before, _ = sealed_twice(record)
    link = next(link for _, link in record.chain.links(DAY) if link)
    record.put_seal({**link.item(), "link": {"B": b"x"}})

    assert (found := first(record)) is not None
    assert found.event_id == before[0]


def test_a_link_too_many_is_named(record: SealedRecord) -> None:
    before, _ = sealed_twice(record)
    _, link = list(record.chain.links(DAY))[1]
    assert link is not None
    record.put_seal(replace(link, number=3, previous=link.digest, entries=(Entry(before[2], "x", 0),)).item())

    assert (found := first(record)) is not None
    assert found.event_id == before[2]
    assert not record.verify().stands


@pytest.mark.parametrize("text", ["{}", None, "links"])
def test_a_forged_head_is_named_by_the_days_first_event(record: SealedRecord, text: str | None) -> None:
    before, _ = sealed_twice(record)
    item = record.head_item()
    if text == "links":
        item["head"] = {"S": item["head"]["S"].replace('"links":2', '"links":1')}
    elif text is None:
        item["mac"] = {"B": b"\0" * 32}
    else:
        item["head"] = {"S": text}
    record.put_seal(item)

    assert first(record) == Finding(before[0], Fault.CHAIN, "the day's head was altered")


def test_a_removed_head_is_named(record: SealedRecord) -> None:
    before, _ = sealed_twice(record)
    record.remove_head()

    assert first(record) == Finding(before[0], Fault.CHAIN, "the day's head is missing")


def test_an_older_head_is_not_taken_for_the_last(record: SealedRecord) -> None:
    record.sealed(MINUTE)
    old = record.head_item()
    record.now += 5 * MINUTE
    _, after = sealed_twice(record)
    record.put_seal(old)
    assert (found := first(record)) is not None
    assert found.reason == "the day's head knows less links than there are"

    # With the links and the events of the time that is to be forgotten, the witnesses tell.
    for event_id in after:
        record.remove(event_id)
    record.remove_link(2)
    record.remove_link(3)
    assert not record.verify().stands


def test_a_chain_that_was_cut_off_is_told_by_its_witnesses(record: SealedRecord) -> None:
    before = record.sealed(90_000)
    old = record.head_item()
    (event_id,) = record.sealed(0)
    record.put_seal(old)
    record.remove_link(2)
    record.remove(event_id)

    assert first(record) == Finding(before[0], Fault.CHAIN, "the chain was made anew or cut off")


def test_a_head_that_forgets_what_was_found_is_told_by_a_witness(record: SealedRecord) -> None:
    (event_id,) = record.sealed()
    old, item = record.head_item(), record.event(event_id)
    record.remove(event_id)
    record.seal()
    record.put(item)
    record.put_seal(old)

    assert first(record) == Finding(event_id, Fault.CHAIN, "the chain was made anew or cut off")


def test_a_chain_that_was_removed_is_told_by_its_witnesses(record: SealedRecord) -> None:
    (event_id,) = record.sealed(0)
    record.wipe_chain()
    assert first(record) == Finding(event_id, Fault.CHAIN, "the chain was made anew or cut off")

    # With all of its events, the witness is left to name.
    record.remove(event_id)
    assert (found := first(record)) is not None
    assert (found.event_id, found.fault) == ("", Fault.CHAIN)


def test_a_day_that_was_taken_out_is_told_by_the_next_head(record: SealedRecord) -> None:
    record.sealed()
    for _ in range(2):
        record.now += 86_400_000
        record.sealed()
    record.wipe_chain(DAY_AFTER)
    record.remove_witnesses(DAY_AFTER)
    for item in list(record.chain.items(DAY_AFTER)):
        record.remove(item["sk"]["S"])

    assert first(record, DAY_AFTER) == Finding("", Fault.CHAIN, "a later day's head tells of another chain")
    assert first(record, TWO_DAYS_AFTER) is None
    assert first(record) is None
    # Of a day before one that is missing nothing can be said, unless it has a chain of its own.
    assert first(record, "2026-03-25") is None
    record.wipe_chain()
    record.remove_witnesses()
    assert (found := first(record)) is not None
    assert record.verify("2026-03-26").findings > 1
    assert found.fault in (Fault.CHAIN, Fault.ADDED)


def test_another_chain_for_an_earlier_day_is_told_by_the_next_head(record: SealedRecord) -> None:
    (event_id,) = record.sealed()
    record.now += 86_400_000
    record.sealed()
    # As if the key had been used for it.
    item = record.event(event_id)
    link = Link(DAY, 1, START, NOON, (entry_of(item),))
    record.wipe_chain()
    record.remove_witnesses()
    other = replace(link, until=NOON - 1)
    record.put_seal(other.item())
    record.put_seal(record.key.close(Head(day=DAY, links=1, digest=other.digest, until=NOON - 1)).item())

    assert first(record) == Finding(event_id, Fault.CHAIN, "a later day's head tells of another chain")


def test_a_forged_witness_is_put_in_between(record: SealedRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ASKED", 1)
    record.sealed()
    (witness,) = record.witnesses()
    text = witness["seal"]["S"].replace('\\"links\\":1', '\\"links\\":0')
    one, other, none = record.keep(2, 1, 0)
    for each in (one, other):
        record.put({**record.event(each), "seal": {"S": text}})
    assert (record.verify().first, record.verify().findings) == (
        Finding(one, Fault.ADDED, "it tells of a seal that was never made"),
        1,
    )

    record.put({**record.event(none), "seal": {"S": "none"}})
    assert record.verify().findings == 2


def test_a_witness_of_another_day_is_nothing(record: SealedRecord) -> None:
    record.sealed()
    (witness,) = record.witnesses()
    (event_id,) = record.keep(0)
    said = json.loads(witness["seal"]["S"])
    other = record.key.close(Head(day=DAY_AFTER, links=4))
    said["head"] = other.text
    record.put({**record.event(event_id), "seal": {"S": json.dumps(said)}})

    assert first(record) is None


# --- while it is sealed further


class BusyChain:
    """A chain in which more is recorded and sealed each time before one of its methods is called."""

    def __init__(self, record: SealedRecord, before: str) -> None:
        self._chain = record.chain
        self._record = record
        self._before = before

    def __getattr__(self, name: str) -> object:
        if name == self._before:
            self._record.now += 1000
            self._record.keep(0, LATE - 1500)
            self._record.seal()
        return getattr(self._chain, name)


@pytest.mark.parametrize("before", ["links", "items", "head", "heads"])
@pytest.mark.parametrize("is_first", [True, False])
def test_seals_meanwhile_are_no_fault(record: SealedRecord, before: str, is_first: bool) -> None:
    if not is_first:
        sealed_twice(record)

    verdict = verify_day(BusyChain(record, before), record.key, DAY, record.now)  # type: ignore[arg-type]

    assert verdict.stands, verdict.first
    assert record.verify().stands


def test_what_is_removed_meanwhile_of_what_was_sealed_is_a_fault(record: SealedRecord) -> None:
    before, _ = sealed_twice(record)
    record.remove(before[2])

    verdict = verify_day(BusyChain(record, "items"), record.key, DAY, record.now)  # type: ignore[arg-type]

    assert verdict.first == Finding(before[2], Fault.REMOVED)


# --- a day of very many


class LongDay:
    """A day of many events, a second's in each link, made as they are read."""

    def __init__(self, links: int, in_link: int) -> None:
        self._links = links
        self._in_link = in_link
        digest = START
        for _, link in self.links(DAY):
            digest = link.digest
        self.newest = SealedHead(
            DAY, Head(day=DAY, links=links, digest=digest, until=NOON + links * 1000).text(), b"x" * 32
        )

    def _of(self, number: int) -> list[dict[str, Any]]:
        ids = [f"{NOON + number * 1000 + index:012x}-{index:032x}" for index in range(self._in_link)]
        return [{**event_key(each), "client": {"S": "x"}} for each in ids]

    def items(self, day: str) -> Iterator[Mapping[str, Any]]:
        return (item for number in range(self._links) for item in self._of(number))

    def links(self, day: str, after: int = 0) -> Iterator[tuple[int, Link]]:
        previous = START
        for number in range(after, self._links):
            entries = tuple(entry_of(item) for item in self._of(number))
            link = Link(DAY, number + 1, previous, NOON + (number + 1) * 1000, entries)
            previous = link.digest
            yield number + 1, link

    def head(self, day: str) -> SealedHead:
        return self.newest

    def heads(self, up_to: str) -> Iterator[SealedHead]:
        return iter([self.newest])

    def heads_after(self, day: str) -> Iterator[SealedHead]:
        return iter(())


class AnyKey:
    """A key that takes every head for its own."""

    def opened(self, sealed: SealedHead | None) -> Head | None:
        return sealed.head() if sealed else None


def test_a_long_day_needs_no_more_memory_than_its_last_minutes() -> None:
    day = LongDay(links=600, in_link=50)
    tracemalloc.start()
    verdict = verify_day(day, AnyKey(), DAY, NOON)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (verdict.sealed, verdict.stands, verdict.unsealed) == (30_000, True, 0)
    # All entries together are some 20 MB.
    assert peak < 8_000_000
