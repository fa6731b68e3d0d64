"""The ids of the patients to whom the lines of a job belong: sorted runs in the bucket, merged into one.

Each checkpoint leaves a run. A run is one object or more, each with as many ids as fit into memory many times over, so
that a merge of many runs needs little. An object never changes. One that no checkpoint names has ids of the job's lines
all the same, since a step that is repeated finds the same lines.
"""

import heapq
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Final

from careconnect.export.job import patients_key
from export_worker.s3_bucket import Bucket

IDS: Final = 10_000
"""Ids of one object: at most 650,000 bytes."""

FAN_IN: Final = 32
"""Runs that are merged at once, with an object of each in memory."""

_MAX_KNOWN: Final = 50_000


class PatientRuns:
    """Puts and merges the runs of a job."""

    def __init__(self, bucket: Bucket, job_id: str) -> None:
        self._bucket = bucket
        self._job_id = job_id
        self._known: set[str] = set()

    def put(self, name: str, patients: Collection[str]) -> None:
        """Put a run of those patients of whom this instance has put none yet."""
        new = sorted(set(patients) - self._known)
        self._put(f"0/{name}.{secrets.token_hex(8)}", iter(new))
        if len(self._known) + len(new) > _MAX_KNOWN:
            self._known.clear()
        self._known.update(new[:_MAX_KNOWN])

    def runs(self, level: int) -> list[list[str]]:
        """Return the runs of a level, each as the keys of its objects; level 0 has those of the checkpoints."""
        keys = self._bucket.keys(patients_key(self._job_id, f"{level}/"))
        return [list(group) for _, group in groupby(keys, key=lambda key: key.rpartition("/")[0])]

    def merge(self, level: int, number: int, runs: Sequence[Sequence[str]]) -> None:
        """Merge some runs into one of the next level, with a number of its own."""
        self._put(f"{level + 1}/{number:09d}", _each_once(heapq.merge(*map(self._ids, runs))))

    def ids(self, key: str) -> list[str]:
        """Return the ids that an object has, sorted."""
        return self._bucket.get(key).decode().split("\n")

    def _ids(self, run: Iterable[str]) -> Iterator[str]:
        for key in run:
            yield from self.ids(key)

    def _put(self, name: str, ids: Iterator[str]) -> None:
        number = 0
        while part := list(islice(ids, IDS)):
            self._bucket.put(patients_key(self._job_id, f"{name}/{number:09d}"), "\n".join(part).encode())
            number += 1


def _each_once(ids: Iterable[str]) -> Iterator[str]:
    return (id_ for id_, _ in groupby(ids))
