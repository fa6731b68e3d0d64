"""Take rights from a client, and with them the tokens that it has (ADR 17).

The client is changed first and its tokens are ended after: whoever gets a token in between gets it from the client as
it is by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from careconnect.oauth.scopes import ScopeError, covers
from careconnect_admin.clients.client_change import ClientChange, changed_client
from careconnect_admin.clients.errors import RegistrationError, TokensLiveOnError
from careconnect_admin.clients.registration import ClientRegistry, found_client, unknown_client


class TokenRevocations(Protocol):
    """Ends access tokens before their time."""

    def end_client(self, client_id: str) -> None:
        """End all tokens that a client has; raises `TokensLiveOnError`."""


@dataclass(frozen=True, slots=True)
class ClientUpdate:
    """What came of a change: whether the client's tokens were ended, and the secret that was made for it, if any."""

    has_ended: bool
    secret: str | None = field(default=None, repr=False)


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
    change: ClientChange,
) -> ClientUpdate:
    """Change a client, and end its tokens if the change says anew what it may do.

    Scopes that are only added end nothing: no token says more than the client may have now. Scopes or a binding that
    are as before end the tokens, so that an update can be repeated whose tokens lived on. Raises `RegistrationError`.
    """
    record = found_client(registry, client_id)
    changed, secret = changed_client(record, change)
    if not registry.change(record, changed):
        raise RegistrationError(f"the client {client_id} was changed by someone else at the same time: try again")
    only_adds = _covers(changed.scopes, record.scopes) and not _covers(record.scopes, changed.scopes)
    if not change.touches_access or (only_adds and changed.patient == record.patient):
        return ClientUpdate(has_ended=False, secret=secret)
    _end_tokens(revocations, client_id, "is changed")
    return ClientUpdate(has_ended=True, secret=secret)


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
