"""Find the resources of this server that resources refer to, within the caller's compartment."""

from collections.abc import Collection, Iterable
from typing import Final

from careconnect.audit.query import MAX_PATIENTS
from careconnect.oauth.caller import Caller
from careconnect_records.writes.target import Target
from record_writer.find_target import sees

DECIDING: Final = MAX_PATIENTS + 1
"""The patients that are disclosed of more than a write may refer to: only if there are no more, one of them decides."""

FoundReferences = dict[str, tuple[str, ...]]
"""The patients whose record each resource is that exists for the caller, by its key."""


def find_references(caller: Caller, stored: Iterable[Target], previous: Collection[str] = ()) -> FoundReferences:
    """Return which of the `stored` resources that a resource refers to exist for the caller, with their patients.

    `previous` are the keys that the stored version refers to. They may stay: a bound client can neither see the
    resource nor always remove the reference.
    """
    visible = (each for each in stored if each.exists and (each.key in previous or sees(caller, each)))
    return {each.key: each.patients for each in visible}


def patients_referred_to(found: Iterable[FoundReferences]) -> list[str]:
    """Return the patients whose records the found resources are, each once."""
    return sorted({patient for each in found for patients in each.values() for patient in patients})
