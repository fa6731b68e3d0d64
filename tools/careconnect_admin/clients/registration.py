"""Rules for registering and changing OAuth clients, independent of the store."""

import difflib
import math
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from careconnect.fhir.resource_types import SERVED_TYPES, valid_id
from careconnect.oauth.client_record import (
    CLIENT_CREDENTIALS,
    MAX_ID_LENGTH,
    MAX_NAME_BYTES,
    MAX_SCOPE_LENGTH,
    AuthMethod,
    ClientRecord,
    SecretDigest,
    digest_secret,
)
from careconnect.oauth.scopes import (
    ScopeError,
    grants_of,
    limiting_parameters,
    parse_scope,
    split_scope,
    supported_scopes,
    type_of_scope,
)
from careconnect_admin.clients.client_keys import check_jwks_uri, checked_jwks
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.security_profile import check_profile

_SECRET_BYTES: Final = 64
_WEAKEST_SECRET_BITS: Final = 256
_FEWEST_DIFFERENT_CHARACTERS: Final = 8
_SALT_BYTES: Final = 16
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]+")
_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_MAX_IDENTIFIER_SYSTEMS: Final = 8
_MAX_SYSTEM_LENGTH: Final = 200
_CHARACTER_CLASSES: Final = (
    string.digits,
    string.digits + "abcdef",
    string.digits + "ABCDEF",
    string.ascii_lowercase,
    string.ascii_uppercase,
    string.digits + string.ascii_lowercase,
    string.digits + string.ascii_uppercase,
    string.digits + string.ascii_letters,
    string.digits + string.ascii_letters + "-_",
    string.digits + string.ascii_letters + "-_.~",
)

SECRET_METHODS: Final = frozenset({AuthMethod.BASIC, AuthMethod.POST})


class ClientRegistry(Protocol):
    """The store of registered clients."""

    def find(self, client_id: str) -> ClientRecord | None:
        """Return a client, or None."""

    def every(self) -> Sequence[ClientRecord]:
        """Return all clients, by id."""

    def create(self, record: ClientRecord) -> bool:
        """Write a new client; False if its id is taken."""

    def change_secrets(self, record: ClientRecord, secrets: tuple[SecretDigest, ...]) -> bool:
        """Replace a client's digests; False if they have changed since `record` was read."""

    def change(self, record: ClientRecord, changed: ClientRecord) -> bool:
        """Replace a client's registration; False if it has changed since `record` was read."""

    def enable(self, client_id: str, *, enabled: bool) -> bool:
        """Enable or disable a client; False if there is none."""

    def remove(self, client_id: str) -> bool:
        """Delete a client; False if there is none."""


@dataclass(frozen=True, slots=True)
class ClientRegistration:
    """The registration of a new client; `secret` is None to generate one, `jwks` is JSON text."""

    client_id: str
    name: str
    scopes: tuple[str, ...] = ()
    auth_methods: frozenset[AuthMethod] = SECRET_METHODS
    secret: str | None = field(default=None, repr=False)
    jwks: str = ""
    jwks_uri: str = ""
    patient: str = ""
    identifier_systems: tuple[str, ...] = ()
    resource_server: bool = False
    dpop_bound: bool = False
    dpop_nonce: bool = False
    security_profile: str = ""


def register_client(registry: ClientRegistry, registration: ClientRegistration, *, now: float) -> str | None:
    """Register a client and return its secret, which is not stored; None if its methods need no secret.

    A client without scopes may only introspect and revoke tokens. Raises `RegistrationError` with the reason.
    """
    check_names(registration)
    check_scopes(registration)
    check_profile(
        registration.security_profile,
        registration.auth_methods,
        dpop_bound=registration.dpop_bound,
        dpop_nonce=registration.dpop_nonce,
    )
    jwks = check_keys(registration)
    secret: str | None = None
    salt, digests = "", tuple[SecretDigest, ...]()
    if registration.auth_methods & SECRET_METHODS:
        secret, salt, digests = first_secret(registration.secret)
    elif registration.secret is not None:
        raise RegistrationError("a secret is of no use to a client that authenticates by private_key_jwt alone")
    record = ClientRecord(
        client_id=registration.client_id,
        name=registration.name,
        enabled=True,
        auth_methods=registration.auth_methods,
        grant_types=grant_types_for(registration.scopes),
        scopes=tuple(dict.fromkeys(registration.scopes)),
        salt=salt,
        secrets=digests,
        jwks=jwks,
        jwks_uri=registration.jwks_uri,
        patient=registration.patient,
        identifier_systems=tuple(dict.fromkeys(registration.identifier_systems)),
        resource_server=registration.resource_server,
        dpop_bound_access_tokens=registration.dpop_bound,
        dpop_nonce=registration.dpop_nonce,
        security_profile=registration.security_profile,
        created_at=int(now),
    )
    if not registry.create(record):
        raise RegistrationError(
            f"the client id {registration.client_id} is taken: choose another, or remove that client"
        )
    return secret


