"""All items of a stack's tables, as a scan returns them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect.audit.event import AuditEvent, Outcome, event_of
from careconnect.storage.keys import is_body
from careconnect_records.items.actions import Item
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_testing.http.writes import Resource

RECORDS: Final = ("RecordTable", "DirectoryTable")
COUNTS: Final = "ReferenceTable"
EVENTS: Final = "AuditTable"


@dataclass(frozen=True)
class Stored:
    """The items of the tables of resources, of reference counts and of audit events, by the table's output."""

    items: Mapping[str, list[Item]]

    @classmethod
    def of(cls, client: Any, outputs: Mapping[str, str]) -> "Stored":
        """Scan the tables."""
        pages = client.get_paginator("scan").paginate
        return cls(
            {
                name: [
                    item
                    for page in pages(TableName=outputs[name], ConsistentRead=True)
                    for item in page["Items"]
                ]
                for name in (*RECORDS, COUNTS, EVENTS)
            }
        )  # fmt: skip

    def of_resources(self) -> Iterator[Item]:
        """Yield the items of both tables of resources."""
        for name in RECORDS:
            yield from self.items[name]

    def bodies(self) -> dict[str, dict[int, Item]]:
        """Return the body of each version of each resource, by key and version."""
        found: dict[str, dict[int, Item]] = {}
        for item in self.of_resources():
            if is_body(item["sk"]["S"]):
                versions = found.setdefault(item["pk"]["S"], {})
                version = int(item["version"]["N"])
                assert version not in versions, f"{item['pk']['S']} has two bodies of version {version}"
                versions[version] = item
        return found

    def events(self) -> list[AuditEvent]:
        """Return the audit events."""
        return [event_of(item) for item in self.items[EVENTS] if "action" in item]


def written_by(events: list[AuditEvent]) -> dict[str, list[AuditEvent]]:
    """Return the events of each version (`Patient/4/_history/2`) that was written."""
    found: dict[str, list[AuditEvent]] = {}
    for event in events:
        # Reads of a version name it too.
        if event.outcome is Outcome.ALLOWED and event.action.value in "CUD":
            for each in event.ids:
                if "/_history/" in each:
                    found.setdefault(each, []).append(event)
    return found


def resource_of(body: Item) -> Resource | None:
    """Return the resource of a version's body, None for a deletion."""
    return parse_json_body(body["body"]["S"].encode()) if "body" in body else None


def content_of(body: Item) -> Resource | None:
    """Return what somebody wrote of a version: the resource without the elements that the server sets."""
    resource = resource_of(body)
    if resource is None:
        return None
    meta = {name: value for name, value in resource.pop("meta").items() if name not in ("versionId", "lastUpdated")}
    return {**resource, "meta": meta} if meta else resource
