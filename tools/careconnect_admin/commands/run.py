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

from careconnect_admin.clients.demo import DemoClient, demo_clients, register
from careconnect_admin.clients.registration import RegistrationError
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.commands.load import load_with_progress, print_report
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.writer import RecordTables
from careconnect_admin.local.deployment import DeploymentError
from careconnect_admin.local.emulator import EmulatorError
from careconnect_admin.local.local_stack import FHIR_PATH, LOCAL_FOLDER, LocalStack, NotReadyError, PortTakenError
from careconnect_admin.local.packaging import PackagingError
from careconnect_admin.sample.generator import write_sample

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
    with in_foreground():
        _serve(port, data or [])


@contextmanager
def in_foreground() -> Iterator[None]:
    """Serve until stopped; what ends it becomes one line on standard error and the command's exit code."""
    try:
        with stopping_in_order():
            yield
    except PortTakenError as error:
        print(f"careconnect: {error}", file=sys.stderr)
        raise typer.Exit(_PORT_TAKEN) from None
    except (DeploymentError, EmulatorError, NotReadyError, OperatorError, PackagingError) as error:
        print(f"careconnect: {error}", file=sys.stderr)
        raise typer.Exit(_FAILED) from None
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED) from None


def _serve(port: int, data: Sequence[Path]) -> None:
    begun = time.monotonic()
    clients = local_clients()
    log_folder = LOCAL_FOLDER / str(port)
    # Who finds `metadata` answered is to find the clients and all of the records too.
    with LocalStack(port=port, log_folder=log_folder, opened=False) as local:
        register(clients, DynamoDbClientRegistry(local.client("dynamodb"), local.stack.outputs["ClientTable"]))
        outputs = local.stack.outputs
        tables = RecordTables(local.client("dynamodb"), outputs["RecordTable"], outputs["DirectoryTable"])
        load_records(data, tables, base_url=local.base_url)
        local.open()
        environment = local.announce()
        tell_clients(clients)
        tell_calls(local.base_url, clients[0])
        tell_commands(environment)
        print(f"\nReady in {time.monotonic() - begun:.1f} s: {local.fhir_url}  (Ctrl-C ends it)", flush=True)
        while local.is_running():
            time.sleep(0.5)
        raise EmulatorError(f"The emulator ended by itself: see {relative(log_folder / 'emulator.log')}")


def local_clients() -> tuple[DemoClient, ...]:
    """Return the demo clients, `explorer` with the secret in EXPLORER_SECRET if it is set; raises `OperatorError`."""
    try:
        return demo_clients(os.environ.get("EXPLORER_SECRET"))
    except RegistrationError as error:
        raise OperatorError(f"EXPLORER_SECRET: {error}") from error


def load_records(data: Sequence[Path], tables: RecordTables, *, base_url: str) -> None:
    """Load `data`, or the project's own sample if there is none, and print what came of it."""
    with tempfile.TemporaryDirectory(prefix="careconnect-sample-") as folder:
        paths = list(data)
        if not paths:
            paths = [Path(folder)]
            write_sample(paths[0])
        print_report(load_with_progress(paths, tables, base_url=base_url))


@contextmanager
def stopping_in_order() -> Iterator[None]:
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


def tell_clients(clients: Sequence[DemoClient]) -> None:
    """Print the clients with their secrets, which are public or made for this run."""
    for demo in clients:
        print(f"\n{demo.name}\n  client id  {demo.client_id}\n  secret     {demo.secret}")
        print(f"  scope      {' '.join(demo.scopes)}")


def tell_calls(base_url: str, demo: DemoClient) -> None:
    """Print the two calls of the page, for the shell."""
    basic = base64.b64encode(f"{demo.client_id}:{demo.secret}".encode()).decode()
    print(
        f"""
A token, then a patient; paste as they are:

TOKEN=$(curl -sS -X POST '{base_url}/token?grant_type=client_credentials&client_id={demo.client_id}' \\
  -H 'Accept: application/json' -H 'Content-Type: application/x-www-form-urlencoded' \\
  -H 'Authorization: Basic {basic}' \\
  | tee /dev/stderr | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')

curl -sS '{base_url}{FHIR_PATH}/Patient/4' -H "Authorization: Bearer $TOKEN"
"""
    )


def tell_commands(environment: Path) -> None:
    """Print how to reach the stack from another terminal; `environment` is the file that names it to AWS's tools."""
    print("Other commands, in another terminal:  .venv/bin/careconnect --help")
    print(f"AWS's own tools there, after:  . {relative(environment)}")


def relative(path: Path) -> Path:
    """Return `path` as this folder sees it, for a message."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
