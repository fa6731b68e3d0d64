"""The parts of a chain, which it reads one after another: ranges of the index, all known from the job alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from careconnect.export.job import DELETED, Job
from careconnect.fhir.resource_types import ResourceType
from careconnect.search.values import order_text
from careconnect.storage.keys import (
    change_partition,
    deletion_partition,
    reference_prefix,
    resource_key,
    shard_of,
)

# Sorts after every text that may follow a prefix in a sort key.
_LAST: Final = "\U0010ffff"
_FIRST: Final = " "


@dataclass(frozen=True, slots=True)
class Part:
    """A range of a partition, with the resources of one type.

    It holds changes, or deletions, or with `patient` all that may have been in this patient's compartment. Without a
    `partition` it is this patient alone. `kind` is what its lines are in a file of.
    """

    kind: str
    type: ResourceType
    partition: str = ""
    low: str = ""
    high: str = ""
    patient: str = ""


def parts_of(job: Job, chain: int) -> list[Part]:
    """Return the parts of one of a job's chains. Those of a kind follow each other."""
    return [*_resources(job, chain), *_deletions(job, chain)]


def _resources(job: Job, chain: int) -> Iterator[Part]:
    selection = job.selection
    patients = sorted({each for each in selection.patients if shard_of(each) == chain})
    until = job.at if selection.until is None else min(job.at, selection.until - 1)
    low, high = _instants(selection.since, until)
    for type_ in selection.resource_types:
        if not selection.patients:
            yield Part(type_.name, type_, change_partition(type_.name, chain), low, high)
        elif type_.is_patient:
            yield from (Part(type_.name, type_, patient=each) for each in patients)
        elif parameter := type_.patient_parameter:
            prefix = reference_prefix(type_.name, parameter.name)
            for patient in patients:
                partition = resource_key(parameter.targets[0], patient)
                yield Part(type_.name, type_, partition, prefix, prefix + _LAST, patient)


def _deletions(job: Job, chain: int) -> Iterator[Part]:
    if job.selection.since is None:
        return
    low, high = _instants(job.selection.since, job.at)
    for type_ in job.selection.resource_types:
        yield Part(DELETED, type_, deletion_partition(type_.name, chain), low, high)


def _instants(after: int | None, until: int) -> tuple[str, str]:
    """Return the bounds of the sort keys of instants after one, and up to another."""
    return _FIRST if after is None else order_text(after + 1), f"{order_text(until)}#{_LAST}"
