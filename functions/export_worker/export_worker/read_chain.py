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
        last = self._elapsed()
        while number < len(self._parts):
            for piece in self._resources.pieces(self._parts[number], after):
                if piece.content:
                    if not file.add(piece.content):
                        self._checkpoint(number, after, file, is_finished=True)
                        last, file = self._elapsed(), open_file(file.kind)
                        if last >= end:
                            return True
                        file.add(piece.content)
                    self._patients.update(piece.patients)
                after = piece.after
                if self._elapsed() - last >= CHECKPOINT_SECONDS:
                    self._checkpoint(number, after, file, is_finished=False)
                    last = self._elapsed()
                    if last >= end:
                        return True
            number, after = number + 1, ""
            if self._kind(number) != file.kind:
                if file.count:
                    self._checkpoint(number, after, file, is_finished=True)
                    last = self._elapsed()
                    if last >= end:
                        return number < len(self._parts)
                file = open_file(self._kind(number))
        if self._reached.number == 0 or self._reached.done < self._reached.total:
            self._checkpoint(number, "", file, is_finished=False)
        return False

    def _kind(self, number: int) -> str:
        """Return the kind of a part, empty behind the last one."""
        return self._parts[number].kind if number < len(self._parts) else ""

    def _checkpoint(self, number: int, after: str, file: OpenFile, *, is_finished: bool) -> None:
        """Store the file and the patients, and then how far the chain has come."""
        self._go_on()
        files, carry = [], ""
        if is_finished:
            files.append(self._put_file(file))
        elif file.count:
            carry = f"{self._chain}.{self._reached.number + 1}.{secrets.token_hex(8)}"
            self._bucket.put(carry_key(self._job.id, carry), file.content())
        self._runs.put(f"{self._chain}.{self._reached.number + 1}", self._patients)
        total = max(len(self._parts), 1)
        reached = Chain(
            number=self._reached.number + 1,
            files=self._reached.files + len(files),
            done=number if self._parts else total,
            total=total,
            place=Place(number, after, carry, self._tables).text,
        )
        if reached.files > MAX_FILES:
            raise TooManyFilesError
        self._jobs.checkpoint(self._job, self._chain, reached, files)
        self._reached = reached
        self._patients = set()
        self.lines += sum(each.count for each in files)

    def _put_file(self, file: OpenFile) -> JobFile:
        name = file_name(file.kind, self._chain, self._reached.files)
        self._bucket.put(file_key(self._job.id, name), file.content())
        return JobFile(name, _BUNDLE if file.kind == DELETED else file.kind, file.count)
