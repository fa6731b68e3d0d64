"""Changes of a client's registration: its name, its scopes and patient, its authentication."""

from dataclasses import dataclass, replace

from careconnect.oauth.client_record import FAPI2, AuthMethod, ClientRecord
from careconnect_admin.clients.registration import (
    SECRET_METHODS,
    ClientRegistration,
    check_keys,
    check_limited,
    check_names,
    check_scopes,
    check_use,
    first_secret,
    grant_types_for,
)
from careconnect_admin.clients.security_profile import check_profile


@dataclass(frozen=True, slots=True)
class ClientChange:
    """The members to change; None leaves a member unchanged, and an empty `patient` opens every patient.

    With the binding to a patient go its identifier systems, unless the change sets some.

    `jwks` is a JWK Set as JSON text. A new `jwks` or `jwks_uri` replaces the previous keys of either kind.
    """

    name: str | None = None
    scopes: tuple[str, ...] | None = None
    patient: str | None = None
    identifier_systems: tuple[str, ...] | None = None
    auth_methods: frozenset[AuthMethod] | None = None
    jwks: str | None = None
    jwks_uri: str | None = None
    resource_server: bool | None = None
    dpop_bound: bool | None = None
    dpop_nonce: bool | None = None
    security_profile: str | None = None

    @property
    def touches_access(self) -> bool:
        """True if the change sets the client's scopes, patient or identifier systems."""
        return not (self.scopes is None and self.patient is None and self.identifier_systems is None)

    @property
    def touches_authentication(self) -> bool:
        """True if the change sets the client's authentication methods or keys, or the profile `FAPI2`."""
        given = (self.auth_methods, self.jwks, self.jwks_uri)
        return any(each is not None for each in given) or self.security_profile == FAPI2

    @property
    def binds_tokens(self) -> bool:
        """True if the change sets bound tokens, nonces or the profile `FAPI2`, which earlier tokens may lack."""
        return bool(self.dpop_bound or self.dpop_nonce or self.security_profile == FAPI2)


def changed_client(record: ClientRecord, change: ClientChange) -> tuple[ClientRecord, str | None]:
    """Return the client after a change, and the new secret if it had none and now needs one.

    Keys are removed together with the method private_key_jwt, and digests together with the last method that takes a
    secret. The profile `FAPI2` brings its method and bound tokens along. Members that the change does not touch are not
    checked again. Raises `RegistrationError`.
    """
    scopes = record.scopes if change.scopes is None else tuple(dict.fromkeys(change.scopes))
    systems = () if change.patient == "" else record.identifier_systems
    if change.identifier_systems is not None:
        systems = tuple(dict.fromkeys(change.identifier_systems))
    gets_fapi2 = change.security_profile == FAPI2
    methods = change.auth_methods
    if methods is None:
        methods = frozenset({AuthMethod.PRIVATE_KEY_JWT}) if gets_fapi2 else record.auth_methods
    dpop_bound = change.dpop_bound
    if dpop_bound is None:
        dpop_bound = record.dpop_bound_access_tokens or gets_fapi2
    keeps_keys = change.jwks is None and change.jwks_uri is None and AuthMethod.PRIVATE_KEY_JWT in methods
    wanted = ClientRegistration(
        client_id=record.client_id,
        name=record.name if change.name is None else change.name,
        scopes=scopes,
        auth_methods=methods,
        jwks=record.jwks if keeps_keys else change.jwks or "",
        jwks_uri=record.jwks_uri if keeps_keys else change.jwks_uri or "",
        patient=record.patient if change.patient is None else change.patient,
        identifier_systems=systems,
        resource_server=record.resource_server if change.resource_server is None else change.resource_server,
        dpop_bound=dpop_bound,
        dpop_nonce=record.dpop_nonce if change.dpop_nonce is None else change.dpop_nonce,
        security_profile=record.security_profile if change.security_profile is None else change.security_profile,
    )
    check_names(wanted)
    check_profile(
        wanted.security_profile, wanted.auth_methods, dpop_bound=wanted.dpop_bound, dpop_nonce=wanted.dpop_nonce
    )
    if change.touches_access:
        check_scopes(wanted)
    if change.patient is None:
        check_limited([each for each in scopes if each not in record.scopes], wanted.patient)
    check_use(wanted)
    changed = replace(
        record,
        name=wanted.name,
        scopes=scopes,
        grant_types=grant_types_for(scopes),
        patient=wanted.patient,
        identifier_systems=systems,
        resource_server=wanted.resource_server,
        dpop_bound_access_tokens=wanted.dpop_bound,
        dpop_nonce=wanted.dpop_nonce,
        security_profile=wanted.security_profile,
    )
    return _authenticating(changed, wanted) if change.touches_authentication else (changed, None)


def _authenticating(record: ClientRecord, wanted: ClientRegistration) -> tuple[ClientRecord, str | None]:
    """Return `record` with the wanted methods and only the keys and secret that these methods need."""
    changed = replace(record, auth_methods=wanted.auth_methods, jwks=check_keys(wanted), jwks_uri=wanted.jwks_uri)
    if not wanted.auth_methods & SECRET_METHODS:
        return replace(changed, salt="", secrets=()), None
    if record.secrets:
        return changed, None
    secret, salt, digests = first_secret()
    return replace(changed, salt=salt, secrets=digests), secret
