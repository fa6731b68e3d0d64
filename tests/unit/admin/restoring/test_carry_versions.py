"""Versions of restored resources: above all that clients have seen, in a history without a gap."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from careconnect_admin.loading.reindex import reindex
from careconnect_admin.restoring.differences import differences
from careconnect_admin.stack.restored_tables import TableSet
from careconnect_testing.aws.restorable_stack import NAMED, Restorable, restorable_stack, versions
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE
from careconnect_testing.records.stored import stored, without_traces


@dataclass(frozen=True, slots=True)
class Carried:
    """A stack, its restored tables, two resources as they were, the ETag of Patient 5, the number carried over."""

    stack: Restorable
    restored: TableSet
    before: dict[str, Any]
    etag: str
    number: int


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Carried]:
    """Return the stack after everything was carried over; its tests change nothing."""
    with restorable_stack(tmp_path_factory.mktemp("carried")) as stack:
        restored = stack.written_since()
        before = {path: stack.reader.get(path).json for path in ("Patient/6", "Observation/o2")}
        etag = stack.reader.get("Patient/5").headers["ETag"]
        yield Carried(stack, restored, before, etag, stack.carry(restored))


def test_what_was_written_since_gets_a_version_above_and_keeps_its_history(carried: Carried) -> None:
    assert carried.number == 7

    reader = carried.stack.serving(carried.restored)
    assert {
        path: [f"{etag} {status}" for etag, status in versions(reader, path)]
        for path in (
            *("Patient/5", "Patient/4", "Observation/o1", "Observation/new", "Patient/brief", "Observation/deleted"),
            *("Organization/many", "Patient/6"),
        )
    } == {
        "Patient/5": ['W/"3" 200', 'W/"2" 200', 'W/"1" 201'],
        # It has its former content already, and the version of that.
        "Patient/4": ['W/"3" 200', 'W/"2" 200', 'W/"1" 201'],
        "Observation/o1": ['W/"3" 201', 'W/"2" 204', 'W/"1" 201'],
        "Observation/new": ['W/"2" 204', 'W/"1" 201'],
        "Patient/brief": ['W/"2" 204', 'W/"1" 201'],
        "Observation/deleted": ['W/"4" 204', 'W/"3" 201', 'W/"2" 204', 'W/"1" 201'],
        "Organization/many": ['W/"3" 200', 'W/"2" 200', 'W/"1" 201'],
        "Patient/6": ['W/"1" 201'],
    }
    assert reader.get("Patient/5").json["gender"] == NAMED["5"]["gender"]
    assert reader.get("Patient/5/_history/2").json["gender"] == "other"
    assert reader.get("Observation/new").status == 410
    assert len(reader.get("Organization/many").json["alias"]) == 130
    assert {path: reader.get(path).json for path in carried.before} == carried.before
    times = [each["resource"]["meta"]["lastUpdated"] for each in reader.get("Patient/5/_history").json["entry"]]
    assert times == sorted(times, reverse=True)


def test_no_if_match_of_a_version_since_holds(carried: Carried) -> None:
    writer = Writer(carried.stack.serving(carried.restored))
    assert writer.update({**NAMED["5"], "active": True}, If_Match=carried.etag).status == 409


def test_the_patients_whose_records_change_are_announced(carried: Carried) -> None:
    assert set(carried.stack.patients) == {"4", "5", "6", "brief"}


def test_a_second_run_finds_nothing_to_do(carried: Carried) -> None:
    stack = carried.stack
    once = stored(stack.tables(carried.restored))

    assert list(differences(stack.tables(stack.own), stack.tables(carried.restored))) == []
    assert stack.carry(carried.restored) == 0
    assert stored(stack.tables(carried.restored)) == once


def test_index_locks_and_counts_are_those_that_the_bodies_explain(carried: Carried) -> None:
    tables = carried.stack.tables(carried.restored)
    once = stored(tables)

    reindex(tables, base_url=BASE, sleep=lambda _: None, writers=1)

    assert stored(tables) == without_traces(once)