def first_secret(given: str | None = None) -> tuple[str, str, tuple[SecretDigest, ...]]:
    """Return the given or a generated secret, a new salt and the digest; raises `RegistrationError`."""
    secret = given or secrets.token_urlsafe(_SECRET_BYTES)
    check_secret(secret)
    salt = secrets.token_hex(_SALT_BYTES)
    return secret, salt, (SecretDigest(digest_secret(salt, secret)),)


def rotate_secret(
    registry: ClientRegistry, client_id: str, *, overlap: int, now: float, secret: str | None = None
) -> str:
    """Give a client a new secret and return it; the previous one stays valid for `overlap` seconds.

    Raises `RegistrationError`.
    """
    record = found_client(registry, client_id)
    if not record.auth_methods & SECRET_METHODS:
        raise RegistrationError(f"the client {client_id} has no secret: it authenticates by private_key_jwt")
    secret = secret or secrets.token_urlsafe(_SECRET_BYTES)
    check_secret(secret)
    in_use = [each for each in record.secrets if each.ends_at == 0]
    ends_at = int(now) + overlap
    retiring = tuple(replace(each, ends_at=ends_at) for each in in_use if overlap > 0)
    new = SecretDigest(digest_secret(record.salt, secret))
    if not registry.change_secrets(record, (new, *retiring)):
        raise RegistrationError(f"the client {client_id} was changed by someone else at the same time: try again")
    return secret


def enable_client(registry: ClientRegistry, client_id: str) -> None:
    """Let a disabled client authenticate again; raises `RegistrationError` if there is none."""
    if not registry.enable(client_id, enabled=True):
        raise unknown_client(client_id)


def grant_types_for(scopes: Sequence[str]) -> frozenset[str]:
    """Return the grant types of a client with these scopes; none without scopes."""
    return frozenset({CLIENT_CREDENTIALS} if scopes else ())


def found_client(registry: ClientRegistry, client_id: str) -> ClientRecord:
    """Return a client; raises `RegistrationError` if there is none."""
    record = registry.find(client_id)
    if record is None:
        raise unknown_client(client_id)
    return record


def check_secret(secret: str) -> None:
    """Raise `RegistrationError` for a secret that could be guessed, or that clients would have to encode.

    The strength is computed as if each character were random. That is an upper bound; no better estimate is possible
    for a secret generated elsewhere.
    """
    if not _UNRESERVED.fullmatch(secret):
        raise RegistrationError(
            "a secret has the characters A-Z a-z 0-9 - . _ ~ only (RFC 6749 appendix A.2, RFC 3986 §2.3)"
        )
    alphabet = next(each for each in _CHARACTER_CLASSES if set(secret) <= set(each))
    bits = math.floor(len(secret) * math.log2(len(alphabet)))
    if bits < _WEAKEST_SECRET_BITS:
        raise RegistrationError(f"the secret is too weak: {bits} bits at most, and {_WEAKEST_SECRET_BITS} are needed")
    if len(set(secret)) < _FEWEST_DIFFERENT_CHARACTERS:
        raise RegistrationError("the secret is too weak: it repeats a few characters")


def unknown_client(client_id: str) -> RegistrationError:
    """Return the error for a client that is not registered."""
    return RegistrationError(f"there is no client {client_id}: see `careconnect clients list`")


def _hint(scope: str) -> str:
    """Return a hint with the scopes that there are, for the end of a message."""
    named = type_of_scope(scope)
    if "?" in scope and named and (parameters := limiting_parameters(named)):
        return f": one is for example user/{named.name}.rs?{parameters[0]}=CODE, by {', '.join(parameters)}"
    return _nearest(scope.partition("?")[0])


def _nearest(scope: str) -> str:
    """Return a hint with the most similar supported scope."""
    # All scopes share most of their text. Below this similarity the resource type is another one.
    near = difflib.get_close_matches(scope, supported_scopes(), 1, cutoff=0.85)
    return f": did you mean {near[0]}?" if near else ": one is for example user/Patient.read"


def idle_scopes(scopes: Sequence[str], *, bound: bool) -> tuple[str, ...]:
    """Return the scopes that are legal but give no access here; `bound` is True for a client bound to a patient."""
    return tuple(scope for scope in scopes if not any(grants_of(scope, bound=bound).letters.values()))


