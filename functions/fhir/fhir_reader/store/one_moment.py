"""Read the store as it was at one moment (`bundles.md`, Promise 8; ADR 43)."""

from collections.abc import Callable
from typing import Final, TypeVar

from careconnect.fhir import outcomes
from careconnect.storage.intents import SnapshotNeededError
from fhir_reader.store.resource_store import ResourceStore

Result = TypeVar("Result")

_SNAPSHOTS: Final = 5


def read_at_one_moment(store: ResourceStore, read: Callable[[ResourceStore], Result]) -> Result:
    """Return what `read` makes of a store: again, with a new snapshot, each time it meets a multi-step write.

    Raises the 503 outcome if each snapshot was too old for some write, and what `read` raises.
    """
    bases: set[str] = set()
    left = _SNAPSHOTS
    while True:
        try:
            return read(store)
        except SnapshotNeededError as error:
            if not left:
                raise outcomes.unavailable("too many writes") from None
            left -= 1
            bases.update({error.base} - {""})
            store = store.at_snapshot(bases)
