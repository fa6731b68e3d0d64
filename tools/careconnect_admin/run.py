"""`careconnect run`: the whole service on this machine, with demo clients and records, until stopped."""

import base64
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final

import typer

from careconnect_admin.demo_clients import DemoClient, demo_clients, register
from careconnect_admin.deploy import DeploymentError
from careconnect_admin.emulator import EmulatorError
from careconnect_admin.load_command import load_with_progress, print_report
from careconnect_admin.load_writer import RecordTables
from careconnect_admin.local_stack import LOCAL_FOLDER, LocalStack, NotReadyError, PortTakenError
from careconnect_admin.packaging import PackagingError
from careconnect_admin.sample import write_sample

_FAILED: Final = 1
_PORT_TAKEN: Final = 2
_INTERRUPTED: Final = 130


def run(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to serve on, on 127.0.0.1.")] = 3000,
    data: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="NDJSON file, Bundle or folder to load instead of the sample."),
    ] = None,
) -> None:
    """Start the service on this machine and keep it up until Ctrl-C."""
    try:
        with _stopping_in_order():
            _serve(port, data or [])
    except PortTakenError as error:
        print(f"careconnect: {error}", file=sys.stderr)
        raise typer.Exit(_PORT_TAKEN) from None
    except (DeploymentError, EmulatorError, NotReadyError, PackagingError) as error:
        print(f"careconnect: {error}", file=sys.stderr)
        raise typer.Exit(_FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _serve(port: int, data: Sequence[Path]) -> None:
    begun = time.monotonic()
    clients = demo_clients(os.environ.get("EXPLORER_SECRET"))
    log_folder = LOCAL_FOLDER / str(port)
    with LocalStack(port=port, log_folder=log_folder) as local:
        register(clients, local.client("dynamodb"), local.stack.outputs["ClientTable"])
        _load(local, data)
        environment = local.announce()
        _tell_clients(clients)
        _tell_calls(local, clients[0])
        print(f"Other commands, in another terminal, after:  . {_relative(environment)}")
        print(f"\nReady in {time.monotonic() - begun:.1f} s: {local.fhir_url}  (Ctrl-C ends it)", flush=True)
        while local.is_running():
            time.sleep(0.5)
        raise EmulatorError(f"The emulator ended by itself: see {_relative(log_folder / 'emulator.log')}")


def _load(local: LocalStack, data: Sequence[Path]) -> None:
    outputs = local.stack.outputs
    tables = RecordTables(local.client("dynamodb"), outputs["RecordTable"], outputs["DirectoryTable"])
    with tempfile.TemporaryDirectory(prefix="careconnect-sample-") as folder:
        paths = list(data)
        if not paths:
            paths = [Path(folder)]
            write_sample(paths[0])
        print_report(load_with_progress(paths, tables, base_url=local.base_url))


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """Turn SIGTERM, SIGHUP and SIGINT into an exception, so that whatever was started is ended.

    No `Exception`: botocore would take that for a failed call and try again.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        # Once: a second signal would interrupt the ending.
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(0)

    former = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)


def _tell_clients(clients: Sequence[DemoClient]) -> None:
    for demo in clients:
        print(f"\n{demo.name}\n  client id  {demo.client_id}\n  secret     {demo.secret}")
        print(f"  scope      {' '.join(demo.scopes)}")


def _tell_calls(local: LocalStack, demo: DemoClient) -> None:
    basic = base64.b64encode(f"{demo.client_id}:{demo.secret}".encode()).decode()
    print(
        f"""
A token, then a patient; paste as they are:

TOKEN=$(curl -sS -X POST '{local.base_url}/token?grant_type=client_credentials&client_id={demo.client_id}' \\
  -H 'Accept: application/json' -H 'Content-Type: application/x-www-form-urlencoded' \\
  -H 'Authorization: Basic {basic}' \\
  | tee /dev/stderr | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')

curl -sS '{local.fhir_url}/Patient/4' -H "Authorization: Bearer $TOKEN"
"""
    )


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
