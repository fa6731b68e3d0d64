"""Generated Bundles of all kinds of entries: each is judged as its request is alone (`bundles.md`)."""

import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from careconnect.audit.event import AuditEvent
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.entry_kinds import (
    CALLERS,
    KINDS,
    OF_A_BUNDLE,
    REFERENCE,
    STORED,
    alone,
    write_records,
    writes,
)
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.recorded_writes import Record, with_record
from careconnect_testing.records.generated import is_long_run
from careconnect_testing.records.stored import saved
from careconnect_testing.running.bundle_service import Bundles, Entry, statuses, transaction

Begin = Callable[[str], Writer]
"""Returns the writers for a caller, over the records as they were at first."""

Events = Callable[[], Counter[AuditEvent]]

EXAMPLES = 400 if is_long_run() else 25
OF_EVENTS = "BatchExecuteStatement"
"""The call that stores the events of what is not written."""

ALIKE = [name for name, kind in KINDS.items() if kind.is_alike]
GOOD = ALIKE[: ALIKE.index("no resource")]
"""Writes that are done, and reads, of which some fail."""

callers = st.sampled_from(list(CALLERS))


@pytest.fixture(scope="module")
def recorded(module_writer: Writer) -> tuple[Writer, Record]:
    write_records(module_writer)
    return with_record(module_writer)


@pytest.fixture(scope="module")
def begin(recorded: tuple[Writer, Record]) -> Begin:
    writer, record = recorded
    restore = saved(writer.reader.tables)

    def at_first(caller: str) -> Writer:
        restore()
        record.forget()
        begun = writer.as_caller(**CALLERS[caller])
        begun.ids = itertools.count()
        begun.calls.clear()
        return begun

    return at_first


@pytest.fixture(scope="module")
def events(recorded: tuple[Writer, Record]) -> Events:
    """Return the audit events since the beginning, but for their ids."""
    _, record = recorded
    return lambda: Counter(replace(each, id="") for each in record.all())


def told(answered: Entry) -> tuple[int, object, Any]:
    """Return the status of an answered entry, its location and version, and the outcome or the resource."""
    response = answered["response"]
    shown = response.get("outcome", answered.get("resource"))
    return statuses([answered])[0], (response.get("location"), response.get("etag")), shown


def told_alone(answer: Answer) -> tuple[int, object, Any]:
    shown = json.loads(answer.text) if answer.text else None
    return answer.status, (answer.headers.get("Location"), answer.headers.get("ETag")), shown


@settings(max_examples=EXAMPLES)
@given(callers, st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=12))
@example("may do everything", list(KINDS))
@example("reads patients", list(KINDS))
@example("only writes", list(KINDS))
@example("is bound", list(KINDS))
def test_an_entry_of_a_batch_is_answered_and_recorded_as_its_request_alone(
    begin: Begin, events: Events, caller: str, names: list[str]
) -> None:
    entries = [KINDS[name].entry for name in names]
    answered = Bundles(begin(caller)).batch(*entries)
    recorded = events()

    writer = begin(caller)
    for name, sent, each in zip(names, entries, answered, strict=True):
        if name in OF_A_BUNDLE:
            issue = each["response"]["outcome"]["issue"][0]
            assert (*statuses([each]), issue["code"]) == OF_A_BUNDLE[name]
        else:
            assert told(each) == told_alone(alone(writer, sent)), name
    assert not events() - recorded
    # What no function answers alone, the gateway's log has.
    assert {event.interaction for event in recorded - events()} <= {"unknown"}


@settings(max_examples=EXAMPLES)
@given(
    callers,
    st.sampled_from((ALIKE, GOOD)).flatmap(lambda some: st.lists(st.sampled_from(some), max_size=8, unique=True)),
)
@example("may do everything", GOOD)
@example("may do everything", ["create", "an invalid value", "no resource"])
@example("may do everything", [name for name in ALIKE if KINDS[name].check == STORED])
@example("may do everything", [name for name in reversed(ALIKE) if KINDS[name].check == STORED])
@example("may do everything", [name for name in ALIKE if KINDS[name].check == REFERENCE])
@example("may do everything", [name for name in reversed(ALIKE) if KINDS[name].check > STORED])
def test_a_transaction_is_refused_by_the_first_entry_at_fault_as_its_request_alone(
    begin: Begin, caller: str, names: list[str]
) -> None:
    entries = [KINDS[name].entry for name in names]
    singles, refusals = [], {}
    for position, name in enumerate(names):
        writer = begin(caller)
        singles += Bundles(writer).batch(entries[position])
        if writes(entries[position]) and "outcome" in singles[-1]["response"]:
            looked_up = set(writer.calls) - {OF_EVENTS}
            refusals[KINDS[name].check if looked_up else 1, position] = told(singles[-1])

    answer = Bundles(begin(caller)).send(transaction(*entries))

    if not refusals:
        # What fails is a read, by itself.
        answered = answer.json.get("entry", [])
        assert statuses(answered) == statuses(singles)
        failed = [number for number, single in enumerate(singles) if "outcome" in single["response"]]
        assert [answered[number] for number in failed] == [singles[number] for number in failed]
        return
    check, first = min(refusals)
    status, _, outcome = refusals[check, first]
    expected, found = outcome["issue"][0], answer.json["issue"][0]
    assert (answer.status, found["code"], found["diagnostics"]) == (status, expected["code"], expected["diagnostics"])
    assert found["expression"][0].startswith(f"Bundle.entry[{first}]")
