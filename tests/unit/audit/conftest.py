"""The auditor over moto, with events of two patients and of nobody kept once for each module."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.auditor import KEPT, NOW, Auditor, auditor_on_moto


@pytest.fixture(scope="module")
def kept() -> Iterator[Auditor]:
    """An auditor over the events; each search is recorded, so tests ask for what was before them."""
    with auditor_on_moto() as auditor:
        auditor.keep(*KEPT)
        yield auditor


@pytest.fixture
def auditor(kept: Auditor) -> Iterator[Auditor]:
    """The auditor over the events, at the same time for each test, and no fault about."""
    kept.now.now = NOW.timestamp()
    kept.observer.clear()
    own = kept.own_events()
    for event in own:
        key = {name: event.item()[name] for name in ("pk", "sk")}
        kept.client.delete_item(TableName=kept.event_table, Key=key)
    yield kept
    kept.faults.clear()


@pytest.fixture
def empty() -> Iterator[Auditor]:
    """An auditor over no events at all."""
    with auditor_on_moto() as auditor:
        yield auditor
