"""`careconnect run`: run the whole service on this machine, with demo clients and records, until stopped."""

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.access_token import MAX_LIFETIME, MIN_LIFETIME
from careconnect_admin.commands.load import loading_progress, print_report
from careconnect_admin.commands.service.local_service import (
    DataOption,
    PortOption,
    in_foreground,
    tell_calls,
    tell_clients,
    tell_commands,
    tell_export,
    tell_logs,
    tell_ready,
    tell_stories,
)
from careconnect_admin.commands.shared.terminal import say
from careconnect_admin.errors import OperatorError, SettingError
from careconnect_admin.project import LOCAL_FOLDER, TEMPLATE, relative

if TYPE_CHECKING:
    from careconnect_admin.local.local_stack import LocalStack
    from careconnect_admin.local.saved_tables import SavedTables

_BASE_URL: Final = "BaseUrl"
"""The template's parameter of the root URL."""


def run(
    port: PortOption = 3000,
    emulator_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The emulator's port. Default: a free one.")
    ] = None,
    data: DataOption = None,
    token_lifetime: Annotated[
        str | None,
        typer.Option(
            envvar="TOKEN_LIFETIME",
            help=f"The lifetime of an access token in seconds, {MIN_LIFETIME} to {MAX_LIFETIME}.",
            metavar="SECONDS",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", envvar="KEEP", help="Save records and clients for the next run with --keep.")
    ] = False,
    base_url: Annotated[
        str | None,
        typer.Option(
            envvar="BASE_URL",
            help="The root URL of a front of your own before this run, such as one with TLS. Default: its own address.",
            metavar="URL",
        ),
    ] = None,
) -> None:
    """Start the service on this machine and keep it up until Ctrl-C."""
    with in_foreground():
        parameters = {**_lifetime(token_lifetime), **_front(base_url)}
        _serve(port, emulator_port, data or [], parameters, keep=keep)


def _serve(
    port: int, emulator_port: int | None, data: Sequence[str], parameters: Mapping[str, str], *, keep: bool
) -> None:
    from careconnect_admin.local.demo_list import demo_list
    from careconnect_admin.local.local_stack import LocalStack
    from careconnect_admin.local.saved_tables import SavedTables
    from careconnect_admin.local.seeding import checked_data, example_path, local_clients, seed, stories_there

    begun = time.monotonic()
    clients = local_clients(os.environ)
    paths = checked_data(data)
    folder = LOCAL_FOLDER / str(port)
    kept = SavedTables(folder / "kept.jsonl.gz", {demo.client_id for demo in clients}) if keep else None
    # Closed until it is seeded: once `metadata` answers, the clients and all records have to be there.
    with LocalStack(
        port=port, emulator_port=emulator_port, log_folder=folder, parameters=parameters, opened=False, tell=say
    ) as local:
        restored = kept is not None and kept.are_there()
        say("Loading what an earlier run kept…" if restored else "Loading…")
        dynamodb = local.client("dynamodb")
        base = parameters.get(_BASE_URL, local.base_url)
        with loading_progress() as progress:
            report = seed(
                dynamodb,
                local.stack.outputs,
                clients,
                paths,
                progress,
                base_url=base,
                kept=kept,
            )
        print_report(report)
        local.open(demo_list(clients))
        environment = local.announce()
        tell_clients(clients)
        tell_stories(stories_there(dynamodb, local.stack.outputs))
        tell_calls(base, clients[0], example_path(dynamodb, local.stack.outputs, report))
        tell_commands(environment)
        tell_export(clients)
        tell_logs(local.log_folder)
        if base != local.base_url:
            say("", f"Your front of {base} passes requests on to {local.base_url}, with path and query as they came.")
        with _keeping(local, kept):
            tell_ready(time.monotonic() - begun, base + FHIR_PATH, page=base)
            local.serve()


@contextmanager
def _keeping(local: "LocalStack", kept: "SavedTables | None") -> Iterator[None]:
    """Save the tables at the end, unless the emulator has already ended."""
    try:
        yield
    finally:
        if kept and local.is_running():
            kept.save(local.client("dynamodb"), local.stack.outputs)
            say("", f"Kept in {relative(kept.file)} for the next KEEP=1; remove it to start anew.")


def _lifetime(given: str | None) -> Mapping[str, str]:
    """Return the template's parameter for a token lifetime, empty without one; raises `SettingError`."""
    if given is None:
        return {}
    if not (given.isascii() and given.isdigit() and MIN_LIFETIME <= int(given) <= MAX_LIFETIME):
        raise SettingError(f"TOKEN_LIFETIME is a number of seconds from {MIN_LIFETIME} to {MAX_LIFETIME}")
    return {"TokenLifetimeSeconds": given}


def _front(given: str | None) -> Mapping[str, str]:
    """Return the template's parameter for a root URL, empty without one; raises `OperatorError`."""
    from careconnect_admin.local.deploy.template import read_template

    if given is None:
        return {}
    root, declared = given.rstrip("/"), read_template(TEMPLATE)["Parameters"][_BASE_URL]
    if not root or len(root) > declared["MaxLength"] or not re.fullmatch(declared["AllowedPattern"], root):
        raise OperatorError(
            "BASE_URL is an https URL, or an http one of this machine (127.0.0.1 or localhost), of at most "
            f"{declared['MaxLength']} characters, without a query"
        )
    return {_BASE_URL: root}
