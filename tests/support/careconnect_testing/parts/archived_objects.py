"""The archive's objects without S3: to list and to get, each call counted."""

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit_archiver.archived_batch import pack
from audit_archiver.stream_record import Kind, StreamRecord
from careconnect.audit.event import Action, AuditEvent, event_id

_PAGE = 1_000


@dataclass
class ArchivedObjects:
    """A client of S3 with one bucket; `listed` and `got` are the prefixes and keys that were asked for."""

    objects: Mapping[str, bytes] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)
    got: list[str] = field(default_factory=list)

    def get_paginator(self, _operation: str) -> "ArchivedObjects":
        """Return the pages of `list_objects_v2`."""
        return self

    def paginate(self, *, Bucket: str, Prefix: str = "") -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's names
        """Yield the keys with a prefix, in pages; the last one may have none."""
        keys = sorted(key for key in self.objects if key.startswith(Prefix))
        for begin in range(0, len(keys) or 1, _PAGE):
            self.listed.append(Prefix)
            page = keys[begin : begin + _PAGE]
            yield {"Contents": [{"Key": key, "Size": len(self.objects[key])} for key in page]} if page else {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        """Return an object."""
        self.got.append(Key)
        return {"Body": io.BytesIO(self.objects[Key])}


def packed(*batches: Iterable[StreamRecord]) -> dict[str, bytes]:
    """Return the objects of batches, by their keys."""
    made = (pack(tuple(batch)) for batch in batches)
    return {str(key): body for key, body in made}


def archived(
    at: int, number: int, *, kind: Kind = Kind.INSERT, late: int = 0, sequence: int | None = None, **members: Any
) -> StreamRecord:
    """Return the stream record of an event of the time `at`, which the stream has `late` milliseconds after it.

    Its id and its `sequence` follow from the number.
    """
    given: dict[str, Any] = {"interaction": "read", "type": "Patient", "patient": "4", "client_id": "client-1"}
    item = AuditEvent(
        id=event_id(at, f"{number % 16:x}{number:031x}"), action=Action.READ, **{**given, **members}
    ).item(90)
    return StreamRecord(
        time=(at + late) // 1000 * 1000,
        sequence=10**22 + number if sequence is None else sequence,
        kind=kind,
        partition=item["pk"]["S"],
        sort_key=item["sk"]["S"],
        new=None if kind is Kind.REMOVE else item,
        old=None if kind is Kind.INSERT else item,
    )
