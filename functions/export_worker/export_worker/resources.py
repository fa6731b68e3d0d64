"""Find what a part of a chain holds: each resource once, in the version that was current at the job's instant."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from careconnect.export.job import DELETED, Job
from careconnect.fhir.rendering.views import show_elements
from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.dynamodb import Item
from careconnect.storage.intents import TXN
from careconnect.storage.keys import position_of
from careconnect.storage.traces import is_trace
from export_worker.files import deletion
from export_worker.parts import Part
from export_worker.selected import Selected
from export_worker.store import ExportStore, Position

ERASED: Final = "erased"
"""The attribute of a body that an erasure has left: of nobody's record any more."""

_ALONE: Final = "!"
"""The sort key of a patient who is read alone."""


class Piece(NamedTuple):
    """A piece of a file, the patients of whom it tells, and the sort key that the part was read up to.

    A piece without `content` says only how far the part was read.
    """

    after: str
    content: bytes = b""
    patients: Sequence[str] = ()


class Resources:
    """Reads parts of a job. Everything is read by `store`, and nothing is remembered from part to part."""

    def __init__(self, store: ExportStore, job: Job) -> None:
        self._store = store
        self._job = job
        self._cohort = frozenset(job.selection.patients)
        self._selected: dict[str, Selected] = {}

    def pieces(self, part: Part, after: str) -> Iterator[Piece]:
        """Yield the pieces of a part behind a sort key, in order; one without content ends each page."""
        selected = self._selected.get(part.type.name)
        if selected is None:
            selected = self._selected[part.type.name] = Selected(self._job, part.type)
        if not part.partition:
            if not after:
                yield from self._of_patient(part, selected)
            return
        find, values = self._members, False
        if part.kind == DELETED:
            find = self._deletions
        elif not part.patient:
            find, values = self._changes, not selected.is_all
        for page in self._store.pages(part.type, part.partition, part.low, part.high, after, values=values):
            yield from find(part, selected, page)
            if page:
                yield Piece(page[-1]["sk"]["S"])

    def _changes(self, part: Part, selected: Selected, page: Sequence[Item]) -> Iterator[Piece]:
        """Yield the resources of a page of the index of changes."""
        type_, at = part.type, self._job.at
        of_patients, show = self._job.selection.is_of_patients, self._shown(type_)
        positions: Iterable[Position] = self._store.positions(type_, page, at)
        is_all = selected.is_all
        if not is_all:
            positions = [each for each in positions if not each.values or selected.holds(each.id, each.values)]
        is_patient = type_.is_patient
        for position, body in self._store.bodies(type_, part.partition, positions):
            if "body" not in body:
                # It was erased since.
                continue
            text = body["body"]["S"]
            if not is_all and not position.values and not selected.holds_of(position.id, text):
                continue
            if of_patients and not is_patient and "patient" not in body:
                continue
            patients = (position.id,) if is_patient else _disclosed(type_, position.id, body)
            yield Piece(position.sort_key, (show(text) if show else text).encode(), patients)

    def _deletions(self, part: Part, selected: Selected, page: Sequence[Item]) -> Iterator[Piece]:
        """Yield the deletions of a page of their index."""
        type_ = part.type
        positions = self._store.positions(type_, page, self._job.at)
        for position, body in self._store.bodies(type_, part.partition, positions):
            if not self._counts(body, _patients_in(type_, position.id, body)):
                continue
            if selected.is_limited and not self._opens_last(type_, selected, position.id, body):
                continue
            content = deletion(type_.name, position.id)
            yield Piece(position.sort_key, content, _disclosed(type_, position.id, body))

    def _members(self, part: Part, selected: Selected, page: Sequence[Item]) -> Iterator[Piece]:
        """Yield the resources among those that may have been in a patient's compartment.

        Each is at the place of the entry that it had at the job's instant: there is an entry, or a trace. So a
        resource that has several places is met once.
        """
        type_, at, show = part.type, self._job.at, self._shown(part.type)
        for item, body in self._store.current(type_, page):
            order, resource_id = position_of(item["sk"]["S"])
            is_as_then = body is not None and TXN not in body and int(body["updated"]["N"]) <= at
            if not is_as_then:
                body = self._store.version_at(type_, resource_id, at)
            if body is None or "body" not in body or not self._is_whole(part, resource_id, body):
                continue
            text = body["body"]["S"]
            # Without a write since, an entry is that of then.
            if (not is_as_then or TXN in item or is_trace(item)) and selected.order_of(text) != order:
                continue
            if self._is_in_time(body) and selected.holds_of(resource_id, text):
                content = (show(text) if show else text).encode()
                yield Piece(item["sk"]["S"], content, _disclosed(type_, resource_id, body))

    def _of_patient(self, part: Part, selected: Selected) -> Iterator[Piece]:
        """Yield the patient of a part alone."""
        body = self._store.version_at(part.type, part.patient, self._job.at)
        if body is None or "body" not in body or not self._is_in_time(body):
            return
        text, show = body["body"]["S"], self._shown(part.type)
        if selected.holds_of(part.patient, text):
            yield Piece(_ALONE, (show(text) if show else text).encode(), (part.patient,))

    def _shown(self, type_: ResourceType) -> Callable[[str], str] | None:
        """Return a function that cuts down a body of a type, None if it stays whole."""
        elements = self._job.selection.elements_of(type_.name)
        return (lambda text: show_elements(text, type_, elements)) if elements else None

    def _is_in_time(self, body: Item) -> bool:
        updated, selection = int(body["updated"]["N"]), self._job.selection
        return (selection.since is None or updated > selection.since) and (
            selection.until is None or updated < selection.until
        )

    def _is_whole(self, part: Part, resource_id: str, body: Item) -> bool:
        """Return True if a version belongs to patients of the cohort alone, and this part's is the least of them."""
        patients = _patients_in(part.type, resource_id, body)
        return bool(patients) and self._cohort.issuperset(patients) and min(patients) == part.patient

    def _counts(self, body: Item, patients: Sequence[str]) -> bool:
        """Return True if a deletion is one of the job's compartments."""
        if self._cohort:
            return bool(patients) and ERASED not in body and self._cohort.issuperset(patients)
        return not self._job.selection.is_of_patients or bool(patients) or ERASED in body

    def _opens_last(self, type_: ResourceType, selected: Selected, resource_id: str, body: Item) -> bool:
        """Return True if the scopes open the last content of a deleted resource."""
        before = self._store.version(type_, resource_id, int(body["version"]["N"]) - 1)
        return before is not None and "body" in before and selected.opens(before["body"]["S"])


def _patients_in(type_: ResourceType, resource_id: str, body: Item) -> Sequence[str]:
    """Return the ids of the patients to whom a version belongs."""
    if type_.is_patient:
        return (resource_id,)
    return body["patient"]["S"].split() if "patient" in body else ()


def _disclosed(type_: ResourceType, resource_id: str, body: Item) -> Sequence[str]:
    """Return the ids of the patients of whom a version tells: of those before, too, since it has a number."""
    former = body["former_patients"]["S"].split() if "former_patients" in body else ()
    return (*_patients_in(type_, resource_id, body), *former) if former else _patients_in(type_, resource_id, body)
