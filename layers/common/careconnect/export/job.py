"""A bulk export: the values of its job, and the names of its files and objects (`export.md`).

The keeper makes a job from a kick-off and answers for it, the worker writes its files, the sender answers them.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from careconnect.audit.event import AuditEvent
from careconnect.fhir.resource_types import ResourceType, served_type

CHAINS: Final = 4
"""Chains of steps of a job: one for each shard of a type's index by the last change."""

JOB_SECONDS: Final = 24 * 3_600
"""The time after a kick-off at which its job is complete or failed."""

LONGEST_RETENTION_HOURS: Final = 168
ROW_SECONDS: Final = JOB_SECONDS + LONGEST_RETENTION_HOURS * 3_600 + 24 * 3_600
"""The time after a kick-off for which the rows of its job are kept at most: the longest job, and a day."""

MAX_FILES: Final = 20_000
MAX_PATIENTS: Final = 100
MAX_FILTERS: Final = 20

_JOB_ID: Final = re.compile(r"[0-9a-f]{32}")
DELETED: Final = "deleted"
ERROR_FILE: Final = "error.ndjson"
_FILE: Final = re.compile(r"(?P<kind>[A-Za-z]{1,64})\.(?P<chain>[0-9])\.(?P<number>[0-9]{1,6})\.ndjson")


class State(StrEnum):
    """The states of a job. One that is `ended` is unknown to its client: revoked, deleted or expired."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"
    ENDED = "ended"


class Cause(StrEnum):
    """The causes of a failed job, in codes of STU3's value set `issue-type`."""

    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    TOO_COSTLY = "too-costly"


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """One `_typeFilter`: the criteria of a type, as decoded names and values of a search. All have to hold."""

    type: str
    criteria: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a job exports.

    `types` are names in the order of the table. With `is_of_patients` only resources of the patient compartment count,
    with `patients`, which are ids, only those that belong to these and to no other. `since` and `until`, in epoch
    milliseconds, are both exclusive. `elements` has the top-level names for the types that do not stay whole. The
    `filters` of one type are alternatives.
    """

    types: tuple[str, ...]
    is_of_patients: bool = False
    since: int | None = None
    until: int | None = None
    elements: tuple[tuple[str, tuple[str, ...]], ...] = ()
    filters: tuple[TypeFilter, ...] = ()
    patients: tuple[str, ...] = ()

    def elements_of(self, type_name: str) -> tuple[str, ...]:
        """Return the elements that a type is cut down to; empty for a type that stays whole."""
        return dict(self.elements).get(type_name, ())

    def filters_of(self, type_name: str) -> tuple[TypeFilter, ...]:
        """Return the alternative filters of a type; empty if all its resources are selected."""
        return tuple(each for each in self.filters if each.type == type_name)

    @property
    def resource_types(self) -> tuple[ResourceType, ...]:
        """The rows of `types` in the table of types."""
        return tuple(found for found in map(served_type, self.types) if found)


@dataclass(frozen=True, slots=True)
class Job:
    """A bulk export under way or done.

    `at` is the instant of which it shows the store (`transactionTime`), in epoch milliseconds. The token that started
    it had the id `jti`, and was issued at `issued_at`, in epoch seconds; `scope` are its scopes of the level `system`.
    `url` is the kick-off's as sent, with the host of `fhir_base`, and `kick_off` its audit event, without personal
    values. `ignored` are the texts of what lenient handling left out. `cause` and `detail`, a fixed sentence, are set
    for a failed job alone. A job that is complete or failed expires at `expires`, in epoch milliseconds.
    """

    id: str
    at: int
    client_id: str
    scope: str
    jti: str
    issued_at: int
    url: str
    fhir_base: str
    kick_off: AuditEvent
    selection: Selection
    ignored: tuple[str, ...] = ()
    state: State = State.RUNNING
    cause: Cause | None = None
    detail: str = ""
    expires: int = 0

    @property
    def times_out_at(self) -> int:
        """The time at which the job has failed if it is not complete by then, in epoch milliseconds."""
        return self.at + JOB_SECONDS * 1_000

    def cause_at(self, now: int) -> Cause | None:
        """Return why the job has failed by `now`, in epoch milliseconds: it may run out of time unseen."""
        is_late = self.state is State.RUNNING and now >= self.times_out_at
        return Cause.TIMEOUT if is_late else self.cause

    def is_known(self, now: int) -> bool:
        """Return False for a job that has ended or expired by `now`, in epoch milliseconds."""
        return self.state is not State.ENDED and not 0 < self.expires <= now


@dataclass(frozen=True, slots=True)
class JobFile:
    """A finished file of a job. `type` is that of its lines, `count` their number."""

    name: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Chain:
    """How far a chain of steps has come.

    `number` counts its checkpoints, `files` its files. `done` of `total` planned pieces are done. `place` is the
    worker's own text.
    """

    number: int = 0
    files: int = 0
    done: int = 0
    total: int = 1
    place: str = field(default="", repr=False)


def percent_of(chains: Iterable[Chain]) -> int:
    """Return the part of the planned pieces that all chains have done, from 0 to 99."""
    return min(99, int(100 * sum(each.done / max(each.total, 1) for each in chains) / CHAINS))


def new_job_id() -> str:
    """Return the id of a new job: 128 random bits in hex digits."""
    return secrets.token_hex(16)


def is_job_id(text: str) -> bool:
    """Return True if a text has the form of a job's id."""
    return _JOB_ID.fullmatch(text) is not None


def file_name(kind: str, chain: int, number: int) -> str:
    """Return the name of a chain's file with lines of a type, or with deletions (`DELETED`)."""
    return f"{kind}.{chain}.{number}.ndjson"


def is_file_name(text: str) -> bool:
    """Return True if a text has the form of the name of a job's file."""
    return text == ERROR_FILE or _FILE.fullmatch(text) is not None


def kind_of(name: str) -> str:
    """Return what a file holds by its name: the name of a type, `DELETED`, or `error`."""
    return name.partition(".")[0]


def file_key(job_id: str, name: str) -> str:
    """Return the key of the object that is a job's file."""
    return f"{job_id}/files/{name}"


def patients_key(job_id: str, name: str) -> str:
    """Return the key of an object with the ids of patients for the audit trail."""
    return f"{job_id}/patients/{name}"


def carry_key(job_id: str, name: str) -> str:
    """Return the key of an object with the lines of an unfinished file."""
    return f"{job_id}/carry/{name}"


def prefix_of(job_id: str) -> str:
    """Return the prefix of all objects of a job."""
    return f"{job_id}/"
