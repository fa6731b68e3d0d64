"""What reading finds: resources, deletions, what is skipped and what is wrong, each with its place."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file as it was named, and the line, counted from 1 (0: the whole file)."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something was not loaded; reads `file:line: reason`."""

    place: Place
    reason: str
    type_name: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Upsert:
    """A resource to be stored, not checked yet beyond being an object. `size` is its share of the file."""

    place: Place
    resource: dict[str, Any]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Deletion:
    """A resource to be marked as deleted."""

    place: Place
    type_name: str
    resource_id: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that holds nothing to load and is no fault; `kind` is what it is (`empty line`)."""

    place: Place
    kind: str


Found = Upsert | Deletion | Skipped | Problem
