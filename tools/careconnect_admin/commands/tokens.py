"""`careconnect token` obtains an access token as a client does; `careconnect tokens revoke` ends tokens."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from careconnect.resource_types import valid_id
from careconnect_admin.commands.client_output import print_done
from careconnect_admin.commands.on_stack import (
    JsonOption,
    PortOption,
    ProfileOption,
    RegionOption,
    StackOption,
    found_stack,
    on_stack,
    operator_errors,
    token_revocations,
)
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget

_SECRET_VARIABLE: Final = "CLIENT_SECRET"

app = typer.Typer(name="tokens", help="End access tokens before their time.", no_args_is_help=True)


@app.callback()
def tokens() -> None:
    """End access tokens before their time."""


def token(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope, or several between spaces. Without: all.")
    ] = None,
    secret_file: Annotated[
        typer.FileText | None,
        typer.Option(
            "--secret-file",
            help=f"The file with its secret, or '-' for standard input; else {_SECRET_VARIABLE}, else asked for.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", exists=True, dir_okay=False, help="Authenticate with this private key (PEM) instead."),
    ] = None,
    kid: Annotated[str, typer.Option("--kid", help="The registered kid of that key.")] = "",
    base: Annotated[str | None, typer.Option("--base", help="The service's root URL, instead of a stack's.")] = None,
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Obtain an access token and decode it. Mind where you show it: whoever has it may use it."""
    # Here, so that `careconnect --help` does not wait for it.
    from careconnect_admin.clients.token_request import assertion, basic, decoded, request_token

    with operator_errors():
        root = base or ""
        if not root:
            with found_stack(stack, region, profile, port) as target:
                root = target.output("BaseUrl")
        root = root.rstrip("/")
        wanted = " ".join(scope or ())
        if key is not None:
            answer = request_token(root, scope=wanted, assertion=assertion(client_id, root, key.read_bytes(), kid))
        else:
            secret = secret_file.read().strip() if secret_file else os.environ.get(_SECRET_VARIABLE, "")
            secret = secret or typer.prompt("Secret", hide_input=True, err=True)
            answer = request_token(root, scope=wanted, auth=basic(client_id, secret))
        said = decoded(answer["access_token"])
    if as_json:
        print(json.dumps({**answer, **said}, indent=2))
        return
    print(answer["access_token"])
    for part in ("header", "claims"):
        print(json.dumps(said[part], indent=2))


@app.command()
@on_stack
def revoke(
    target: "StackTarget",
    client: Annotated[str, typer.Option("--client", help="All tokens of this client, registered or not.")] = "",
    jti: Annotated[str, typer.Option("--jti", help="The one token with this id, its claim jti.")] = "",
    patient: Annotated[str, typer.Option("--patient", help="All tokens that are bound to this patient's id.")] = "",
    as_json: JsonOption = False,
) -> None:
    """End tokens that were issued up to now: the API refuses them within 60 seconds. A client gets new ones."""
    if sum(map(bool, (client, jti, patient))) != 1:
        raise OperatorError("give one of --client, --jti and --patient")
    revocations = token_revocations(target)
    if client:
        revocations.end_client(client)
        print_done({"client_id": client, "revoked": True}, f"Ended the tokens of {client}", as_json=as_json)
    elif jti:
        revocations.end_token(jti)
        print_done({"jti": jti, "revoked": True}, f"Ended the token {jti}", as_json=as_json)
    else:
        if not valid_id(patient):
            raise OperatorError("a patient's id has 1 to 64 of the characters A-Z a-z 0-9 - and '.'")
        revocations.end_patient(patient)
        print_done({"patient": patient, "revoked": True}, f"Ended the tokens of Patient/{patient}", as_json=as_json)
