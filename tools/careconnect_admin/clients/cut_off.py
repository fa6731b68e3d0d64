"""Restrict a client and revoke its tokens (ADR 17).

The client is changed first, and its tokens are revoked afterwards. A token issued in between has the client's new
permissions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from careconnect.oauth.client_record import ClientRecord
from careconnect.oauth.scopes import ScopeError, covers
from careconnect_admin.clients.client_change import ClientChange, changed_client
from careconnect_admin.clients.errors import RegistrationError, TokensLiveOnError
from careconnect_admin.clients.registration import ClientRegistry, found_client, unknown_client


class TokenRevocations(Protocol):
    """Revokes access tokens before they expire."""

    def end_client(self, client_id: str) -> None:
        """Revoke all tokens of a client; raises `TokensLiveOnError`."""

    def end_patient(self, patient: str) -> None:
        """Revoke all tokens that are bound to a patient; raises `TokensLiveOnError`."""


@dataclass(frozen=True, slots=True)
class ClientUpdate:
    """The result of a change: `has_ended` is True if tokens were revoked, `secret` is the new secret, if any.

    `removed` says which credentials went with the last method that uses them.
    """

    has_ended: bool
    secret: str | None = field(default=None, repr=False)
    removed: tuple[str, ...] = ()


def disable_client(registry: ClientRegistry, revocations: TokenRevocations, client_id: str) -> None:
    """Disable a client and revoke its tokens, even if it was disabled before.

    Raises `RegistrationError` if there is no such client, or if its tokens could not be revoked.
    """
    if not registry.enable(client_id, enabled=False):
        raise unknown_client(client_id)
    _end_tokens(revocations, client_id, "is disabled")


def cut_off_patient(registry: ClientRegistry, revocations: TokenRevocations, patient: str) -> None:
    """Disable the clients that are bound to a patient, and revoke the patient's tokens.

    Raises `RegistrationError`, and `TokensLiveOnError`.
    """
    for client in registry.every():
        if client.patient == patient:
            disable_client(registry, revocations, client.client_id)
    # Tokens of clients that were bound to another patient since.
    revocations.end_patient(patient)


def remove_client(registry: ClientRegistry, revocations: TokenRevocations, client_id: str) -> None:
    """Remove a client and revoke its tokens.

    Raises `RegistrationError` if there is no such client, or if its tokens could not be revoked.
    """
    if not registry.remove(client_id):
        raise unknown_client(client_id)
    _end_tokens(revocations, client_id, "is removed", option=" --removed")


def update_client(
    registry: ClientRegistry,
    revocations: TokenRevocations,
    client_id: str,
    change: ClientChange,
) -> ClientUpdate:
    """Change a client, and revoke its tokens if the change sets its scopes, patient or identifier systems.

    So does one that asks for bound tokens, nonces or a profile. A change that only adds scopes, or that takes one of
    the three away, revokes nothing, because no token holds more than the client may have now. Unchanged members do
    revoke the tokens, so that an update can be repeated after a failed revocation. Raises `RegistrationError`.
    """
    record = found_client(registry, client_id)
    changed, secret = changed_client(record, change)
    if not registry.change(record, changed):
        raise RegistrationError(f"the client {client_id} was changed by someone else at the same time: try again")
    only_adds = _covers(changed.scopes, record.scopes) and not _covers(record.scopes, changed.scopes)
    same_binding = (changed.patient, changed.identifier_systems) == (record.patient, record.identifier_systems)
    narrows = change.touches_access and not (only_adds and same_binding)
    if not (narrows or change.binds_tokens):
        return ClientUpdate(has_ended=False, secret=secret, removed=_removed(record, changed))
    _end_tokens(revocations, client_id, "is changed")
    return ClientUpdate(has_ended=True, secret=secret, removed=_removed(record, changed))


def _removed(record: ClientRecord, changed: ClientRecord) -> tuple[str, ...]:
    credentials = {
        "its secrets": (record.secrets, changed.secrets),
        "its keys": (record.jwks, changed.jwks or changed.jwks_uri),
        "the address of its keys": (record.jwks_uri, changed.jwks or changed.jwks_uri),
    }
    return tuple(name for name, (before, after) in credentials.items() if before and not after)


def _covers(scopes: Sequence[str], others: Sequence[str]) -> bool:
    try:
        return covers(scopes, others)
    except ScopeError:
        # A stored scope is no longer legal, so it is unknown what existing tokens allow: they are revoked.
        return False


def _end_tokens(revocations: TokenRevocations, client_id: str, done: str, *, option: str = "") -> None:
    try:
        revocations.end_client(client_id)
    except TokensLiveOnError as error:
        raise RegistrationError(
            f"{client_id} {done}, but its tokens live on ({error.code}): "
            f"run `careconnect tokens revoke --client {client_id}{option}` on the same stack"
        ) from error
