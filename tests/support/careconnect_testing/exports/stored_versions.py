"""Every version that is stored in a run, with its instant, as the oracle needs them."""

from collections.abc import Mapping
from typing import Any

from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, version_item
from careconnect_records.items.resource_items import patients_of
from careconnect_testing.exports.oracle import Version
from careconnect_testing.simulation.promises.store import StoredVersions
from careconnect_testing.simulation.world.names import DIRECTORY, RECORDS
from careconnect_testing.simulation.world.system import BrokenPromiseError


class Recorded(StoredVersions):
    """Watches every write, and keeps each version."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.versions: dict[str, list[Version]] = {}
        self._new: list[Version] = []

    def begin(self) -> None:
        """Note what is stored at the beginning, with all former versions."""
        for name in (RECORDS, DIRECTORY):
            for item in [each for each in self.database.items(name) if each["sk"]["S"] == INDEX_ITEM]:
                key, last = item["pk"]["S"], int(item["version"]["N"])
                for version in range(1, last + 1):
                    sort_key = JSON_ITEM if version == last else version_item(JSON_ITEM, version)
                    body = self._item(name, key, sort_key)
                    assert body is not None, (key, version)
                    self._updated[key] = int(body["updated"]["N"])
                    self._add(key, version, body.get("body", {}).get("S", ""), patients_of(dict(body)))
                    self._new.clear()

    def changed(self, operation: str, request: Mapping[str, Any]) -> None:
        """Note what a call has written, and check that one write gave all its versions one instant."""
        super().changed(operation, request)
        instants = {each.updated for each in self._new}
        keys = {each.key for each in self._new}
        if len(instants) > 1 and len(keys) == len(self._new):
            raise BrokenPromiseError(f"one write gave {sorted(keys)} several instants: {sorted(instants)}")
        self._new.clear()

    def _add(self, key: str, version: int, stored: str, patients: tuple[str, ...]) -> None:
        super()._add(key, version, stored, patients)
        noted = Version(key, version, self._updated[key], stored, patients)
        self.versions.setdefault(key, []).append(noted)
        self._new.append(noted)
