"""The signing keys, whose every change is recorded before it is made."""

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
    """A key ring that keeps the event of each change first; `record` opens the access record when one is due."""

    def __init__(self, kms: "KMSClient", alias: str, record: Callable[[], OperatorEvents]) -> None:
        super().__init__(kms, alias)
        self._about = {"signing_key": alias}
        self._record = record

    def publish(self) -> str:
        """Make and publish a next key, or take up the one that waits, and return its key id."""
        return self._done("key-publish", Action.CREATE, self._about, super().publish)

    def promote(self) -> None:
        """Let the next key sign and keep the one before trusted."""
        self._done("key-promote", Action.UPDATE, self._about, super().promote)

    def discard(self, key_id: str) -> None:
        """Have KMS delete a key that no alias points at any more."""
        discard = super().discard
        self._done("key-discard", Action.DELETE, {"key_id": key_id}, lambda: discard(key_id))

    def retire(self, *, now: float, force: bool = False) -> tuple[str, datetime]:
        """Stop trusting the previous key, and return its key id and the day on which KMS deletes it."""
        about = self._about | ({"force": "true"} if force else {})
        retire = super().retire
        return self._done("key-retire", Action.DELETE, about, lambda: retire(now=now, force=force))

    def _done(self, interaction: str, action: Action, about: Mapping[str, str], change: Callable[[], Result]) -> Result:
        return self._record().done(interaction, action, about, change, refusals=_REFUSALS)
