"""The auditor in memory, with events of two patients and of no patient, stored once for each module."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.auditor import KEPT, NOW, Auditor, auditor_in_memory


@pytest.fixture(scope="module")
def stored() -> Iterator[Auditor]:
    """Yield an auditor over the events; each search is itself recorded, so tests search for events before their own."""
    with auditor_in_memory() as auditor:
        auditor.keep(*KEPT)
        yield auditor


@pytest.fixture
def auditor(stored: Auditor) -> Iterator[Auditor]:
    """The auditor over the events, at the same time for each test, and no fault about."""
    stored.now.now = NOW.timestamp()
    stored.observer.clear()
    own = stored.own_events()
    for event in own:
        key = {name: event.item()[name] for name in ("pk", "sk")}
        stored.client.delete_item(TableName=stored.event_table, Key=key)
    yield stored
    stored.faults.clear()


@pytest.fixture
def empty() -> Iterator[Auditor]:
    """An auditor over no events at all."""
    with auditor_in_memory() as auditor:
        yield auditor
