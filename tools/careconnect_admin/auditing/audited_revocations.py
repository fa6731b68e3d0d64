"""What ends tokens before their time, recorded before it does."""

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
    """Ends access tokens; each raises `TokensLiveOnError` if it does not."""

    def end_client(self, client_id: str) -> None:
        """End all tokens that a client has, whether it is registered or not."""

    def end_patient(self, patient: str) -> None:
        """End all tokens that are bound to a patient."""

    def end_token(self, jti: str) -> None:
        """End one token by its id."""


class RecordedRevocations:
    """Ends tokens by `revocations`, and keeps the event of it first.

    `record` opens the access record, and `is_registered` says whether a client is: an id of another that could be a
    secret is named by no event, nor is a token in the place of its id.
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
        """End all tokens that a client has; raises `TokensLiveOnError`."""
        is_safe = not _could_be_secret(client_id) or self._is_registered(client_id)
        self._end("client_id", client_id if is_safe else LEFT_OUT, lambda: self._revocations.end_client(client_id))

    def end_patient(self, patient: str) -> None:
        """End all tokens that are bound to a patient; raises `TokensLiveOnError`."""
        self._end("patient", patient, lambda: self._revocations.end_patient(patient))

    def end_token(self, jti: str) -> None:
        """End one token by its id; raises `TokensLiveOnError`."""
        self._end("jti", jti if _JTI.fullmatch(jti) else LEFT_OUT, lambda: self._revocations.end_token(jti))

    def _end(self, name: str, value: str, end: Callable[[], None]) -> None:
        try:
            self._record().done("tokens-revoke", Action.EXECUTE, {name: value}, end)
        except NotAuditedError as error:
            # Whoever was disabled a moment ago is to be told that its tokens were not ended.
            raise TokensLiveOnError(f"{error.code} for its event") from error


def _could_be_secret(text: str) -> bool:
    try:
        check_secret(text)
    except RegistrationError:
        return False
    return True
