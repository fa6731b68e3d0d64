"""The client registry, with an audit event stored before each change."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from careconnect.audit.event import Action
from careconnect.oauth.client_record import ClientRecord, SecretDigest
from careconnect_admin.auditing.operator_events import OperatorEvents
from careconnect_admin.clients.registration import ClientRegistry

_TOLD: Final[Mapping[str, Callable[[ClientRecord], str]]] = {
    "scope": lambda record: " ".join(record.scopes),
    "method": lambda record: " ".join(sorted(record.auth_methods)),
    "patient": lambda record: record.patient,
    "identifier_systems": lambda record: " ".join(record.identifier_systems),
    "resource_server": lambda record: "true" if record.resource_server else "",
    "dpop_bound_access_tokens": lambda record: "true" if record.dpop_bound_access_tokens else "",
    "dpop_nonce": lambda record: "true" if record.dpop_nonce else "",
    "security_profile": lambda record: record.security_profile,
    "jwks_uri": lambda record: record.jwks_uri,
}
"""The members with their new value in the event: the client's permissions and its authentication."""

_NAMED: Final[Mapping[str, Callable[[ClientRecord], object]]] = {
    "name": lambda record: record.name,
    "jwks": lambda record: record.jwks,
    "secret": lambda record: record.secrets,
}
"""The members of which the event says only that they changed."""


class AuditedClientRegistry:
    """A client registry that stores an audit event before each change of `clients`.

    `record` opens the audit trail when an event is to be written. An unknown client id may be a secret in the wrong
    place. It therefore changes nothing, and no event names it.
    """

    def __init__(self, clients: ClientRegistry, record: Callable[[], OperatorEvents]) -> None:
        self._clients = clients
        self._record = record

    def find(self, client_id: str) -> ClientRecord | None:
        """Return a client, or None."""
        return self._clients.find(client_id)

    def every(self) -> Sequence[ClientRecord]:
        """Return all clients, by id."""
        return self._clients.every()

    def create(self, record: ClientRecord) -> bool:
        """Write a new client; False if its id is taken."""
        values = {name: tell(record) for name, tell in _TOLD.items()}
        about = {"client_id": record.client_id} | {name: value for name, value in values.items() if value}
        return self._record().done("client-add", Action.CREATE, about, lambda: self._clients.create(record))

    def change_secrets(self, record: ClientRecord, secrets: tuple[SecretDigest, ...]) -> bool:
        """Replace a client's digests; False if they have changed since `record` was read."""
        about = {"client_id": record.client_id}
        return self._record().done(
            "client-rotate-secret", Action.UPDATE, about, lambda: self._clients.change_secrets(record, secrets)
        )

    def change(self, record: ClientRecord, changed: ClientRecord) -> bool:
        """Replace a client's registration; False if it has changed since `record` was read."""
        about = {"client_id": record.client_id}
        about |= {name: tell(changed) for name, tell in _TOLD.items() if tell(changed) != tell(record)}
        about |= {name: "changed" for name, tell in _NAMED.items() if tell(changed) != tell(record)}
        return self._record().done("client-update", Action.UPDATE, about, lambda: self._clients.change(record, changed))

    def enable(self, client_id: str, *, enabled: bool) -> bool:
        """Enable or disable a client; False if there is none."""
        return self._if_there(
            client_id,
            "client-enable" if enabled else "client-disable",
            Action.UPDATE,
            lambda: self._clients.enable(client_id, enabled=enabled),
        )

    def remove(self, client_id: str) -> bool:
        """Delete a client; False if there is none."""
        return self._if_there(client_id, "client-remove", Action.DELETE, lambda: self._clients.remove(client_id))

    def _if_there(self, client_id: str, interaction: str, action: Action, change: Callable[[], bool]) -> bool:
        if self._clients.find(client_id) is None:
            return False
        about = {"client_id": client_id}
        return self._record().done(interaction, action, about, change, unless="not found")
