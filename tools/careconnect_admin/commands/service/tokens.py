"""`careconnect token` obtains an access token as a client; `careconnect tokens` introspects and revokes tokens."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careconnect.fhir.resource_types import valid_id
from careconnect_admin.commands.client.output import print_done
from careconnect_admin.commands.client.stored_patient import warn_of_absent_patient
from careconnect_admin.commands.shared.listing import print_pairs
from careconnect_admin.commands.shared.on_stack import JsonOption, client_registry, on_stack, token_revocations
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.service_access import (
    ClientOption,
    DpopKeyOption,
    ServiceAccess,
    TokenOption,
    as_client,
    given_token,
)
from careconnect_admin.commands.shared.terminal import remark, say, say_json
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget

_TIMES: Final = frozenset({"iat", "exp", "nbf"})

app = typer.Typer(name="tokens", help="Introspect access tokens, and revoke them.", no_args_is_help=True)


@app.callback()
def tokens() -> None:
    """Introspect access tokens, and revoke them."""


@as_client
def token(
    access: ServiceAccess,
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope, or several separated by spaces. Default: all.")
    ] = None,
    dpop_key: DpopKeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Obtain an access token and decode it. Keep it secret: unless it is bound to a key, anyone can use it."""
    # Imported here, so that `careconnect --help` stays fast.
    from careconnect_admin.clients.token_request import decoded, request_token

    authentication = access.authentication(client_id)
    use = access.use(dpop_key)
    with working("Asking for a token"):
        answer = request_token(access.root, authentication, scope=" ".join(scope or ()), use=use)
    said = decoded(answer["access_token"])
    if as_json:
        say_json({**answer, **said})
        return
    say(answer["access_token"])
    for part in ("header", "claims"):
        say_json(said[part])


@app.command()
@as_client
def introspect(
    access: ServiceAccess,
    client_id: ClientOption = "",
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Introspect a token at the service, as a client with permission to do so: see docs/operate.md.

    The exit code is 1 if the token is not valid now.
    """
    from careconnect_admin.clients.token_request import introspect as ask

    if not client_id:
        raise OperatorError("give --client or CLIENT_ID: a client asks about its own tokens, a resource server any")
    token = given_token(token) or typer.prompt("Token", hide_input=True, err=True)
    authentication = access.authentication(client_id)
    with working("Asking about the token"):
        said = ask(access.root, authentication, token)
    if as_json:
        say_json(said)
    else:
        print_pairs([(name, _shown(name, value)) for name, value in said.items()])
    if not said.get("active"):
        reason = f"not good: it has ended, is none of this service, or is not {client_id}'s to ask about"
        remark(f"careconnect: {reason}")
        raise typer.Exit(1)


def _shown(name: str, value: Any) -> str:
    if name in _TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).isoformat()
    return value if isinstance(value, str) else json.dumps(value)


@app.command()
@on_stack
def revoke(
    target: "StackTarget",
    client: Annotated[str, typer.Option("--client", help="All tokens of this registered client.")] = "",
    jti: Annotated[str, typer.Option("--jti", help="The one token with this id, its claim jti.")] = "",
    patient: Annotated[str, typer.Option("--patient", help="All tokens that are bound to this patient's id.")] = "",
    removed: Annotated[
        bool, typer.Option("--removed", help="With --client: a client that is registered no more, so not looked up.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Revoke tokens issued up to now. The API refuses them within 60 seconds. Clients can still obtain new ones."""
    if sum(map(bool, (client, jti, patient))) != 1 or (removed and not client):
        raise OperatorError("give one of --client, --jti and --patient; --removed goes with --client")
    revocations = token_revocations(target)
    if client:
        if not removed and client_registry(target).find(client) is None:
            raise OperatorError(
                f"there is no client {client}, so no token was revoked: see `careconnect clients list`, "
                "or add --removed if it was removed"
            )
        revocations.end_client(client)
        print_done({"client_id": client, "revoked": True}, f"Revoked the tokens of {client}", as_json=as_json)
    elif jti:
        revocations.end_token(jti)
        done = f"Revoked the token {jti}, if there is one: no list of tokens is stored to look it up in"
        print_done({"jti": jti, "revoked": True}, done, as_json=as_json)
    else:
        if not valid_id(patient):
            raise OperatorError("a patient's id has 1 to 64 of the characters A-Z a-z 0-9 - and '.'")
        revocations.end_patient(patient)
        print_done(
            {"patient": patient, "revoked": True}, f"Revoked the tokens bound to Patient/{patient}", as_json=as_json
        )
        warn_of_absent_patient(target, patient)
