"""`careconnect clients`: add, list, show, change and remove the OAuth clients of a stack."""

import json
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careconnect.client_record import AuthMethod, ClientRecord
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registration import (
    SECRET_METHODS,
    ClientRegistration,
    found_client,
    register_client,
    remove_client,
    rotate_secret,
    set_enabled,
)
from careconnect_admin.commands.listing import print_table
from careconnect_admin.commands.on_stack import JsonOption, on_stack

if TYPE_CHECKING:
    from careconnect_admin.clients.registry import DynamoDbClientRegistry
    from careconnect_admin.stack.target import StackTarget

_HOUR: Final = 3600
_LONGEST_OVERLAP_HOURS: Final = 24 * 90

app = typer.Typer(
    name="clients",
    help="Register OAuth clients, change their secrets, disable and remove them.",
    no_args_is_help=True,
)

ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")]
SecretFileOption = Annotated[
    typer.FileText | None,
    typer.Option("--secret-file", help="Take the secret from this file, or '-' for standard input; else make one."),
]


@app.command()
@on_stack
def add(
    target: "StackTarget",
    name: Annotated[str, typer.Option("--name", help="What the client is, for people.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope, or several between spaces. May be repeated.")
    ] = None,
    client_id: Annotated[str | None, typer.Option("--id", help="The client's id; else a UUID is made.")] = None,
    method: Annotated[
        list[AuthMethod] | None,
        typer.Option("--method", help="How it may authenticate. May be repeated. Without: by its secret."),
    ] = None,
    secret_file: SecretFileOption = None,
    jwks: Annotated[
        Path | None,
        typer.Option("--jwks", exists=True, dir_okay=False, help="The client's public keys, a JWK Set (JSON)."),
    ] = None,
    jwks_uri: Annotated[str, typer.Option("--jwks-uri", help="The https address of its JWK Set.")] = "",
    patient: Annotated[str, typer.Option("--patient", help="Limit its patient/ scopes to this patient's id.")] = "",
    resource_server: Annotated[
        bool, typer.Option("--resource-server", help="Let it introspect tokens of any client.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Register a client. Its secret is shown now and never again."""
    registration = ClientRegistration(
        client_id=client_id if client_id is not None else str(uuid.uuid4()),
        name=name,
        scopes=tuple(each for text in scope or () for each in text.split()),
        auth_methods=frozenset(method) if method else _methods_for(bool(jwks or jwks_uri)),
        secret=secret_file.read().strip() if secret_file else None,
        jwks=jwks.read_text(encoding="utf-8") if jwks else "",
        jwks_uri=jwks_uri,
        patient=patient,
        resource_server=resource_server,
    )
    registry = _registry(target)
    secret = register_client(registry, registration, now=time.time())
    shown = _shown(found_client(registry, registration.client_id))
    _print_with_secret(shown, secret, as_json=as_json)


@app.command("list")
@on_stack
def list_(
    target: "StackTarget",
    as_json: JsonOption = False,
) -> None:
    """List the clients."""
    shown = [_shown(record) for record in _registry(target).every()]
    if as_json:
        print(json.dumps(shown, indent=2))
        return
    rows = [
        (
            each["client_id"],
            each["name"],
            "yes" if each["enabled"] else "no",
            ", ".join(each["auth_methods"]),
            each["scope"],
        )
        for each in shown
    ]
    print_table(("client id", "name", "enabled", "methods", "scope"), rows)


@app.command()
@on_stack
def show(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Show a client, its secrets' end dates among the rest; the secrets themselves are not known."""
    shown = _shown(found_client(_registry(target), client_id))
    _print_members(shown, as_json=as_json)


@app.command("rotate-secret")
@on_stack
def rotate_secret_(
    target: "StackTarget",
    client_id: ClientArgument,
    overlap_hours: Annotated[
        int,
        typer.Option(
            "--overlap-hours",
            min=0,
            max=_LONGEST_OVERLAP_HOURS,
            help="For how long the old secret still counts; 0 ends it at once.",
        ),
    ] = 24,
    secret_file: SecretFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a client a new secret, shown now and never again; the old one ends after the overlap."""
    given = secret_file.read().strip() if secret_file else None
    registry = _registry(target)
    secret = rotate_secret(registry, client_id, overlap=overlap_hours * _HOUR, now=time.time(), secret=given)
    _print_with_secret(_shown(found_client(registry, client_id)), secret, as_json=as_json)


@app.command()
@on_stack
def disable(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Refuse a client's authentication from now on. Tokens that it has live until they expire."""
    _set_enabled(target, client_id, enabled=False, as_json=as_json)


@app.command()
@on_stack
def enable(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Let a disabled client authenticate again."""
    _set_enabled(target, client_id, enabled=True, as_json=as_json)


@app.command()
@on_stack
def remove(
    target: "StackTarget",
    client_id: ClientArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a client for good. Tokens that it has live until they expire."""
    registry = _registry(target)
    record = found_client(registry, client_id)
    if not yes and not typer.confirm(f"Remove {record.name} ({client_id})?", err=True):
        raise RegistrationError("nothing was removed")
    remove_client(registry, client_id)
    _print_done({"client_id": client_id, "removed": True}, f"Removed {client_id}", as_json=as_json)


def _registry(target: "StackTarget") -> "DynamoDbClientRegistry":
    from careconnect_admin.clients.registry import DynamoDbClientRegistry

    return DynamoDbClientRegistry(target.client("dynamodb"), target.output("ClientTable"))


def _methods_for(has_keys: bool) -> frozenset[AuthMethod]:
    return frozenset({AuthMethod.PRIVATE_KEY_JWT}) if has_keys else SECRET_METHODS


def _set_enabled(target: "StackTarget", client_id: str, *, enabled: bool, as_json: bool) -> None:
    set_enabled(_registry(target), client_id, enabled=enabled)
    done = {"client_id": client_id, "enabled": enabled}
    _print_done(done, f"{'Enabled' if enabled else 'Disabled'} {client_id}", as_json=as_json)


def _shown(record: ClientRecord) -> dict[str, Any]:
    """Return what may be seen of a client: neither salt nor digests."""
    return {
        "client_id": record.client_id,
        "name": record.name,
        "enabled": record.enabled,
        "auth_methods": sorted(record.auth_methods),
        "grant_types": sorted(record.grant_types),
        "scope": " ".join(record.scopes),
        "secrets": [{"ends": _date(each.ends_at)} for each in record.secrets],
        "key_ids": [key["kid"] for key in json.loads(record.jwks)["keys"]] if record.jwks else [],
        "jwks_uri": record.jwks_uri,
        "patient": record.patient,
        "resource_server": record.resource_server,
        "created": _date(record.created_at),
    }


def _date(seconds: int) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None


def _print_with_secret(shown: dict[str, Any], secret: str | None, *, as_json: bool) -> None:
    if secret is not None:
        shown["client_secret"] = secret
    _print_members(shown, as_json=as_json)
    if secret is not None and not as_json:
        print("The secret is stored nowhere: keep it now.", file=sys.stderr)


def _print_members(shown: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(shown, indent=2))
        return
    width = max(map(len, shown))
    for name, value in shown.items():
        text = _text(value)
        if text:
            print(f"{name.replace('_', ' '):{width}}  {text}")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, dict):
        return "; ".join(f"{name} {each or 'never'}" for name, each in value.items())
    return str(value or "")


def _print_done(done: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    print(json.dumps(done, indent=2) if as_json else sentence)
