"""Walk through all patients while a loader is at work: what stays in its place is found, and found once."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count, pairwise
from typing import Any, Final

from benchmarks.kept_tables import TABLE
from benchmarks.measured_reader import MeasuredReader, Request
from benchmarks.small_records import Makers, Region, birth_date, load_request, patient_id

from careconnect.fhir.resource_types import resource_type
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.target import Target

_PAGE: Final = 100
_BATCH: Final = 25
_AT_ONCE: Final = 5
_CHANGES: Final = 5 * _PAGE
"""Of four kinds in turn: a walk is held up until the loader has done as many as tell, and goes on beside it."""
_STEP: Final = 7919
"""Prime, so that multiples of it go through all patients in an order that is none of the index's."""


@dataclass(slots=True)
class Changes:
    """Ids by what the loader has done to them while the walk went on."""

    kept: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    added: set[str] = field(default_factory=set)

    @property
    def number(self) -> int:
        """How many there are."""
        return sum(map(len, (self.kept, self.moved, self.deleted, self.added)))

    def __str__(self) -> str:
        """Return their numbers."""
        return (
            f"{len(self.added):,} loaded, {len(self.kept):,} changed in their place, {len(self.moved):,} moved, "
            f"{len(self.deleted):,} deleted"
        )


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk came to: its pages, the matches, what was changed meanwhile and what was wrong."""

    pages: int
    matches: int
    changes: Changes
    faults: Sequence[str]


def walk_under_change(reader: MeasuredReader) -> Walked:
    """Walk through all patients along the next links, with a loader at work, and compare."""
    writing = _Loader(reader)
    seen: Counter[str] = Counter()
    places: list[tuple[str, str]] = []
    pages, page = 0, Request("Patient", [("_count", str(_PAGE))])
    expected = max(reader.region.patients // _PAGE, 1)
    writing.start()
    try:
        following: Request | None = page
        while following:
            answer = reader.ask(following)
            assert answer.status == 200, answer.body
            found = [entry["resource"] for entry in answer.bundle.get("entry", ())]
            seen.update(resource["id"] for resource in found)
            places += ((resource.get("birthDate", ""), resource["id"]) for resource in found)
            pages += 1
            following = answer.next_page()
            writing.wait_for(min(pages / expected, 1) * _CHANGES)
    finally:
        writing.stop()
    return Walked(pages, seen.total(), writing.changes, list(_faults(reader.region, seen, places, writing.changes)))


def _faults(
    region: Region, seen: Mapping[str, int], places: Sequence[tuple[str, str]], changes: Changes
) -> Iterator[str]:
    throughout = {patient_id(number) for number in range(region.patients)} - changes.moved - changes.deleted
    if missed := sum(1 for one in throughout if not seen.get(one)):
        yield f"{missed:,} that were there throughout were missed"
    if twice := sum(1 for one, times in seen.items() if times > 1 and one not in changes.moved):
        yield f"{twice:,} were found twice"
    steady = [place for place in places if place[1] in throughout]
    if any(before < after for before, after in pairwise(steady)):
        yield "not in order"
    for name in ("added", "kept", "moved", "deleted"):
        if len(getattr(changes, name)) < _PAGE:
            yield f"too few were {name} to tell"


class _Loader:
    """The loader's writer in a thread: loads, changes, moves and deletes patients in turn, each of them once."""

    def __init__(self, reader: MeasuredReader) -> None:
        self.changes = Changes()
        self._patients = reader.region.patients
        self._makers = Makers.of_sample()
        client: Any = _WithoutTransactions(reader.server.connect())
        tables = RecordTables(client, TABLE, TABLE, reference="")
        self._writer = RecordWriter(tables, clock=lambda: datetime.now(UTC))
        self._is_over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; raises what the writer raised."""
        self._is_over.set()
        self._thread.join()
        if self._failure:
            raise self._failure

    def wait_for(self, number: float) -> None:
        """Wait until it has done so many changes, if it still does any."""
        while self.changes.number < number and self._thread.is_alive():
            time.sleep(0.001)

    def _run(self) -> None:
        try:
            for nth in count():
                if self._is_over.is_set():
                    return
                self._writer.write([self._next(_AT_ONCE * nth + one) for one in range(_AT_ONCE)])
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits for it
            self._failure = error

    def _next(self, nth: int) -> LoadRequest:
        number = nth * _STEP % self._patients
        match nth % 4:
            case 0:
                number = self._patients + nth
                self.changes.added.add(patient_id(number))
                return load_request(self._makers.patient(number))
            case 1:
                self.changes.kept.add(patient_id(number))
                return load_request({**self._makers.patient(number), "gender": "unknown"})
            case 2:
                self.changes.moved.add(patient_id(number))
                return load_request(
                    {**self._makers.patient(number), "birthDate": birth_date(number + self._patients // 2)}
                )
            case _:
                served = resource_type("Patient")
                assert served is not None
                self.changes.deleted.add(patient_id(number))
                return LoadRequest(Target(served, patient_id(number)), None)


class _WithoutTransactions:
    """A client for dynalite, which has no transactions: their actions are done in batches, and nobody else writes.

    So a walk meets a resource half written, too, which DynamoDB does not show.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, TransactItems: Sequence[Mapping[str, Any]]) -> None:  # noqa: N803 - as boto3 has it
        """Do the actions of a transaction, a new place before the old one is taken away."""
        puts = [{"PutRequest": {"Item": action["Put"]["Item"]}} for action in TransactItems if "Put" in action]
        deletes = [{"DeleteRequest": {"Key": one["Delete"]["Key"]}} for one in TransactItems if "Delete" in one]
        for requests in (puts, deletes):
            for start in range(0, len(requests), _BATCH):
                batch = {TABLE: requests[start : start + _BATCH]}
                assert not self._client.batch_write_item(RequestItems=batch)["UnprocessedItems"]
