"""Lines of the archive that may hold wanted events (`archive.md`, Asking the archive)."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from audit_archiver.archived_batch import content_of
from audit_archiver.in_order import in_order
from careconnect_admin.audit_trail.archive_listing import Listed, listed_days, reaching_into
from careconnect_admin.audit_trail.read_events import FETCHED_FROM
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_EVENTS: Final = 100_000
"""The events that an answer has at most: they are held in memory."""

_OBJECTS_AT_ONCE: Final = 8


class TooManyEventsError(OperatorError):
    """More than `MAX_EVENTS` are wanted."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_EVENTS:,} events: give a shorter period, or a patient")


class Wanted(NamedTuple):
    """The events that are asked for: those whose item has a text in an attribute, `patient` or `client`."""

    attribute: str
    text: str

    @property
    def needle(self) -> str:
        """The text that their lines have."""
        return text_of(self.attribute, self.text)


class Progress(NamedTuple):
    """What a query has read so far; `size` is in bytes."""

    seconds: float
    objects: int
    size: int


def tell_nobody(_progress: Progress) -> None:
    """Take a query's progress, and do nothing."""


class ArchiveLines(Protocol):
    """The archive, by the lines of its objects."""

    def lines(self, days: Sequence[str], wanted: Wanted) -> Iterator[bytes]:
        """Yield the lines that may hold wanted events of consecutive days, or files of the exports among them.

        It is a preselection: lines of other events, the same line repeatedly, in any order.
        """


def text_of(name: str, value: str) -> str:
    """Return how a line has an attribute with this text.

    A line has this text for no other reason: within a text, each quotation mark has a backslash before it.
    """
    return f'"{name}":{json.dumps({"S": value}, separators=(",", ":"))}'


FETCHED: Final = text_of("service", FETCHED_FROM)
"""The text that lines of events have by which a file of a bulk export was fetched."""


class ObjectLines:
    """Reader of the objects themselves: each is downloaded, and its content is checked against its key.

    `broken` are the keys of the objects met so far whose content does not match; their lines are left out. The memory
    that it needs does not grow with the number of objects. S3 errors propagate.
    """

    def __init__(self, client: "S3Client", bucket: str, told: Callable[[Progress], None] = tell_nobody) -> None:
        self.broken: list[str] = []
        self._client = client
        self._bucket = bucket
        self._told = told

    def lines(self, days: Sequence[str], wanted: Wanted) -> Iterator[bytes]:
        """Yield the lines of the wanted events, and of the files of every export."""
        begun, objects, size = time.monotonic(), 0, 0
        reaching = (
            each for day in listed_days(self._client, self._bucket, days) for each in reaching_into(days, day.objects)
        )
        for listed, content in in_order(self._read, reaching, _OBJECTS_AT_ONCE):
            if content is None:
                self.broken.append(listed.key)
            else:
                yield from _lines_with(wanted.needle.encode(), content)
                yield from _lines_with(FETCHED.encode(), content)
            objects, size = objects + 1, size + listed.size
            self._told(Progress(time.monotonic() - begun, objects, size))

    def _read(self, listed: Listed) -> tuple[Listed, bytes | None]:
        """Return an object's lines, or None if they are not what its key says."""
        body = self._client.get_object(Bucket=self._bucket, Key=listed.key)["Body"].read()
        return listed, content_of(listed.batch, body) if listed.batch else None


def _lines_with(needle: bytes, content: bytes) -> Iterator[bytes]:
    """Yield the lines that have a text."""
    # Looked for in the whole: to part it into lines, of which few are wanted, takes twice as long as to decompress it.
    found = content.find(needle)
    while found >= 0:
        end = content.find(b"\n", found)
        end = end if end >= 0 else len(content)
        yield content[content.rfind(b"\n", 0, found) + 1 : end]
        found = content.find(needle, end)
