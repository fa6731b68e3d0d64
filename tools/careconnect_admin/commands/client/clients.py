"""`careconnect clients`: add, list, show, change and remove the OAuth clients of a stack."""

import time
import uuid
from typing import TYPE_CHECKING, Annotated, Final

import typer

from careconnect.oauth.client_record import FAPI2, AuthMethod
from careconnect_admin.clients.demo import check_not_published
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registration import (
    SECRET_METHODS,
    ClientRegistration,
    check_limited,
    found_client,
    register_client,
    rotate_secret,
)
from careconnect_admin.clients.security_profile import auth_methods_of, security_profile_of
from careconnect_admin.commands.client import changes as client_changes
from careconnect_admin.commands.client.changes import (
    SCOPE_HELP,
    ClientArgument,
    DpopBoundOption,
    DpopNonceOption,
    EveryPatientOption,
    IdentifierSystemOption,
    JwksOption,
    JwksUriOption,
    MethodOption,
    NoCheckOption,
    PatientOption,
    SecurityProfileOption,
    check_jwks,
    split_scopes,
)
from careconnect_admin.commands.client.last_use import add_last_use, last_use_text
from careconnect_admin.commands.client.output import (
    client_shown,
    print_members,
    print_with_secret,
    warn_of_every_patient,
    warn_of_idle_scopes,
)
from careconnect_admin.commands.client.stored_patient import warn_of_absent_patient
from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.on_stack import JsonOption, client_registry, on_stack
from careconnect_admin.commands.shared.terminal import say_json

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget

_HOUR: Final = 3600
_LONGEST_OVERLAP_HOURS: Final = 24 * 90

app = typer.Typer(
    name="clients",
    help="Register, change, disable and remove OAuth clients, and rotate their secrets.",
    no_args_is_help=True,
)

SecretFileOption = Annotated[
    typer.FileText | None,
    typer.Option(
        "--secret-file", help="Read the secret from this file, or '-' for standard input. Default: a generated secret."
    ),
]


@app.command()
@on_stack
def add(
    target: "StackTarget",
    name: Annotated[str, typer.Option("--name", help="The client's name, for people.")],
    scope: Annotated[list[str] | None, typer.Option("--scope", help=SCOPE_HELP)] = None,
    client_id: Annotated[str | None, typer.Option("--id", help="The client's id. Default: a generated UUID.")] = None,
    method: MethodOption = None,
    secret_file: SecretFileOption = None,
    jwks: JwksOption = None,
    jwks_uri: JwksUriOption = "",
    no_check: NoCheckOption = False,
    patient: PatientOption = "",
    every_patient: EveryPatientOption = False,
    identifier_system: IdentifierSystemOption = None,
    resource_server: Annotated[
        bool, typer.Option("--resource-server", help="Let it introspect tokens of any client.")
    ] = False,
    dpop_bound: DpopBoundOption = None,
    dpop_nonce: DpopNonceOption = None,
    security_profile: SecurityProfileOption = "none",
    as_json: JsonOption = False,
) -> None:
    """Register a client and show its secret, which is never shown again."""
    if patient and every_patient:
        raise RegistrationError("--patient and --every-patient exclude each other")
    profile = security_profile_of(security_profile)
    by_key = bool(jwks or jwks_uri or profile == FAPI2)
    registration = ClientRegistration(
        client_id=client_id if client_id is not None else str(uuid.uuid4()),
        name=name,
        scopes=split_scopes(scope or []),
        auth_methods=auth_methods_of(method) if method else _methods_for(by_key=by_key),
        secret=secret_file.read().strip() if secret_file else None,
        jwks=jwks.read_text(encoding="utf-8") if jwks else "",
        jwks_uri=jwks_uri,
        patient=patient,
        identifier_systems=tuple(identifier_system or ()),
        resource_server=resource_server,
        dpop_bound=profile == FAPI2 if dpop_bound is None else dpop_bound,
        dpop_nonce=bool(dpop_nonce),
        security_profile=profile,
    )
    if not every_patient:
        check_limited(registration.scopes, patient)
    if not target.is_local:
        check_not_published(client_id=registration.client_id, secret=registration.secret)
    check_jwks(jwks_uri, profile, no_check=no_check)
    registry = client_registry(target)
    secret = register_client(registry, registration, now=time.time())
    shown = client_shown(found_client(registry, registration.client_id))
    print_with_secret(shown, secret, as_json=as_json)
    warn_of_every_patient(registration.scopes, registration.patient)
    warn_of_idle_scopes(registration.scopes, bound=bool(registration.patient))
    if patient:
        warn_of_absent_patient(target, patient)


@app.command("list")
@on_stack
def list_(
    target: "StackTarget",
    last_use: Annotated[
        bool, typer.Option("--last-use", help="Search the audit trail for each client's last request, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List all clients."""
    shown = [client_shown(record) for record in client_registry(target).every()]
    if last_use:
        add_last_use(target, shown)
    if as_json:
        say_json(shown)
        return
    rows = [
        (
            each["client_id"],
            each["name"],
            "yes" if each["enabled"] else "no",
            *([last_use_text(each)] if last_use else []),
            ", ".join(each["auth_methods"]),
            "every" if each["every_patient"] else each["patient"] or "none",
            each["scope"],
        )
        for each in shown
    ]
    used = ("last use",) if last_use else ()
    print_table(("client id", "name", "enabled", *used, "methods", "patients", "scope"), rows)


@app.command()
@on_stack
def show(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Show a client, when it was last used, and when its secrets end. The secrets themselves are not stored.

    The last use is searched in the newest 20,000 events of the audit trail's last 30 days, and that is recorded.
    """
    shown = client_shown(found_client(client_registry(target), client_id))
    add_last_use(target, [shown])
    print_members(shown, as_json=as_json)


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
            help="Hours for which the old secret stays valid; 0 ends it at once.",
        ),
    ] = 24,
    secret_file: SecretFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a client a new secret and show it, once only. The old secret ends after the overlap."""
    given = secret_file.read().strip() if secret_file else None
    if not target.is_local:
        check_not_published(secret=given)
    registry = client_registry(target)
    secret = rotate_secret(registry, client_id, overlap=overlap_hours * _HOUR, now=time.time(), secret=given)
    print_with_secret(client_shown(found_client(registry, client_id)), secret, as_json=as_json)


app.command()(client_changes.disable)
app.command()(client_changes.enable)
app.command()(client_changes.update)
app.command()(client_changes.remove)


def _methods_for(*, by_key: bool) -> frozenset[AuthMethod]:
    return frozenset({AuthMethod.PRIVATE_KEY_JWT}) if by_key else SECRET_METHODS
