"""`careconnect sam-local`: run the functions in real Lambda containers with the emulator's tables and key."""

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.commands.load import loading_progress, print_report
from careconnect_admin.commands.service.local_service import (
    DataOption,
    PortOption,
    in_foreground,
    tell_calls,
    tell_clients,
    tell_commands,
    tell_ready,
    tell_stories,
)
from careconnect_admin.commands.shared.terminal import say
from careconnect_admin.errors import SettingError
from careconnect_admin.project import relative

if TYPE_CHECKING:
    from careconnect_admin.sample.records import StoryTeller

_OF_RUN_ALONE = ("BASE_URL", "KEEP", "TOKEN_LIFETIME")


def sam_local(
    port: PortOption = 3000,
    emulator_port: Annotated[
        int, typer.Option(min=1, max=65535, help="The emulator's port, for the containers.")
    ] = 4566,
    data: DataOption = None,
    image: Annotated[
        str | None,
        typer.Option(envvar="LAMBDA_IMAGE", help="A local Lambda image to use instead of AWS's own."),
    ] = None,
) -> None:
    """Start `sam local start-api` with the emulator's tables and key, and keep it up until Ctrl-C. Needs Docker."""
    with in_foreground():
        _refuse_what_is_not_offered()
        _serve(port, emulator_port, data or [], image)


def _serve(port: int, emulator_port: int, data: Sequence[str], image: str | None) -> None:
    from careconnect_admin.local.sam.sam_stack import Ports, sam_stack
    from careconnect_admin.local.seeding import checked_data, example_path, local_clients, seed, stories_there

    begun = time.monotonic()
    ports = Ports(port, emulator_port)
    clients = local_clients(os.environ)
    paths = checked_data(data)
    shown: list[tuple[list[StoryTeller], str]] = []

    def fill(dynamodb: Any, outputs: Mapping[str, str]) -> None:
        with loading_progress() as progress:
            report = seed(dynamodb, outputs, clients, paths, progress, base_url=ports.base_url)
        print_report(report)
        shown.append((stories_there(dynamodb, outputs), example_path(dynamodb, outputs, report)))

    with sam_stack(ports, image, fill, say) as stack:
        tell_clients(clients)
        stories, example = shown[0]
        tell_stories(stories)
        tell_calls(ports.base_url, clients[0], example)
        tell_commands(stack.exports)
        invoke = f"sam local invoke TokenFunction --env-vars {relative(stack.environment)} …"
        say(f"One function by hand, there:  {invoke}")
        tell_ready(time.monotonic() - begun, ports.base_url + FHIR_PATH)
        stack.serve()


def _refuse_what_is_not_offered() -> None:
    """Raise `SettingError` if a variable is set that has no effect here."""
    for name in _OF_RUN_ALONE:
        if os.environ.get(name):
            raise SettingError(f"{name} works with `make run` alone: leave it out")
