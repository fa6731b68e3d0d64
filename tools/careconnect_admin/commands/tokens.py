"""`careconnect token`: obtain an access token as a client does, and show what it says."""

import json
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from careconnect_admin.commands.on_stack import (
    JsonOption,
    PortOption,
    ProfileOption,
    RegionOption,
    StackOption,
    found_stack,
    operator_errors,
)

_SECRET_VARIABLE: Final = "CLIENT_SECRET"


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
