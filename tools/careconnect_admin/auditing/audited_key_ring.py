"""The signing keys, with an audit event stored before each change."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

from careconnect.audit.event import Action
from careconnect_admin.auditing.operator_events import OperatorEvents
from careconnect_admin.signing.key_ring import KeyRing, KeyRotationError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

Result = TypeVar("Result")

_REFUSALS: Final = (KeyRotationError,)


class AuditedKeyRing(KeyRing):
    """A key ring that stores an audit event before each change.

    `record` opens the audit trail when an event is to be written.
    """

    def __init__(self, kms: "KMSClient", alias: str, record: Callable[[], OperatorEvents]) -> None:
        super().__init__(kms, alias)
        self._about = {"signing_key": alias}
        self._record = record

    def publish(self) -> str:
        """Create and publish a next key, or reuse the one that is already published, and return its key id."""
        return self._done("key-publish", Action.CREATE, self._about, super().publish)

    def promote(self) -> None:
        """Let the next key sign, and keep trusting the previous key."""
        self._done("key-promote", Action.UPDATE, self._about, super().promote)

    def discard(self, key_id: str) -> None:
        """Schedule the deletion in KMS of a key that no alias points at any more."""
        discard = super().discard
        self._done("key-discard", Action.DELETE, {"key_id": key_id}, lambda: discard(key_id))

    def retire(self, *, now: float, force: bool = False) -> tuple[str, datetime]:
        """Stop trusting the previous key; return its key id and the date on which KMS deletes it."""
        about = self._about | ({"force": "true"} if force else {})
        retire = super().retire
        return self._done("key-retire", Action.DELETE, about, lambda: retire(now=now, force=force))

    def _done(self, interaction: str, action: Action, about: Mapping[str, str], change: Callable[[], Result]) -> Result:
        return self._record().done(interaction, action, about, change, refusals=_REFUSALS)
