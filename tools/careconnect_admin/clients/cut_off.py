"""Take rights from a client, and with them the tokens that it has (ADR 17).

The client is changed first and its tokens are ended after: whoever gets a token in between gets it from the client as
it is by then.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from careconnect.scopes import ScopeError, covers
from careconnect_admin.clients.errors import RegistrationError, TokensLiveOnError
from careconnect_admin.clients.registration import (
    ClientRegistration,
    ClientRegistry,
    check_scopes,
    found_client,
    grant_types_for,
    unknown_client,
)


class TokenRevocations(Protocol):
    """Ends access tokens before their time."""

    def end_client(self, client_id: str) -> None:
        """End all tokens that a client has; raises `TokensLiveOnError`."""


def disable_client(registry: ClientRegistry, revocations: TokenRevocations, client_id: str) -> None:
    """Refuse a client from now on and end its tokens, also if it was disabled before.

    Raises `RegistrationError` if there is none, or if its tokens live on.
    """
    if not registry.enable(client_id, enabled=False):
        raise unknown_client(client_id)
    _end_tokens(revocations, client_id, "is disabled")


def remove_client(registry: ClientRegistry, revocations: TokenRevocations, client_id: str) -> None:
    """Remove a client and end its tokens; raises `RegistrationError` if there is none, or if its tokens live on."""
    if not registry.remove(client_id):
        raise unknown_client(client_id)
    _end_tokens(revocations, client_id, "is removed")


def update_client(
    registry: ClientRegistry,
    revocations: TokenRevocations,
    client_id: str,
    *,
    scopes: Sequence[str] | None = None,
    patient: str | None = None,
) -> bool:
    """Give a client other scopes or another binding, empty for none, and say whether its tokens were ended.

    None leaves a part as it is. Scopes that are only added end nothing: no token says more than the client may
    have now. What changes nothing ends the tokens, so that an update can be repeated whose tokens lived on. Raises
    `RegistrationError`.
    """
    record = found_client(registry, client_id)
    wanted_scopes = tuple(dict.fromkeys(record.scopes if scopes is None else scopes))
    wanted_patient = record.patient if patient is None else patient
    check_scopes(
        ClientRegistration(
            client_id, record.name, wanted_scopes, patient=wanted_patient, resource_server=record.resource_server
        )
    )
    changed = replace(record, scopes=wanted_scopes, grant_types=grant_types_for(wanted_scopes), patient=wanted_patient)
    if not registry.change_access(record, changed):
        raise RegistrationError(f"the client {client_id} was changed by someone else at the same time: try again")
    only_adds = _covers(wanted_scopes, record.scopes) and not _covers(record.scopes, wanted_scopes)
    if only_adds and wanted_patient == record.patient:
        return False
    _end_tokens(revocations, client_id, "is changed")
    return True


def _covers(scopes: Sequence[str], others: Sequence[str]) -> bool:
    try:
        return covers(scopes, others)
    except ScopeError:
        # A scope of before that is none any more: what tokens make of it is not known.
        return False


def _end_tokens(revocations: TokenRevocations, client_id: str, done: str) -> None:
    try:
        revocations.end_client(client_id)
    except TokensLiveOnError as error:
        raise RegistrationError(
            f"{client_id} {done}, but its tokens live on ({error.code}): "
            f"run `careconnect tokens revoke --client {client_id}` on the same stack"
        ) from error
