"""Sealing the access record: what a seal takes, what it leaves, and that it never heals."""

import json
from collections.abc import Iterator

import pytest

from access_auditor import day_seal
from access_auditor.seal_events import Sealed, seal_events
from careconnect.access_record.chain import LATE, Fault, Finding, SealedHead, end_of, start_of
from careconnect.audit.event import time_of
from careconnect_testing.sealed_record import DAY, MINUTE, NOON, SealedRecord, record_on_moto

DAY_AFTER = "2026-03-27"


@pytest.fixture
def record() -> Iterator[SealedRecord]:
    with record_on_moto() as made:
        yield made


def head(record: SealedRecord, day: str = DAY) -> SealedHead:
    return SealedHead.of_item(record.head_item(day))


def findings(record: SealedRecord) -> list[tuple[str, Fault]]:
    return [(each.event_id, each.fault) for each in record.seal().findings]


# --- what is sealed


def test_the_first_seal_takes_all_that_there_is(record: SealedRecord) -> None:
    record.keep(0, 1, MINUTE, 3 * 86_400_000)

    assert record.seal().events == 4
    verdict = record.verify()
    assert (verdict.sealed, verdict.unsealed, verdict.stands) == (3, 0, True)
    assert record.verify("2026-03-23").sealed == 1


def test_a_seal_takes_what_is_new_and_names_the_link_before(record: SealedRecord) -> None:
    record.sealed(MINUTE)
    first = head(record).head()
    record.keep(0)

    assert record.seal(after=MINUTE).events == 1

    second = head(record).head()
    assert (first.links, second.links, second.events) == (1, 2, 2)
    ((_, last),) = record.chain.links(DAY, 1)
    assert last is not None
    assert (last.previous, last.digest) == (first.digest, second.digest)
    assert record.verify().stands


def test_nothing_to_seal_writes_nothing(record: SealedRecord) -> None:
    record.sealed()
    before = record.head_item()

    assert record.seal(after=MINUTE).events == 0
    assert record.head_item() == before
    assert len(record.witnesses()) == 1


def test_kms_is_called_once_for_what_is_there_and_once_for_what_is_new(record: SealedRecord) -> None:
    record.sealed()
    calls: list[str] = []
    record.kms.meta.events.register("before-call.kms", lambda model, **_: calls.append(model.name), unique_id="count")

    record.seal(after=MINUTE)
    assert calls == ["VerifyMac"]
    record.keep(0)
    record.seal()
    assert calls == ["VerifyMac"] * 2 + ["GenerateMac"]
    record.kms.meta.events.unregister("before-call.kms", unique_id="count")


def test_an_empty_record_is_nothing_to_seal(record: SealedRecord) -> None:
    assert record.seal() == Sealed()
    assert not list(record.chain.heads("9999"))


def test_what_comes_within_a_minute_is_late_and_sealed(record: SealedRecord) -> None:
    record.sealed()
    record.keep(LATE - 1)

    assert record.seal(after=1).events == 1
    assert record.verify().stands


def test_after_midnight_yesterday_is_sealed_to_its_end_and_today_names_it(record: SealedRecord) -> None:
    record.now = end_of(DAY) - 1000
    record.sealed(MINUTE)
    record.keep(0)
    record.now += 31_000
    record.keep(0)

    assert record.seal().events == 2

    yesterday, today = head(record).head(), head(record, DAY_AFTER).head()
    assert (yesterday.links, yesterday.until) == (2, end_of(DAY))
    assert today.before == yesterday.tip
    assert record.verify().stands
    assert record.verify(DAY_AFTER).stands


def test_what_is_late_for_yesterday_is_sealed_and_told_by_the_next_seal_of_today(record: SealedRecord) -> None:
    record.now = end_of(DAY) + 1000
    record.sealed(2000, 0)
    record.keep(1500)
    record.seal(after=20_000)
    assert record.verify().stands
    record.keep(0)
    record.seal(after=10_000)

    assert head(record, DAY_AFTER).head().before == head(record).head().tip
    assert head(record).head().links == 2