def opens_every_patient(scopes: Sequence[str], patient: str) -> bool:
    """Return True if these scopes open every patient's record, as the client is bound to no `patient` (ADR 13)."""
    letters = grants_of(" ".join(scopes)).letters
    return not patient and any(letters[each.name] for each in SERVED_TYPES if each.has_patients and each.writable)


def unlimited_scopes(scopes: Sequence[str], patient: str) -> tuple[str, ...]:
    """Return the patient/ scopes that open every patient, as the client is not bound to one."""
    return tuple(each for each in scopes if each.startswith("patient/") and opens_every_patient([each], patient))


def check_limited(scopes: Sequence[str], patient: str) -> None:
    """Raise `RegistrationError` if patient/ scopes would open every patient: for that, the operator has to ask."""
    unlimited = unlimited_scopes(scopes, patient)
    if unlimited:
        raise RegistrationError(
            f"without a patient, every patient's record would be opened by {', '.join(unlimited)}: "
            "give --patient ID, or --every-patient if that is meant"
        )


def check_names(registration: ClientRegistration) -> None:
    """Raise `RegistrationError` for an illegal id or name, or for a client without an authentication method."""
    if not _UNRESERVED.fullmatch(registration.client_id) or len(registration.client_id) > MAX_ID_LENGTH:
        raise RegistrationError(f"a client id has 1 to {MAX_ID_LENGTH} of the characters A-Z a-z 0-9 - . _ ~")
    if not registration.name.strip() or not registration.name.isprintable():
        raise RegistrationError("a client needs a printable name, to be told from others")
    if len(registration.name.encode()) > MAX_NAME_BYTES:
        raise RegistrationError(f"a client's name has at most {MAX_NAME_BYTES} bytes (in UTF-8)")
    if not registration.auth_methods:
        raise RegistrationError(f"a client needs a method of authentication: {', '.join(AuthMethod)}")


def check_scopes(registration: ClientRegistration) -> None:
    """Raise `RegistrationError` for scopes that are illegal, too long or do not fit the client's patient binding.

    The identifier systems belong to the binding, and share the scopes' room in a token.
    """
    for scope in registration.scopes:
        try:
            split_scope(scope)
            parse_scope(scope)
        except ScopeError as error:
            raise RegistrationError(f"{scope!r} is {error}{_hint(scope)}") from None
    _check_identifier_systems(registration)
    if len(" ".join([*registration.scopes, *registration.identifier_systems])) > MAX_SCOPE_LENGTH:
        also = " and identifier systems" if registration.identifier_systems else ""
        raise RegistrationError(
            f"the scopes{also} have more than the {MAX_SCOPE_LENGTH} characters that a token can hold: use a wildcard"
        )
    check_use(registration)
    if registration.patient:
        if not valid_id(registration.patient):
            raise RegistrationError("a patient's id has 1 to 64 of the characters A-Z a-z 0-9 - and '.'")
        if not any(scope.startswith("patient/") for scope in registration.scopes):
            raise RegistrationError("binding to a patient limits patient/ scopes, and the client has none")


def _check_identifier_systems(registration: ClientRegistration) -> None:
    systems = registration.identifier_systems
    if systems and not registration.patient:
        raise RegistrationError("identifier systems limit a client that is bound to a patient: give --patient too")
    if len(systems) > _MAX_IDENTIFIER_SYSTEMS:
        raise RegistrationError(f"a client has at most {_MAX_IDENTIFIER_SYSTEMS} identifier systems")
    if not all(len(each) <= _MAX_SYSTEM_LENGTH and _URI.fullmatch(each) for each in systems):
        raise RegistrationError(
            f"an identifier system is a URI of at most {_MAX_SYSTEM_LENGTH} characters: https://my-app.example/readings"
        )


def check_use(registration: ClientRegistration) -> None:
    """Raise `RegistrationError` for a client that could neither get a token nor introspect those of others."""
    if not registration.scopes and not registration.resource_server:
        raise RegistrationError("a client needs scopes, unless it is a resource server")


def check_keys(registration: ClientRegistration) -> str:
    """Return the JWK Set to store, as compact JSON; raises `RegistrationError` if keys and methods do not match."""
    has_keys = bool(registration.jwks) + bool(registration.jwks_uri)
    if AuthMethod.PRIVATE_KEY_JWT not in registration.auth_methods:
        if has_keys:
            raise RegistrationError("keys are of no use without the method private_key_jwt")
        return ""
    if has_keys != 1:
        raise RegistrationError(
            "private_key_jwt needs the client's public keys: a JWK Set, or the https address of one"
        )
    if registration.jwks_uri:
        check_jwks_uri(registration.jwks_uri)
        return ""
    return checked_jwks(registration.jwks, registration.security_profile)
