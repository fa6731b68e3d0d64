"""Faults of the log and of the worker by which exports lose, double or add something: the cases have to catch each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from careconnect.storage.dynamodb import call
from careconnect.storage.intents import DONE, state_key
from careconnect.storage.keys import JSON_ITEM, Key
from careconnect.storage.traces import next_of
from careconnect_records.writes.plan import WritePlan
from export_worker import read_chain, record_patients, store, worker
from export_worker.files import open_file
from export_worker.patient_runs import PatientRuns
from export_worker.selected import Selected

Seeded = Callable[[], AbstractContextManager[Any]]


def _next_turned_round() -> AbstractContextManager[Any]:
    """Take what was replaced after the job's instant for what was replaced before it, and the other way round."""
    return patch.object(store, "next_of", lambda item: -next_of(item))


def _traces_are_current() -> AbstractContextManager[Any]:
    """Take every trace for a version that was current at the job's instant."""
    return patch.object(store, "next_of", lambda _item: 1 << 60)


def _without(kind: str) -> Seeded:
    """Leave no traces in partitions whose keys hold a text."""
    traces: Any = WritePlan.traces

    def fewer(plan: WritePlan) -> Mapping[Key, Any]:
        return {key: trace for key, trace in traces.__get__(plan).items() if kind not in key[0]}

    return lambda: patch.object(WritePlan, "traces", property(fewer))


def _carry_lost() -> AbstractContextManager[Any]:
    """Begin an unfinished file anew after each step."""
    return patch.object(read_chain, "open_file", lambda kind, _content=b"": open_file(kind))


def _run_lost() -> AbstractContextManager[Any]:
    """Forget the last of several runs of patients."""
    merge = PatientRuns.merge

    def fewer(self: PatientRuns, level: int, number: int, runs: Sequence[Sequence[str]]) -> None:
        merge(self, level, number, runs[:1])

    return patch.object(PatientRuns, "merge", fewer)


def _patients_of_carried_lines_lost() -> AbstractContextManager[Any]:
    """Put patients only with the files that are finished in the same step."""
    put = PatientRuns.put

    def fewer(self: PatientRuns, name: str, patients: Collection[str]) -> None:
        if not name.endswith(".1"):
            put(self, name, patients)

    return patch.object(PatientRuns, "put", fewer)


def _pending_is_done() -> AbstractContextManager[Any]:
    """Take a write that has a state for done, whatever the state says."""

    def is_done(self: store.ExportStore, name: str) -> bool | None:
        key = state_key(name)
        request = {"TableName": self._states.of(name), "Key": key, "ConsistentRead": True}
        return True if "Item" in call(self._client.get_item, **request) else None

    return patch.object(store.ExportStore, "_is_done", is_done)


def _done_is_undone() -> AbstractContextManager[Any]:
    """Take the intents of every write for undone."""
    return patch.object(store, "DONE", f"not {DONE}")


def _begun_at_once() -> AbstractContextManager[Any]:
    """Read at once, while writes stamped before may still commit."""
    return patch.object(worker, "SETTLE_SECONDS", 0)


def _of_any_place() -> AbstractContextManager[Any]:
    """Export a resource at each place that it has or had in a compartment."""
    order_of: Any = Selected.order_of

    class _Any(str):
        __slots__ = ()

        def __ne__(self, _other: object) -> bool:
            return False

        __hash__ = str.__hash__

    return patch.object(Selected, "order_of", lambda self, body: _Any(order_of(self, body)))


def _newest_body() -> AbstractContextManager[Any]:
    """Show the current body of whatever a position names."""
    versions_at = store.ExportStore._versions_at

    def newest(self: store.ExportStore, type_: Any, partition: str, positions: Sequence[Any]) -> Any:
        keys = [(f"{type_.name}/{each.id}", JSON_ITEM) for each in positions]
        bodies = self._bodies(type_, keys)
        found = [(each, bodies.get(key)) for each, key in zip(positions, keys, strict=True)]
        if any(body is None or "body" not in body for _, body in found):
            return versions_at(self, type_, partition, positions)
        return found

    return patch.object(store.ExportStore, "_versions_at", newest)


def _events_skipped() -> AbstractContextManager[Any]:
    """Go on with the events of a piece whose place is stored, as if it was kept."""
    keep = record_patients.RecordPatients._keep

    def skipped(self: record_patients.RecordPatients, patients: list[str]) -> None:
        if self._may_be_kept and self._place.at:
            self._may_be_kept = False
            self._place = replace(self._place, first=self._place.first + len(patients))
            return
        keep(self, patients)

    return patch.object(record_patients.RecordPatients, "_keep", skipped)


FAULTS: Final[Mapping[str, Seeded]] = {
    "a trace is read the other way round": _next_turned_round,
    "a trace is a version of any time": _traces_are_current,
    "a change leaves no trace": _without("_lastUpdated"),
    "a restored resource leaves no trace of its deletion": _without("_deleted"),
    "what leaves a compartment leaves no trace": _without("Patient/"),
    "the lines of an unfinished file are lost": _carry_lost,
    "a run of patients is lost": _run_lost,
    "the patients of a first checkpoint are lost": _patients_of_carried_lines_lost,
    "a write under way is taken for done": _pending_is_done,
    "a write that is done is taken for undone": _done_is_undone,
    "a job begins to read at once": _begun_at_once,
    "a resource is met at each of its places": _of_any_place,
    "a body is the newest": _newest_body,
    "events of a piece are taken for kept": _events_skipped,
}
"""What goes wrong, each with the fault that does it."""


def _exports_what_is_hidden() -> AbstractContextManager[Any]:
    """Export the resources of a type whatever the scopes open."""
    return patch.object(Selected, "holds", lambda *_: True)


def _deletions_of_hidden() -> AbstractContextManager[Any]:
    """Tell of deletions whatever the scopes opened."""
    return patch.object(Selected, "opens", lambda *_: True)


LEAKS: Final[Mapping[str, Seeded]] = {
    "a resource that no scope opens is exported": _exports_what_is_hidden,
    "a deletion of what no scope opened is told": _deletions_of_hidden,
}
"""What tells of a resource that the token does not open, each with the fault."""