def test_days_that_were_missed_are_sealed_from_the_last_seal_on(record: SealedRecord) -> None:
    record.sealed()
    record.now += 20 * 86_400_000
    record.keep(0, 10 * 86_400_000, 15 * 86_400_000)

    assert record.seal().events == 3
    days = [each.head() for each in reversed(list(record.chain.heads("9999")))]
    assert [each.before and each.before.day for each in days] == [None, *(each.day for each in days[:-1])]
    assert all(record.verify(each.day).stands for each in days)


def test_an_idle_record_is_sealed_anew_each_hour(record: SealedRecord) -> None:
    record.sealed()

    record.seal(after=61 * MINUTE)

    renewed = head(record).head()
    assert (renewed.links, renewed.until) == (1, record.now)
    assert record.verify().stands
    assert findings(record) == []
    forged = record.forge(30 * MINUTE)
    assert record.verify().first == Finding(forged, Fault.ADDED)


def test_many_events_make_several_links_and_several_transactions(
    record: SealedRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(day_seal, "MOST_IN_LINK", 4)
    monkeypatch.setattr(day_seal, "MOST_AT_ONCE", 10)
    record.keep(*range(0, 25_000, 1000))

    assert record.seal().events == 25

    sizes = [len(link.entries) for _, link in record.chain.links(DAY) if link]
    assert sizes == [4, 4, 2, 4, 4, 2, 4, 1]
    assert len(record.witnesses()) == 3
    assert record.verify().stands


def test_a_run_without_time_goes_on_at_the_next(record: SealedRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_seal, "MOST_AT_ONCE", 40)
    record.keep(*range(0, 150 * 2000, 2000))
    turns = iter((True, False))

    begun = record.seal(has_time=lambda _: next(turns))
    assert (begun.events, begun.is_unfinished) == (100, True)
    # The rest is older than a minute, and still not put in between.
    assert head(record).head().until < record.now - 90_000
    ended = record.seal(after=MINUTE)

    assert (ended.events, ended.is_unfinished, ended.findings) == (50, False, [])
    assert record.verify().stands


def test_a_run_that_has_no_time_at_all_writes_nothing(record: SealedRecord) -> None:
    record.keep(0)

    assert record.seal(has_time=lambda _: False).is_unfinished
    assert not list(record.chain.heads("9999"))


def test_a_witness_ends_when_its_days_events_do(record: SealedRecord) -> None:
    record.retention_days = 2
    record.sealed()

    (witness,) = record.witnesses()
    assert int(witness["expires_at"]["N"]) == time_of(witness["sk"]["S"]) // 1000 + 2 * 86_400


# --- two at once


class MeanwhileChain:
    """A chain in which somebody else seals just before we read the links, or before we append."""

    def __init__(self, record: SealedRecord, before: str) -> None:
        self._chain = record.chain
        self._record = record
        self._before = before

    def __getattr__(self, name: str) -> object:
        if name == self._before:
            self._before = ""
            self._record.seal()
        return getattr(self._chain, name)


@pytest.mark.parametrize("before", ["links", "items", "append"])
@pytest.mark.parametrize("sealed_before", [True, False])
def test_of_two_seals_at_once_one_is_outrun_and_nothing_is_broken(
    record: SealedRecord, before: str, sealed_before: bool
) -> None:
    if sealed_before:
        record.sealed(2 * MINUTE)
    record.keep(0, 1000)

    ours = seal_events(MeanwhileChain(record, before), record.key, record.now, lambda _: True)  # type: ignore[arg-type]

    assert (ours.events, ours.findings) == (0, [])
    assert ours.is_outrun or before == "items"
    assert record.verify().stands
    assert record.verify().sealed == 2 + sealed_before


def test_a_renewal_can_be_outrun(record: SealedRecord) -> None:
    record.sealed()
    record.now += 2 * 3_600_000

    ours = seal_events(MeanwhileChain(record, "append"), record.key, record.now, lambda _: True)  # type: ignore[arg-type]

    assert ours.is_outrun
    assert record.verify().stands


# --- what is found


def test_what_is_put_in_before_the_last_minute_is_not_sealed(record: SealedRecord) -> None:
    record.sealed()
    forged = record.forge(LATE + 1)

    assert findings(record) == [(forged, Fault.ADDED)]
    assert record.verify().first == Finding(forged, Fault.ADDED)
    record.remove(forged)
    verdict = record.verify()
    assert verdict.first is not None
    assert (verdict.first.event_id, verdict.sealed) == (forged, 1)


def test_a_key_that_no_event_has_is_never_sealed(record: SealedRecord) -> None:
    record.sealed()
    (event_id,) = record.keep(0)
    item = record.event(event_id)
    record.remove(event_id)
    wrong = "0" if event_id[13] != "0" else "1"
    record.put({**item, "pk": {"S": f"{DAY}#{wrong}"}})

    assert findings(record) == [(event_id, Fault.ADDED)]
    assert record.verify().first == Finding(event_id, Fault.ADDED, "it has a key that no event has")


def test_what_was_changed_or_removed_since_the_last_seals_is_found(record: SealedRecord) -> None:
    changed, removed, _ = record.sealed(90_000, 80_000, 70_000)
    record.change(changed, why="scope")
    record.remove(removed)

    assert findings(record) == [(changed, Fault.CHANGED), (removed, Fault.REMOVED)]
    # What a seal has found is in the head: putting it back does not heal.
    assert head(record).head().broken == Finding(changed, Fault.CHANGED)
    assert record.verify().first == Finding(changed, Fault.CHANGED)


def test_what_was_restored_after_a_seal_found_it_is_broken_still(record: SealedRecord) -> None:
    (event_id,) = record.sealed()
    item = record.event(event_id)
    record.remove(event_id)
    assert findings(record) == [(event_id, Fault.REMOVED)]
    record.put(item)

    assert findings(record) == []
    record.keep(0)
    record.seal(after=MINUTE)
    assert record.verify().first == Finding(event_id, Fault.CHAIN, "a seal found it broken: removed")


def test_what_a_seal_finds_again_is_counted_again_and_written_once(record: SealedRecord) -> None:
    (event_id,) = record.sealed()
    record.remove(event_id)
    record.seal()
    before = record.head_item()

    assert findings(record) == [(event_id, Fault.REMOVED)]
    assert record.head_item() == before


def test_what_retention_has_ended_is_not_removed(record: SealedRecord) -> None:
    record.retention_days = 1
    (event_id,) = record.sealed()
    record.now += 86_400_000
    # As if no seal had been since then.
    record.remove(event_id)

    assert findings(record) == []


@pytest.mark.parametrize("how", ["removed", "altered", "rolled back", "other day's"])
def test_a_new_seal_does_not_heal_a_head(record: SealedRecord, how: str) -> None:
    record.sealed(2 * MINUTE)
    old = record.head_item()
    record.sealed(MINUTE)
    if how == "removed":
        record.remove_head()
    elif how == "altered":
        item = record.head_item()
        record.put_seal({**item, "head": {"S": item["head"]["S"].replace('"events":2', '"events":3')}})
    elif how == "rolled back":
        record.put_seal(old)
    else:
        record.now += 86_400_000
        record.sealed(MINUTE)
        record.put_seal({**record.head_item(DAY_AFTER), "sk": {"S": DAY}})
        assert not record.verify().stands
        return
    assert not record.verify().stands
    (next_id,) = record.keep(0)

    sealed = record.seal(after=1000)

    assert sealed.events == 1
    assert {each.fault for each in sealed.findings} == {Fault.CHAIN}
    assert head(record).head().links == 3
    assert (found := record.verify().first) is not None
    assert found.reason.startswith("a seal found it broken: chain")
    assert found.event_id == next_id
    assert findings(record) == []
    assert not record.verify().stands


def test_a_head_without_a_mac_is_replaced_and_remembered(record: SealedRecord) -> None:
    record.sealed()
    item = record.head_item()
    del item["mac"]
    record.put_seal(item)

    assert {each.fault for each in record.seal(after=1).findings} == {Fault.CHAIN}
    assert head(record).head().broken is not None


@pytest.mark.parametrize("also_witnesses", [False, True])
def test_a_chain_that_was_cut_off_is_not_healed(record: SealedRecord, also_witnesses: bool) -> None:
    record.sealed(2 * MINUTE)
    old = record.head_item()
    record.sealed(MINUTE)
    record.put_seal(old)
    if also_witnesses:
        record.remove_witnesses()
    else:
        record.remove_link(2)

    sealed = record.seal(after=1000)

    assert {each.fault for each in sealed.findings} == {Fault.CHAIN}
    assert not record.verify().stands


def test_a_chain_that_was_removed_is_not_healed(record: SealedRecord) -> None:
    record.sealed(2 * MINUTE)
    record.wipe_chain()

    assert record.seal(after=1000).events == 1
    assert not record.verify().stands


def test_a_link_that_was_altered_is_found(record: SealedRecord) -> None:
    first, _ = record.sealed(2 * MINUTE, MINUTE)
    record.alter_link(1, without=first)

    assert {each.fault for each in record.seal().findings} == {Fault.CHAIN, Fault.ADDED}
    assert not record.verify().stands


def test_a_link_that_cannot_be_read_is_found(record: SealedRecord) -> None:
    record.sealed(MINUTE)
    record.sealed(0)
    ((_, link),) = record.chain.links(DAY, 1)
    assert link is not None
    record.put_seal({**link.item(), "link": {"B": b"x"}})

    assert Fault.CHAIN in {each.fault for each in record.seal().findings}
    assert not record.verify().stands


def test_forged_witnesses_are_found_and_are_not_believed(record: SealedRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_seal, "MOST_ASKED", 2)
    record.sealed()
    (witness,) = record.witnesses()
    text = witness["seal"]["S"].replace('\\"links\\":1', '\\"links\\":9')
    forged = [{**record.event(each), "seal": {"S": text}} for each in record.keep(0, 1, 2)]
    for item in (*forged, {**forged[0], "seal": {"S": "none"}}, {**forged[1], "seal": {"S": '{"head":"{}","mac":""}'}}):
        record.put(item)
    (last,) = record.keep(0)
    record.put({**record.event(last), "seal": {"S": text}})

    assert [fault for _, fault in findings(record)] == [Fault.ADDED] * 2
    assert head(record).head().links == 1


def test_a_witness_of_what_is_sealed_says_nothing_new(record: SealedRecord) -> None:
    record.sealed(90_000)
    record.sealed(MINUTE)

    assert findings(record) == []
    assert len(record.witnesses()) == 2


def test_the_seal_uses_the_key_and_the_day_before_that_has_a_chain(record: SealedRecord) -> None:
    record.now = start_of(DAY) + 1000
    record.sealed(0)
    record.now = NOON + 3 * 86_400_000
    record.sealed(0)

    assert head(record, "2026-03-29").head().before == head(record).head().tip
    assert all(record.verify(day).stands for day in (DAY, DAY_AFTER, "2026-03-28", "2026-03-29"))


def test_no_item_of_a_writers_stops_the_seals_or_the_verification(record: SealedRecord) -> None:
    """Who may put into the record may put anything that looks like a witness."""
    record.sealed(2 * MINUTE)
    (witness,) = record.witnesses()
    told = json.loads(witness["seal"]["S"])
    said = json.loads(told["head"])
    heads = [
        "[" * 100_000,
        json.dumps({**said, "links": "9"}),
        json.dumps({**said, "links": [9]}),
        json.dumps({**said, "links": 9, "digest": "x" * 5000}),
        json.dumps({**said, "links": 9, "day": "\ud800"}),
        json.dumps({**said, "links": 9, "before": 1}),
        json.dumps({**said, "links": 9, "broken": ["x"]}),
        json.dumps([said]),
        json.dumps("x"),
    ]
    texts = [json.dumps({**told, "head": head}) for head in heads] + ["[" * 100_000, json.dumps({**told, "mac": "é"})]
    for text, event_id in zip(texts, record.keep(*range(len(texts))), strict=True):
        record.put({**record.event(event_id), "seal": {"S": text}})
    record.keep(0)

    assert record.seal().events == 1
    verdict = record.verify()
    assert (verdict.sealed, verdict.stands) == (2, False)


def test_heads_of_days_that_never_were_hide_none(record: SealedRecord) -> None:
    record.sealed()
    item = record.head_item()
    for number in range(40):
        record.put_seal({**item, "sk": {"S": f"2999-01-{number:02}"}})
        record.put_seal({**item, "sk": {"S": f"{DAY}-{number:02}"}})
    record.keep(0)

    assert record.seal(after=MINUTE).events == 1
    assert record.verify().stands
