"""The commands of `careconnect clients` that disable, enable, update and remove a client."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from careconnect.oauth.client_record import FAPI2, AuthMethod, ClientRecord
from careconnect_admin.clients.client_change import ClientChange
from careconnect_admin.clients.client_keys import check_jwks_uri, check_published
from careconnect_admin.clients.cut_off import disable_client, remove_client, update_client
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registration import enable_client, found_client
from careconnect_admin.clients.security_profile import PROFILES, auth_methods_of, security_profile_of
from careconnect_admin.commands.client.output import (
    client_shown,
    print_done,
    print_with_secret,
    warn_of_every_patient,
    warn_of_idle_scopes,
)
from careconnect_admin.commands.client.stored_patient import warn_of_absent_patient
from careconnect_admin.commands.shared.on_stack import JsonOption, client_registry, on_stack, token_revocations
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import escaped, remark
from token_issuer.clients.https_key_sets import HttpsKeySets

if TYPE_CHECKING:
    from careconnect_admin.stack.target import StackTarget

ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")]
JwksOption = Annotated[
    Path | None,
    typer.Option("--jwks", exists=True, dir_okay=False, help="The client's public keys, a JWK Set (JSON)."),
]
JwksUriOption = Annotated[
    str, typer.Option("--jwks-uri", metavar="URI", help="The https address of its JWK Set, which is fetched once.")
]
NoCheckOption = Annotated[
    bool, typer.Option("--no-check", help="Take a --jwks-uri that does not answer yet, or not to this machine.")
]
PatientOption = Annotated[str, typer.Option("--patient", metavar="ID", help="Limit all its scopes to this patient.")]
EveryPatientOption = Annotated[
    bool,
    typer.Option("--every-patient", help="Let its scopes open every patient's record, patient/ scopes too."),
]
IdentifierSystemOption = Annotated[
    list[str] | None,
    typer.Option(
        "--identifier-system",
        metavar="URI",
        help="A system of the identifiers that it may write, bound to a patient. May be repeated. Default: none.",
    ),
]

MethodOption = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="METHOD",
        help=f"An authentication method: {', '.join(AuthMethod)}. May be repeated. Default: by its keys, or by secret.",
        autocompletion=lambda: list(AuthMethod),
    ),
]
DpopBoundOption = Annotated[
    bool | None,
    typer.Option(
        "--dpop-bound/--no-dpop-bound",
        help="Give it only tokens that are bound to a key by DPoP, or Bearer tokens too.",
    ),
]
DpopNonceOption = Annotated[
    bool | None,
    typer.Option("--dpop-nonce/--no-dpop-nonce", help="Ask for the server's nonce in its proofs, or not."),
]
SecurityProfileOption = Annotated[
    str,
    typer.Option(
        "--security-profile",
        metavar="|".join(PROFILES),
        show_default=False,
        help="FAPI 2.0: private_key_jwt by PS256 or ES256 alone, and bound tokens alone. Or none.",
        autocompletion=lambda: list(PROFILES),
    ),
]

SCOPE_HELP = (
    "A scope, or several separated by spaces; may be repeated. user/Patient.read allows reads and searches, .write "
    "creates, updates and deletes. Or letters of c, r, u, d, s, as in user/Patient.cruds. PATCH also needs r, "
    "conditional writes also need s."
)


def split_scopes(texts: list[str]) -> tuple[str, ...]:
    """Return the scopes of texts that may have several scopes, separated by spaces."""
    return tuple(each for text in texts for each in text.split())


def check_jwks(uri: str, profile: str, *, no_check: bool) -> None:
    """Raise `RegistrationError` unless the JWK Set at `uri` can be used, if one is given and to be checked."""
    if uri and not no_check:
        check_jwks_uri(uri)
        with working("Fetching the JWK Set"):
            check_published(uri, HttpsKeySets(clock=time.time), profile)


@on_stack
def disable(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Disable a client and revoke its tokens. The API refuses them within 60 seconds."""
    disable_client(client_registry(target), token_revocations(target), client_id)
    print_done({"client_id": client_id, "enabled": False}, f"Disabled {client_id}", as_json=as_json)
    remark(
        "careconnect: its tokens are revoked for good, also if it is enabled again: introspection calls them inactive "
        "now, the API refuses them within 60 seconds"
    )


@on_stack
def enable(
    target: "StackTarget",
    client_id: ClientArgument,
    as_json: JsonOption = False,
) -> None:
    """Let a disabled client authenticate again. Its revoked tokens stay revoked."""
    enable_client(client_registry(target), client_id)
    print_done({"client_id": client_id, "enabled": True}, f"Enabled {client_id}", as_json=as_json)


