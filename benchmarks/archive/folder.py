"""A folder in the place of the archive's bucket."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_PAGE: Final = 1_000


@dataclass
class Folder:
    """A client of S3 that lists and gets files, and counts its calls and the bytes it got."""

    path: Path
    lists: int = 0
    gets: int = 0
    size: int = 0

    def get_paginator(self, _operation: str) -> "Folder":
        """Return the pages of `list_objects_v2`."""
        return self

    def paginate(self, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield the files of a folder and of those in it, in pages; the last one may have none."""
        files = sorted(each for each in (self.path / asked["Prefix"]).rglob("*") if each.is_file())
        for begin in range(0, len(files) or 1, _PAGE):
            self.lists += 1
            page = files[begin : begin + _PAGE]
            keys = [{"Key": each.relative_to(self.path).as_posix(), "Size": each.stat().st_size} for each in page]
            yield {"Contents": keys} if keys else {}

    def get_object(self, **asked: Any) -> dict[str, Any]:
        """Return a file."""
        path = self.path / asked["Key"]
        self.gets += 1
        self.size += path.stat().st_size
        return {"Body": path.open("rb")}
