"""The file that a chain is filling: as full as a file may be, so that its lines follow from the store alone.

Two executions of a step that begin at one checkpoint fill the same files, to the byte. A file is stored as it is
answered, and its answer is a JSON text in which quotes and backslashes take two bytes.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from careconnect.export.job import DELETED

MAX_BYTES: Final = 4_000_000
MAX_ESCAPED: Final = 6_000_000
"""Bytes of a file within the JSON of a Lambda answer, which takes 6 MB."""

MAX_ENTRIES: Final = 1_000
"""Deletions of one Bundle."""

_BEGIN: Final = b'{"resourceType":"Bundle","type":"transaction","entry":['
_END: Final = b"]}"


class OpenFile(Protocol):
    """A file that is being filled by pieces: lines, or deletions."""

    kind: str

    def add(self, piece: bytes) -> bool:
        """Add a piece; return False if there is no room for it. There always is for the first."""

    @property
    def count(self) -> int:
        """The number of lines."""

    def content(self) -> bytes:
        """Return all lines."""


def open_file(kind: str, content: bytes = b"") -> OpenFile:
    """Return a file of a kind that has some lines already."""
    file: OpenFile = _Deletions() if kind == DELETED else _Resources(kind)
    for line in content.split(b"\n")[:-1]:
        for piece in _pieces_of(kind, line):
            file.add(piece)
    return file


def deletion(type_name: str, resource_id: str) -> bytes:
    """Return the piece that says that a resource is deleted."""
    return f'{{"request":{{"method":"DELETE","url":"{type_name}/{resource_id}"}}}}'.encode()


class _Resources:
    """A file with a resource in each line."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._lines: list[bytes] = []
        self._size = 0
        self._escaped = 0

    def add(self, piece: bytes) -> bool:
        size = self._size + len(piece) + 1
        # The end of the line takes two bytes as well.
        escaped = self._escaped + len(piece) + 2 + piece.count(b'"') + piece.count(b"\\")
        if self._lines and (size > MAX_BYTES or escaped > MAX_ESCAPED):
            return False
        self._lines.append(piece)
        self._size, self._escaped = size, escaped
        return True

    @property
    def count(self) -> int:
        return len(self._lines)

    def content(self) -> bytes:
        return b"\n".join([*self._lines, b""])


class _Deletions:
    """A file with a Bundle of deletions in each line."""

    kind = DELETED

    def __init__(self) -> None:
        self._entries: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> bool:
        begins = len(self._entries) % MAX_ENTRIES == 0
        size = self._size + len(piece) + 1 + (len(_BEGIN) + len(_END) + 1 if begins else 0)
        # A fifth of the bytes are quotes: of the two bounds, the one of the bytes is met first.
        if size > MAX_BYTES:
            return False
        self._entries.append(piece)
        self._size = size
        return True

    @property
    def count(self) -> int:
        return -(-len(self._entries) // MAX_ENTRIES)

    def content(self) -> bytes:
        starts = range(0, len(self._entries), MAX_ENTRIES)
        return b"".join(_bundle(self._entries[start : start + MAX_ENTRIES]) for start in starts)


def _bundle(entries: Sequence[bytes]) -> bytes:
    return _BEGIN + b",".join(entries) + _END + b"\n"


def _pieces_of(kind: str, line: bytes) -> Iterator[bytes]:
    if kind != DELETED:
        yield line
        return
    for entry in json.loads(line)["entry"]:
        yield deletion(*entry["request"]["url"].split("/"))
