"""Export records as a client: start a job or continue one, wait for it, download its files, and delete it."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any, Final

from careconnect_admin.downloading.export_folder import ExportFolder
from careconnect_admin.downloading.job_requests import JobRequests
from careconnect_admin.downloading.manifest import ExportedFile, exported_files
from careconnect_admin.errors import OperatorError

AT_ONCE: Final = 4
"""How many files are downloaded at once."""


def start_export(requests: JobRequests, folder: ExportFolder, path: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Start a job by a kick-off for a prepared folder and return its URL; raises `OperatorError`."""
    job = requests.kick_off(path, parameters)
    folder.begin(job)
    return job


def download_export(
    requests: JobRequests, folder: ExportFolder, job: str, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Wait for a job, download what its folder does not have of it, delete the job, and return the manifest.

    Raises `OperatorError`, and then the job can be continued with the same folder, unless it is `JobEndedError`.
    """
    manifest = folder.manifest or _downloaded(requests, folder, job, tell)
    tell("Deleting the job")
    requests.delete(job)
    folder.finish()
    return manifest


def _downloaded(requests: JobRequests, folder: ExportFolder, job: str, tell: Callable[[str], None]) -> dict[str, Any]:
    text = _awaited(requests, job, tell)
    try:
        manifest: dict[str, Any] = json.loads(text)
    except ValueError:
        manifest = {}
    files = exported_files(manifest)
    missing = [file for file in files if not folder.has(file)]
    with _threads() as threads:
        pending = [threads.submit(_download, requests, folder, file) for file in missing]
        for number, each in enumerate(as_completed(pending), len(files) - len(missing) + 1):
            each.result()
            tell(f"Downloaded {number:,} of {len(files):,} files")
    folder.write_manifest(text)
    return manifest


def _awaited(requests: JobRequests, job: str, tell: Callable[[str], None]) -> bytes:
    """Return the manifest once the job is complete."""
    while not (status := requests.status(job)).manifest:
        tell(f"Exporting: {status.progress}")
        requests.sleep(status.wait)
    return status.manifest


def _download(requests: JobRequests, folder: ExportFolder, file: ExportedFile) -> None:
    try:
        requests.download(file.url, lambda chunks: folder.write(file, chunks))
    except OperatorError as error:
        raise OperatorError(f"{file.name}: {error}") from None


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Yield the threads of downloads; after an error no further one is begun."""
    threads = ThreadPoolExecutor(AT_ONCE)
    try:
        yield threads
    finally:
        threads.shutdown(cancel_futures=True)
