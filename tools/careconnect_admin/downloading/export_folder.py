"""The folder of a downloaded export: complete files only, readable by their owner alone, as they are patients' data."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from careconnect_admin.downloading.manifest import ExportedFile
from careconnect_admin.errors import OperatorError

_JOB: Final = "job.url"
_MANIFEST: Final = "manifest.json"
_UNFINISHED: Final = ".part"
_CHUNK: Final = 1 << 20


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Raise an error of the disk as `OperatorError`."""
    try:
        yield
    except OSError as error:
        raise OperatorError(f"{path} cannot be written or read: {error.strerror or type(error).__name__}") from None


class ExportFolder:
    """A folder that is empty, or has what an interrupted download of one job left."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self, job: str = "") -> None:
        """Make the folder if it is not there; raises `OperatorError` unless it is empty or of the job.

        `job` is the URL of the job to resume, empty for a new one.
        """
        with _disk_errors(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            started = self._read(_JOB)
            is_empty = next(self.path.iterdir(), None) is None
        if started and started != job:
            raise OperatorError(f"{self.path} has an unfinished export: continue it by --resume {started}")
        if not started and not is_empty:
            raise OperatorError(f"{self.path} is not empty: name another folder")

    def begin(self, job: str) -> None:
        """Note the URL of the job that the folder belongs to until `finish`."""
        if not self._read(_JOB):
            self._write(_JOB, [job.encode()])

    def has(self, file: ExportedFile) -> bool:
        """Return True if a file is there with all its lines."""
        path = self.path / file.name
        with _disk_errors(path):
            if not path.exists():
                return False
            with path.open("rb") as stored:
                return sum(chunk.count(b"\n") for chunk in iter(lambda: stored.read(_CHUNK), b"")) == file.count

    def write(self, file: ExportedFile, chunks: Iterable[bytes]) -> None:
        """Write a file, which has its name once all of it is on the disk; raises `OperatorError` for a wrong count."""
        self._write(file.name, chunks, lines=file.count)

    @property
    def manifest(self) -> dict[str, Any] | None:
        """The manifest, None until all files are there."""
        text = self._read(_MANIFEST)
        manifest: dict[str, Any] | None = json.loads(text) if text else None
        return manifest

    def write_manifest(self, manifest: bytes) -> None:
        """Write the manifest as it was answered, which says that all files are there."""
        self._write(_MANIFEST, [manifest])

    def finish(self) -> None:
        """Note that the job is deleted at the service."""
        with _disk_errors(self.path):
            (self.path / _JOB).unlink(missing_ok=True)

    def _read(self, name: str) -> str:
        path = self.path / name
        with _disk_errors(path):
            try:
                return path.read_text(encoding="utf-8")
            except FileNotFoundError:
                return ""

    def _write(self, name: str, chunks: Iterable[bytes], *, lines: int | None = None) -> None:
        path, part = self.path / name, self.path / (name + _UNFINISHED)
        found = 0
        with _disk_errors(path):
            # Each beginning is anew: what an interrupted download left may end within a line.
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in chunks:
                    found += chunk.count(b"\n")
                    file.write(chunk)
                file.flush()
                # The service's copy is deleted at the end: by then ours has to outlive a loss of power.
                os.fsync(file.fileno())
            if lines not in (None, found):
                raise OperatorError(f"{name} came with {found:,} lines, and the manifest says {lines:,}")
            part.replace(path)
