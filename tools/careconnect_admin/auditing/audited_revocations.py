"""Token revocation, with an audit event stored before tokens are revoked."""

import re
from collections.abc import Callable
from typing import Final, Protocol

from careconnect.audit.event import Action
from careconnect.audit.query import LEFT_OUT
from careconnect_admin.auditing.operator_events import NotAuditedError, OperatorEvents
from careconnect_admin.clients.errors import RegistrationError, TokensLiveOnError
from careconnect_admin.clients.registration import check_secret

_JTI: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Revocations(Protocol):
    """Revokes access tokens; each method raises `TokensLiveOnError` if it fails."""

    def end_client(self, client_id: str) -> None:
        """Revoke all tokens of a client, registered or not."""

    def end_patient(self, patient: str) -> None:
        """Revoke all tokens that are bound to a patient."""

    def end_token(self, jti: str) -> None:
        """Revoke one token by its id."""


class RecordedRevocations:
    """Revokes tokens by `revocations`, and stores the audit event first.

    `record` opens the audit trail. `is_registered` returns True for the id of a registered client. An unregistered id
    that could be a secret is left out of the event.
    """

    def __init__(
        self,
        revocations: Revocations,
        record: Callable[[], OperatorEvents],
        is_registered: Callable[[str], bool],
    ) -> None:
        self._revocations = revocations
        self._record = record
        self._is_registered = is_registered

    def end_client(self, client_id: str) -> None:
        """Revoke all tokens of a client; raises `TokensLiveOnError`."""
        is_safe = not _could_be_secret(client_id) or self._is_registered(client_id)
        self._end("client_id", client_id if is_safe else LEFT_OUT, lambda: self._revocations.end_client(client_id))

    def end_patient(self, patient: str) -> None:
        """Revoke all tokens that are bound to a patient; raises `TokensLiveOnError`."""
        self._end("patient", patient, lambda: self._revocations.end_patient(patient))

    def end_token(self, jti: str) -> None:
        """Revoke one token by its id; raises `TokensLiveOnError`, and `RegistrationError` if no token has such an id.

        A token given in place of its id is therefore in no event.
        """
        if not _JTI.fullmatch(jti):
            raise RegistrationError("no token has such an id, so none was revoked: a jti is a UUID in lower case")
        self._end("jti", jti, lambda: self._revocations.end_token(jti))

    def _end(self, name: str, value: str, end: Callable[[], None]) -> None:
        try:
            self._record().done("tokens-revoke", Action.EXECUTE, {name: value}, end)
        except NotAuditedError as error:
            # The client may just have been disabled: the operator has to learn that its tokens are still valid.
            raise TokensLiveOnError(f"{error.code} for its event") from error


def _could_be_secret(text: str) -> bool:
    try:
        check_secret(text)
    except RegistrationError:
        return False
    return True