@on_stack
def update(
    target: "StackTarget",
    client_id: ClientArgument,
    name: Annotated[str | None, typer.Option("--name", help="The client's name, for people.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", help=f"All scopes of the client, replacing the previous ones. {SCOPE_HELP}"),
    ] = None,
    patient: PatientOption = "",
    every_patient: EveryPatientOption = False,
    identifier_system: IdentifierSystemOption = None,
    no_identifier_systems: Annotated[
        bool, typer.Option("--no-identifier-systems", help="Remove all its identifier systems.")
    ] = False,
    method: MethodOption = None,
    jwks: JwksOption = None,
    jwks_uri: JwksUriOption = "",
    no_check: NoCheckOption = False,
    resource_server: Annotated[
        bool | None,
        typer.Option("--resource-server/--no-resource-server", help="Let it introspect tokens of any client, or not."),
    ] = None,
    dpop_bound: DpopBoundOption = None,
    dpop_nonce: DpopNonceOption = None,
    security_profile: SecurityProfileOption = "",
    as_json: JsonOption = False,
) -> None:
    """Change a client. Options that are not given leave their values unchanged.

    A bound client stays bound to its patient, unless --every-patient removes that limit and its identifier systems.
    Setting patients, identifier systems, or scopes unless they are only added, revokes the client's tokens: the API
    refuses them within 60 seconds. So do --dpop-bound, --dpop-nonce and --security-profile fapi2; their opposites do
    not. New methods, identifier systems and keys replace the previous ones. Secrets or keys that no method uses any
    more are removed. A client that had no secret and gets a method that needs one also gets a secret, shown now and
    never again.
    """
    if patient and every_patient:
        raise RegistrationError("--patient and --every-patient exclude each other")
    if identifier_system and no_identifier_systems:
        raise RegistrationError("--identifier-system and --no-identifier-systems exclude each other")
    change = ClientChange(
        name=name,
        scopes=None if scope is None else split_scopes(scope),
        patient="" if every_patient else patient or None,
        identifier_systems=() if no_identifier_systems else tuple(identifier_system or ()) or None,
        auth_methods=auth_methods_of(method) if method else None,
        jwks=jwks.read_text(encoding="utf-8") if jwks else None,
        jwks_uri=jwks_uri or None,
        resource_server=resource_server,
        dpop_bound=dpop_bound,
        dpop_nonce=dpop_nonce,
        security_profile=security_profile_of(security_profile) if security_profile else None,
    )
    if change == ClientChange():
        raise RegistrationError(
            "nothing to change: give --name, --scope, --patient, --every-patient, --identifier-system, "
            "--no-identifier-systems, --method, --jwks, --jwks-uri, --[no-]resource-server, --[no-]dpop-bound, "
            "--[no-]dpop-nonce or --security-profile"
        )
    registry = client_registry(target)
    _check_published_keys(found_client(registry, client_id), change, no_check=no_check)
    update = update_client(registry, token_revocations(target), client_id, change)
    changed = found_client(registry, client_id)
    print_with_secret(client_shown(changed), update.secret, as_json=as_json)
    if update.removed:
        remark(f"careconnect: removed, as none of its methods uses them any more: {', '.join(update.removed)}")
    if change.touches_access:
        warn_of_every_patient(changed.scopes, changed.patient)
        warn_of_idle_scopes(changed.scopes, bound=bool(changed.patient))
    if patient:
        warn_of_absent_patient(target, patient)
    if update.has_ended and not as_json:
        remark("Its tokens of before are ended: the API refuses them within 60 seconds.")


def _check_published_keys(record: ClientRecord, change: ClientChange, *, no_check: bool) -> None:
    """Fetch the JWK Set that the client will have, if its address or the profile that it has to suit is new."""
    profile = record.security_profile if change.security_profile is None else change.security_profile
    stays = change.security_profile == FAPI2 and change.jwks is None
    check_jwks(change.jwks_uri or (record.jwks_uri if stays else ""), profile, no_check=no_check)


@on_stack
def remove(
    target: "StackTarget",
    client_id: ClientArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a client permanently and revoke its tokens. The API refuses them within 60 seconds."""
    registry = client_registry(target)
    record = found_client(registry, client_id)
    if not yes and not typer.confirm(escaped(f"Remove {record.name} ({client_id})?"), err=True):
        raise RegistrationError("nothing was removed")
    remove_client(registry, token_revocations(target), client_id)
    print_done({"client_id": client_id, "removed": True}, f"Removed {client_id}", as_json=as_json)
