"""Find and read the sources of a load: NDJSON files, single resources, Bundles and folders of these."""

import gzip
import os
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from careconnect_admin.loading.reading.found import Found, Place, Problem, Skipped, Transaction
from careconnect_admin.loading.reading.json_source import read_text

STANDARD_INPUT: Final = Path("-")

_LINES: Final = frozenset((".ndjson", ".jsonl"))
_WHOLE: Final = frozenset((".json",))
_GZIP: Final = ".gz"
_TAKEN: Final = ".ndjson, .jsonl or .json (or one of them with .gz)"


@dataclass(frozen=True, slots=True)
class Sources:
    """The files to read, in order, the problems of paths without a file, and the files of folders that are skipped.

    `total_bytes` is the files' unpacked size, without that of standard input, which is unknown.
    """

    files: list[Path]
    problems: list[Problem]
    skipped: list[Skipped]
    total_bytes: int


def find_sources(paths: Iterable[Path]) -> Sources:
    """Return the files at `paths`. A folder's files are read at any depth, in the order of their names."""
    files: dict[Path, None] = {}
    problems: list[Problem] = []
    skipped: list[Skipped] = []
    for path in paths:
        if path == STANDARD_INPUT:
            files[path] = None
        elif path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file())
            taken = [each for each in inside if not _why_not(each, path)]
            skipped.extend(Skipped(Place(str(each)), why) for each in inside if (why := _why_not(each, path)))
            if not taken:
                problems.append(Problem(Place(str(path)), f"no {_TAKEN} file in this folder"))
            files.update(dict.fromkeys(taken))
        elif not path.exists():
            problems.append(Problem(Place(str(path)), "no such file or folder"))
        elif not _suffix(path):
            problems.append(Problem(Place(str(path)), f"not {_TAKEN}"))
        else:
            files[path] = None
    return Sources(list(files), problems, skipped, sum(map(_unpacked_size, files)))


def _why_not(path: Path, folder: Path) -> str:
    """Return the reason why a file in a folder is skipped, or `""`."""
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return "hidden file"
    return "" if _suffix(path) else "file of another kind"


def _suffix(path: Path) -> str:
    """Return a file's suffix without `.gz`, or `""` if it names no known format."""
    suffix = path.with_suffix("").suffix if path.suffix == _GZIP else path.suffix
    return suffix if suffix in _LINES | _WHOLE else ""


def _unpacked_size(path: Path) -> int:
    try:
        if path.suffix != _GZIP:
            return path.stat().st_size if path != STANDARD_INPUT else 0
        with path.open("rb") as file:
            # A gzip file ends with its size modulo 2^32 (RFC 1952 §2.3.1), which is good enough for a progress bar.
            file.seek(-4, os.SEEK_END)
            size: int = struct.unpack("<I", file.read(4))[0]
            return size
    except (OSError, struct.error):
        # Reading the file will report the error.
        return 0


def read_source(path: Path) -> Iterator[Found | Transaction]:
    """Yield the resources, deletions, skipped places and problems of one file, in order."""
    try:
        if path == STANDARD_INPUT:
            yield from _read_unnamed(sys.stdin.buffer)
            return
        with gzip.open(path) if path.suffix == _GZIP else path.open("rb") as file:
            if _suffix(path) in _LINES:
                yield from _read_lines(file, str(path))
            else:
                yield from read_text(file.read(), Place(str(path), 1))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        yield Problem(Place(str(path)), "cannot be read on: not gzip, or cut off")
    except OSError as error:
        yield Problem(Place(str(path)), f"cannot be read: {error.strerror}")


def _read_unnamed(file: BinaryIO) -> Iterator[Found | Transaction]:
    """Read standard input, which has no suffix: as lines if the first is a whole object, else as one text."""
    name = str(STANDARD_INPUT)
    before: list[bytes] = []
    for line in file:
        before.append(line)
        if bare := line.strip().removeprefix(b"\xef\xbb\xbf"):
            if bare.startswith(b"{") and bare.endswith(b"}"):
                yield from _read_lines(_chained(before, file), name)
            else:
                yield from read_text(b"".join((*before, file.read())), Place(name, 1))
            return
    yield Problem(Place(name), "nothing came in")


def _chained(before: list[bytes], file: BinaryIO) -> Iterator[bytes]:
    yield from before
    yield from file


def _read_lines(lines: Iterable[bytes], name: str) -> Iterator[Found | Transaction]:
    number = 0
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield from read_text(line.strip(), Place(name, number))
        else:
            yield Skipped(Place(name, number), "empty line")
    if not number:
        yield Skipped(Place(name), "empty file")
