"""The commands of `careconnect clients` that switch a client off and on, change what it may do, and remove it."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from careconnect_admin.clients.cut_off import disable_client, remove_client, update_client
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registration import enable_client, found_client
from careconnect_admin.commands.client_output import client_shown, print_done, print_members
from careconnect_admin.commands.on_stack import JsonOption, client_registry, on_stack, token_revocations

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget

ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")]


@on_stack
def disable(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Refuse a client from now on, and end the tokens that it has: the API refuses them within 60 seconds."""
    disable_client(client_registry(target), token_revocations(target), client_id)
    print_done({"client_id": client_id, "enabled": False}, f"Disabled {client_id}", as_json=as_json)


@on_stack
def enable(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Let a disabled client authenticate again. Tokens that were ended stay so."""
    enable_client(client_registry(target), client_id)
    print_done({"client_id": client_id, "enabled": True}, f"Enabled {client_id}", as_json=as_json)


@on_stack
def update(
    target: "StackTarget",
    client_id: ClientArgument,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help="All scopes that it is to have; several between spaces. May be repeated."),
    ] = None,
    patient: Annotated[str, typer.Option("--patient", help="Limit its patient/ scopes to this patient's id.")] = "",
    unbound: Annotated[bool, typer.Option("--unbound", help="Limit its patient/ scopes to no patient.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Change a client's scopes or its patient; what is not named stays.

    Unless scopes are only added, this ends the tokens that it has: the API refuses them within 60 seconds.
    """
    if patient and unbound:
        raise RegistrationError("--patient and --unbound exclude each other")
    if scope is None and not patient and not unbound:
        raise RegistrationError("nothing to change: give --scope, --patient or --unbound")
    registry = client_registry(target)
    has_ended = update_client(
        registry,
        token_revocations(target),
        client_id,
        scopes=None if scope is None else [each for text in scope for each in text.split()],
        patient="" if unbound else patient or None,
    )
    print_members(client_shown(found_client(registry, client_id)), as_json=as_json)
    if has_ended and not as_json:
        print("Its tokens of before are ended: the API refuses them within 60 seconds.", file=sys.stderr)


@on_stack
def remove(
    target: "StackTarget",
    client_id: ClientArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a client for good, and end the tokens that it has: the API refuses them within 60 seconds."""
    registry = client_registry(target)
    record = found_client(registry, client_id)
    if not yes and not typer.confirm(f"Remove {record.name} ({client_id})?", err=True):
        raise RegistrationError("nothing was removed")
    remove_client(registry, token_revocations(target), client_id)
    print_done({"client_id": client_id, "removed": True}, f"Removed {client_id}", as_json=as_json)
