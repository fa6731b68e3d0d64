"""`careconnect run`: the whole service on this machine, with demo clients and records, until stopped."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from careconnect.access_token import MAX_LIFETIME, MIN_LIFETIME
from careconnect_admin.commands.load import loading_progress, print_report
from careconnect_admin.commands.local_service import (
    DataOption,
    PortOption,
    in_foreground,
    tell_calls,
    tell_clients,
    tell_commands,
    tell_logs,
    tell_ready,
)
from careconnect_admin.errors import SettingError
from careconnect_admin.project import LOCAL_FOLDER


def run(
    port: PortOption = 3000,
    data: DataOption = None,
    token_lifetime: Annotated[
        str | None,
        typer.Option(
            envvar="TOKEN_LIFETIME",
            help=f"Seconds that an access token lives, {MIN_LIFETIME} to {MAX_LIFETIME}.",
            metavar="SECONDS",
        ),
    ] = None,
) -> None:
    """Start the service on this machine and keep it up until Ctrl-C."""
    with in_foreground():
        _serve(port, data or [], _lifetime(token_lifetime))


def _serve(port: int, data: Sequence[str], parameters: Mapping[str, str]) -> None:
    from careconnect_admin.local.local_stack import LocalStack
    from careconnect_admin.local.seeding import checked_data, example_path, local_clients, seed

    begun = time.monotonic()
    clients = local_clients(os.environ.get("EXPLORER_SECRET"))
    paths = checked_data(data)
    # Who finds `metadata` answered is to find the clients and all of the records too.
    with LocalStack(
        port=port, log_folder=LOCAL_FOLDER / str(port), parameters=parameters, opened=False, tell=_tell
    ) as local:
        _tell("Loading…")
        dynamodb = local.client("dynamodb")
        with loading_progress() as progress:
            report = seed(dynamodb, local.stack.outputs, clients, paths, progress, base_url=local.base_url)
        print_report(report)
        local.open()
        environment = local.announce()
        tell_clients(clients)
        tell_calls(local.base_url, clients[0], example_path(dynamodb, local.stack.outputs, report))
        tell_commands(environment)
        tell_logs(local.log_folder, local.stack.resources["TokenLogGroup"])
        tell_ready(time.monotonic() - begun, local.fhir_url)
        local.serve()


def _lifetime(given: str | None) -> Mapping[str, str]:
    """Return the template's parameter that a lifetime sets, if one is given; raises `SettingError`."""
    if given is None:
        return {}
    if not (given.isascii() and given.isdigit() and MIN_LIFETIME <= int(given) <= MAX_LIFETIME):
        raise SettingError(f"TOKEN_LIFETIME is a number of seconds from {MIN_LIFETIME} to {MAX_LIFETIME}")
    return {"TokenLifetimeSeconds": given}


def _tell(text: str) -> None:
    print(text, flush=True)
