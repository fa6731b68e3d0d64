"""The target of a write: a resource, and the items that the tables hold of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from careconnect.fhir.resource_types import ResourceType
from careconnect.search.stored_values import StoredValues
from careconnect.search.values import SearchValues
from careconnect.storage.intents import TXN
from careconnect.storage.keys import Key, entries_from, resource_key
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import IdentifierLock
from careconnect_records.items.resource_items import DELETED, former_patients_of, patients_of


@dataclass(frozen=True, slots=True)
class Target:
    """A resource to write, and the items that were read of it.

    `index` is its index record and `body` its body of the same version; each is None if there is none, or none was
    read. `locks` are the identifier locks that a condition was decided by: the write requires them to be unchanged.
    `hidden` are the patients of a stored resource that the caller may not see, None if nothing is hidden, and `why` is
    then the audit trail's reason. A hidden resource looks absent. `intent` is the name of the multi-step write whose
    intent the index record was read from, and `base` the one that made it (see `careconnect.storage.intents`). `former`
    keeps the index record before a base, if that is in the intent.
    """

    type: ResourceType
    id: str
    index: Item | None = None
    body: Item | None = None
    locks: Mapping[Key, IdentifierLock] = field(default_factory=dict)
    hidden: tuple[str, ...] | None = None
    why: str = ""
    intent: str = ""
    base: str = ""
    former: Item | None = None

    @property
    def key(self) -> str:
        """The partition key of the resource's items."""
        return resource_key(self.type.name, self.id)

    @property
    def version(self) -> int:
        """The stored version, a deletion's too; 0 if there is none."""
        return int(self.index["version"]["N"]) if self.index else 0

    @property
    def updated(self) -> int:
        """The time of the last write in epoch milliseconds; 0 if there was none."""
        return int(self.index["updated"]["N"]) if self.index else 0

    @property
    def digest(self) -> str:
        """The digest of the stored content, empty if there is none."""
        return str(self.index["digest"]["S"]) if self.index else ""

    @property
    def is_deleted(self) -> bool:
        """Whether the stored version is a deletion."""
        return self.digest == DELETED

    @property
    def exists(self) -> bool:
        """Whether the resource is stored and not deleted."""
        return self.version > 0 and not self.is_deleted

    @property
    def entries(self) -> frozenset[Key]:
        """The keys of the stored index entries."""
        return entries_from(self.index["entries"]["S"]) if self.index else frozenset()

    @property
    def values(self) -> SearchValues:
        """The search values of the stored version."""
        return StoredValues(self.type, self.id, json.loads(self.index["values"]["S"]) if self.index else {})

    @property
    def references(self) -> frozenset[str]:
        """The keys of the resources that this one refers to, and is counted for."""
        return frozenset(json.loads(self.index["targets"]["S"])) if self.index else frozenset()

    @property
    def patients(self) -> tuple[str, ...]:
        """The ids of the patients whose compartments hold the resource."""
        return patients_of(self.index)

    @property
    def former_patients(self) -> tuple[str, ...]:
        """The ids of the patients whose compartments held a former version, and do not hold the stored one."""
        return former_patients_of(self.index)

    @property
    def condition(self) -> dict[str, Any]:
        """The condition of a transaction under which the index record is unchanged since it was read."""
        if self.intent:
            # It says which intent, and an intent does not change.
            return {
                "ConditionExpression": "#txn = :txn",
                "ExpressionAttributeNames": {"#txn": TXN},
                "ExpressionAttributeValues": {":txn": {"S": self.intent}},
            }
        if self.index is None:
            return {"ConditionExpression": "attribute_not_exists(pk)"}
        return {
            "ConditionExpression": "#version = :version AND attribute_not_exists(#txn)",
            "ExpressionAttributeNames": {"#version": "version", "#txn": TXN},
            "ExpressionAttributeValues": {":version": self.index["version"]},
        }
