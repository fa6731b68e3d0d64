"""`careconnect export`: export all records, or what changed, into a folder, as a client."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.progress import following
from careconnect_admin.commands.shared.service_access import (
    NO_CLIENT,
    ClientOption,
    DpopKeyOption,
    ServiceAccess,
    TokenOption,
    as_client,
    given_token,
)
from careconnect_admin.commands.shared.terminal import remark
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.clients.token_use import TokenUse


@as_client
def export(
    access: ServiceAccess,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", file_okay=False, help="A new or empty folder for the files.")
    ],
    client_id: ClientOption = "",
    token: TokenOption = "",
    dpop_key: DpopKeyOption = None,
    patients: Annotated[
        bool, typer.Option("--patients", help="Only what belongs to patients: no directory, no Medication.")
    ] = False,
    types: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="TYPE,…", help="Only these resource types. Default: all that the token opens."),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="INSTANT", help="Only what changed after it: 2026-12-01T09:00:00.000Z.")
    ] = "",
    resume: Annotated[
        str, typer.Option("--resume", metavar="URL", help="Continue this job, instead of starting one.")
    ] = "",
) -> None:
    """Export records into a folder as NDJSON, as they were at one instant. They are patients' data: protect them.

    The exit code is 1 unless every file is there with all its resources.
    """
    # Imported here, so that `careconnect --help` stays fast.
    from careconnect_admin.clients.fhir_request import own_url
    from careconnect_admin.clients.token_request import http_client
    from careconnect_admin.downloading.download_export import download_export, start_export
    from careconnect_admin.downloading.export_folder import ExportFolder
    from careconnect_admin.downloading.job_requests import JobEndedError, JobRequests

    if resume and (patients or types or since):
        raise OperatorError("--resume continues a job as it was begun: leave out --patients, --type and --since")
    files = ExportFolder(folder)
    files.prepare(resume)
    known = given_token(token)
    use = access.use(dpop_key, known)
    current = _current_token(access, client_id, known, use)
    job = resume
    with http_client() as http, following("Asking for a token") as tell:
        requests = JobRequests(access.root, current, http, use, tell=tell, sleep=time.sleep)
        try:
            if not job:
                parameters = [*([("_type", ",".join(types))] if types else []), *([("_since", since)] if since else [])]
                job = start_export(requests, files, "Patient/$export" if patients else "$export", parameters)
                remark(f"careconnect: if it is interrupted, continue by --resume '{job}'")
            else:
                files.begin(own_url(access.root, job))
            manifest = download_export(requests, files, job, tell)
        except JobEndedError as error:
            raise OperatorError(f"{error}. The job cannot be continued: delete {folder} and export again") from None
        except OperatorError as error:
            raise OperatorError(f"{error}; continue by --resume '{job}'" if job else str(error)) from None
        except KeyboardInterrupt:
            goes_on = f": the job goes on, continue by --resume '{job}'" if job else ""
            raise OperatorError(f"interrupted{goes_on}") from None
    _print(manifest)


def _current_token(access: ServiceAccess, client_id: str, known: str, use: "TokenUse") -> Callable[[], str]:
    """Return a function that returns a valid token: the given one, or the client's newest; raises `OperatorError`."""
    from careconnect_admin.clients.token_request import request_token
    from careconnect_admin.downloading.job_requests import RenewedToken

    if known:
        return lambda: known
    if not client_id:
        raise OperatorError(NO_CLIENT)
    authentication = access.authentication(client_id)
    return RenewedToken(lambda: request_token(access.root, authentication, use=use), clock=time.time)


def _print(manifest: Mapping[str, Any]) -> None:
    files: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for kind in ("output", "deleted", "error"):
        for each in manifest[kind]:
            name = each["type"] if kind == "output" else kind
            files[name] += 1
            counts[name] += each["count"]
    rows = [(name, f"{counts[name]:,}", f"{files[name]:,}") for name in files]
    print_table(("of", "lines", "files"), rows, numbers_from=1)
    remark(f"careconnect: the next export, of what has changed by then: --since {manifest.get('transactionTime', '')}")
