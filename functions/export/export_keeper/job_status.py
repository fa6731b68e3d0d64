"""The answers that tell how far a job is (`export.md`, Status)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from careconnect.export.job import DELETED, ERROR_FILE, Cause, Job, JobFile, kind_of
from careconnect.fhir.interactions import KICK_OFF
from careconnect.fhir.outcomes import OutcomeError
from careconnect.http.messages import Response

_LISTS: Final = {DELETED: "deleted", kind_of(ERROR_FILE): "error"}
"""The lists of the manifest by kind of file; all other files are in `output`."""

_TEXTS: Final = {
    Cause.EXCEPTION: "The export has failed, and has no files: start it again.",
    Cause.TIMEOUT: "The export was not complete within 24 hours, and has no files: start it again, or in parts.",
    Cause.TOO_COSTLY: "The export has more than 20,000 files: start it in parts, by _type, _since or patient.",
}


def job_url(job: Job) -> str:
    """Return the absolute URL of a job, which the URLs of its files begin with."""
    return f"{job.fhir_base}/{KICK_OFF.operation}/{job.id}"


def running(job: Job, percent: int, now: float) -> Response:
    """Return the 202 of a running job; `percent` of its planned steps are done at `now`, in epoch seconds."""
    seconds = min(60, max(1, int((now - job.at / 1_000) / 10)))
    headers = {"Retry-After": str(seconds), "X-Progress": f"{percent}% of the planned steps are done"}
    return Response(202, headers={**headers, "Cache-Control": "no-store"})


def failed(job: Job, cause: Cause) -> OutcomeError:
    """Return the 500 of a job that has failed."""
    return OutcomeError(500, cause.value, f"{_TEXTS[cause]} {job.detail}".strip())


def complete(job: Job, files: Sequence[JobFile]) -> Response:
    """Return the 200 with the manifest of a complete job."""
    listed: dict[str, list[dict[str, str | int]]] = {"output": [], "deleted": [], "error": []}
    for each in files:
        file: dict[str, str | int] = {"type": each.type, "url": f"{job_url(job)}/{each.name}", "count": each.count}
        listed[_LISTS.get(kind_of(each.name), "output")].append(file)
    manifest = {
        "transactionTime": _moment(job.at).strftime("%Y-%m-%dT%H:%M:%S.") + f"{job.at % 1_000:03d}Z",
        "request": job.url,
        "requiresAccessToken": True,
        **listed,
    }
    headers = {"Expires": format_datetime(_moment(job.expires), usegmt=True), "Cache-Control": "no-store"}
    return Response(200, json.dumps(manifest, separators=(",", ":")), {"Content-Type": "application/json", **headers})


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1_000, UTC)
