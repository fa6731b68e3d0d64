"""Keep the audit events of a job: one for each patient to whom any resource in its files belongs.

The runs of patients are merged, level by level, until one is left. Its patients are recorded piece by piece. Those of
level 0 are merged even if there is one: a step that was taken for dead may still put another beside it. A piece's
place is stored with its time before its events are kept: they have ids that follow from it, so that a repetition stores
none twice. A piece whose time is too long ago for the audit trail gets a new one, and may have second events.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from careconnect.audit.store import AuditStore
from careconnect.export.events import export_event
from careconnect.export.job import CHAINS, Chain, Job
from careconnect.export.jobs import DynamoDbJobs
from export_worker.patient_runs import FAN_IN, PatientRuns
from export_worker.s3_bucket import Bucket

RECORD: Final = CHAINS
"""The chain whose checkpoints say how far the events are kept; it counts for no progress."""

EVENTS: Final = 200
"""Events of a piece: eight calls at once."""

MAX_AGE: Final = 30_000
"""Milliseconds after which a piece gets a new time: the audit trail takes events of the last minute alone."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far the events of a job are kept.

    `number` counts the merges of the `level`, and once a single run is left its objects. `first` counts the ids of the
    object that are recorded. `at` is the time of the next piece, in epoch milliseconds, 0 if it has not begun.
    """

    level: int = 0
    number: int = 0
    first: int = 0
    at: int = 0

    @classmethod
    def of(cls, text: str) -> "Place":
        """Return the place that a checkpoint has; without a text the beginning."""
        return cls(*json.loads(text)) if text else cls()

    @property
    def text(self) -> str:
        """The text for a checkpoint."""
        return json.dumps([self.level, self.number, self.first, self.at])


class RecordPatients:
    """Keeps the events of a job. `go_on` raises if the job does not run any more. `clock` returns epoch seconds."""

    def __init__(
        self,
        jobs: DynamoDbJobs,
        bucket: Bucket,
        audit: AuditStore,
        job: Job,
        go_on: Callable[[], None],
        clock: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._audit = audit
        self._job = job
        self._go_on = go_on
        self._clock = clock
        self._elapsed = elapsed
        self._runs = PatientRuns(bucket, job.id)
        self._reached = jobs.chain(job.id, RECORD)
        self._place = Place.of(self._reached.place)
        self._may_be_kept = True
        self.events = 0
        """The number of events that were kept."""

    def __call__(self, end: float) -> bool:
        """Merge and record until all is kept or the time is over; return True if there is more.

        Raises `EventNotStoredError`, and `CheckpointTakenError` if another step records the job too.
        """
        while True:
            runs = self._runs.runs(self._place.level)
            if self._place.level and len(runs) <= 1:
                return self._record(runs[0] if runs else [], end)
            for number in range(self._place.number, -(-len(runs) // FAN_IN)):
                self._runs.merge(self._place.level, number, runs[number * FAN_IN : (number + 1) * FAN_IN])
                self._checkpoint(replace(self._place, number=number + 1))
                if self._elapsed() >= end:
                    return True
            self._checkpoint(Place(self._place.level + 1))

    def _record(self, keys: list[str], end: float) -> bool:
        while self._place.number < len(keys):
            ids = self._runs.ids(keys[self._place.number])
            while self._place.first < len(ids):
                self._keep(ids[self._place.first : self._place.first + EVENTS])
                if self._elapsed() >= end:
                    self._checkpoint(replace(self._place, at=0))
                    return True
            self._place = Place(self._place.level, self._place.number + 1)
        self._checkpoint(self._place)
        return False

    def _keep(self, patients: list[str]) -> None:
        now = int(self._clock() * 1_000)
        # The piece at which a step begins may have been kept by one that was killed.
        if not self._may_be_kept or now - self._place.at >= MAX_AGE:
            self._checkpoint(replace(self._place, at=now))
        self._may_be_kept = False
        for stored in self._audit.begin([export_event(self._job, each, self._place.at) for each in patients]):
            stored.result()
        self.events += len(patients)
        self._place = replace(self._place, first=self._place.first + len(patients))

    def _checkpoint(self, place: Place) -> None:
        self._go_on()
        reached = Chain(number=self._reached.number + 1, place=place.text)
        self._jobs.checkpoint(self._job, RECORD, reached, ())
        self._reached, self._place = reached, place
