"""The results of reading a source: resources, deletions, skipped places and problems, each with its place."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a source: a file as it was named, and the line, counted from 1 (0: the whole file)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """The reason why a place was not loaded; its text is `file:line: reason`."""

    place: Place
    reason: str
    type_name: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Upsert:
    """A resource to store, only known to be a JSON object so far. `size` is its share of the file in bytes."""

    place: Place
    resource: dict[str, Any]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Deletion:
    """A resource to delete."""

    place: Place
    type_name: str
    resource_id: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A place that holds nothing to load and is no fault; `kind` describes it (`empty line`)."""

    place: Place
    kind: str


Found = Upsert | Deletion | Skipped | Problem


@dataclass(frozen=True, slots=True)
class Transaction:
    """The entries of a transaction Bundle: all of them are done, or none."""

    place: Place
    entries: tuple[Found, ...]
