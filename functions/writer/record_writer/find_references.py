"""Find the resources of this server that resources refer to, within the caller's compartment."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from careconnect.oauth.caller import Caller
from careconnect_records.writes.target import Target
from record_writer.find_target import sees


@dataclass(frozen=True, slots=True)
class FoundReferences:
    """The keys of the resources that exist for the caller, and the ids of the patients among them."""

    keys: frozenset[str]
    patients: tuple[str, ...]


def find_references(caller: Caller, stored: Iterable[Target], previous: Collection[str] = ()) -> FoundReferences:
    """Return which of the `stored` resources that a resource refers to exist for the caller.

    `previous` are the keys that the stored version refers to. They may stay: a bound client can neither see the
    resource nor always remove the reference.
    """
    visible = [each for each in stored if each.exists and (each.key in previous or sees(caller, each))]
    patients = tuple(each.id for each in visible if each.type.is_patient)
    return FoundReferences(frozenset(each.key for each in visible), patients)
