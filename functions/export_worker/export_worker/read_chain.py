"""Do a step of a chain: read on from its last checkpoint, and fill files.

A checkpoint stores how far the parts are read, and the finished files, in one transaction; the objects that it names
are put before. A step that is killed is repeated from the last checkpoint. What it has put since is put again under the
same name with the same bytes, or under another name: an object that a checkpoint names never changes.
"""

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from careconnect.export.job import DELETED, MAX_FILES, Chain, Job, JobFile, carry_key, file_key, file_name
from careconnect.export.jobs import DynamoDbJobs
from export_worker.files import OpenFile, open_file
from export_worker.parts import parts_of
from export_worker.patient_runs import PatientRuns
from export_worker.resources import Resources
from export_worker.s3_bucket import Bucket
from export_worker.store import ExportStore

CHECKPOINT_SECONDS: Final = 4.0
"""How long a step reads without a checkpoint; so much is read again if it is killed."""

MAX_FINISHED: Final = 90
"""Files of one checkpoint, which is one transaction."""

_BUNDLE: Final = "Bundle"


class TooManyFilesError(Exception):
    """The job has more files than a job may have."""


class OtherTablesError(Exception):
    """Restored tables have come into service since the job began."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a chain has read: the number of its part, and the sort key that it was read up to.

    `carry` names the object with the lines of the unfinished file, empty if there are none. `tables` are those that the
    chain has begun to read.
    """

    part: int = 0
    after: str = ""
    carry: str = ""
    tables: str = ""

    @classmethod
    def of(cls, text: str) -> "Place":
        """Return the place that a checkpoint has; without a text the beginning."""
        return cls(*json.loads(text)) if text else cls()

    @property
    def text(self) -> str:
        """The text for a checkpoint."""
        return json.dumps([self.part, self.after, self.carry, self.tables], separators=(",", ":"))


class ReadChain:
    """Reads a chain of a job. `go_on` raises if the job does not run any more; it is asked before each checkpoint."""

    def __init__(
        self,
        jobs: DynamoDbJobs,
        store: ExportStore,
        bucket: Bucket,
        job: Job,
        chain: int,
        go_on: Callable[[], None],
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._bucket = bucket
        self._job = job
        self._chain = chain
        self._go_on = go_on
        self._elapsed = elapsed
        self._resources = Resources(store, job)
        self._parts = parts_of(job, chain)
        self._runs = PatientRuns(bucket, job.id)
        self._tables = store.table_names
        self._reached = jobs.chain(job.id, chain)
        self._last = elapsed()
        self._finished: list[JobFile] = []
        self._patients: set[str] = set()
        self.lines = 0
        """The number of lines of the files that were finished."""

    def __call__(self, end: float) -> bool:
        """Read until all is read or the time is over; return True if there is more.

        Raises `CheckpointTakenError` if another step reads the chain too, `TooManyFilesError` and `OtherTablesError`.
        """
        place = Place.of(self._reached.place)
        if place.tables not in ("", self._tables):
            raise OtherTablesError
        content = self._bucket.get(carry_key(self._job.id, place.carry)) if place.carry else b""
        file = open_file(self._kind(place.part), content)
        number, after = place.part, place.after
        while number < len(self._parts):
            for piece in self._resources.pieces(self._parts[number], after):
                if piece.content:
                    if not file.add(piece.content):
                        self._put_file(file)
                        file = open_file(file.kind)
                        file.add(piece.content)
                    self._patients.update(piece.patients)
                after = piece.after
                if self._is_checkpoint_due():
                    self._checkpoint(number, after, file)
                    if self._elapsed() >= end:
                        return True
            number, after = number + 1, ""
            if self._kind(number) != file.kind:
                if file.count:
                    self._put_file(file)
                file = open_file(self._kind(number))
        if self._reached.number == 0 or self._reached.done < self._reached.total:
            self._checkpoint(number, "", file)
        return False

    def _kind(self, number: int) -> str:
        """Return the kind of a part, empty behind the last one."""
        return self._parts[number].kind if number < len(self._parts) else ""

    def _is_checkpoint_due(self) -> bool:
        return self._elapsed() - self._last >= CHECKPOINT_SECONDS or len(self._finished) >= MAX_FINISHED

    def _put_file(self, file: OpenFile) -> None:
        """Put a file that is finished; the next checkpoint names it."""
        self._go_on()
        name = file_name(file.kind, self._chain, self._reached.files + len(self._finished))
        self._bucket.put(file_key(self._job.id, name), file.content())
        self._finished.append(JobFile(name, _BUNDLE if file.kind == DELETED else file.kind, file.count))

    def _checkpoint(self, number: int, after: str, file: OpenFile) -> None:
        """Store the patients and the unfinished file, and then how far the chain has come."""
        self._go_on()
        name, carry = f"{self._chain}.{self._reached.number + 1}", ""
        if file.count:
            carry = f"{name}.{secrets.token_hex(8)}"
            self._bucket.put(carry_key(self._job.id, carry), file.content())
        self._runs.put(name, self._patients)
        total = max(len(self._parts), 1)
        reached = Chain(
            number=self._reached.number + 1,
            files=self._reached.files + len(self._finished),
            done=number if self._parts else total,
            total=total,
            place=Place(number, after, carry, self._tables).text,
        )
        if reached.files > MAX_FILES:
            raise TooManyFilesError
        self._jobs.checkpoint(self._job, self._chain, reached, self._finished)
        self.lines += sum(each.count for each in self._finished)
        self._reached, self._last = reached, self._elapsed()
        self._finished, self._patients = [], set()
