"""Rotation of the signing keys: publish the next, promote it, retire the previous (ADR 7)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from careconnect.oauth.access_token import MAX_LIFETIME
from careconnect.oauth.signing_keys import (
    CACHE_SECONDS,
    CURRENT,
    JWKS_MAX_AGE,
    NEXT,
    PREVIOUS,
    RECHECK_SECONDS,
    thumbprint,
)
from careconnect.runtime.aws import error_code
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

PUBLICATION_SECONDS: Final = JWKS_MAX_AGE + CACHE_SECONDS
"""Seconds for which a key is published before it signs: by then every cache has refetched the key set."""

SHORT_PUBLICATION_SECONDS: Final = 2 * RECHECK_SECONDS
"""Seconds of publication that suffice for this service's own functions.

An unknown `kid` makes them refetch the key set after `RECHECK_SECONDS`.
"""

RETIREMENT_SECONDS: Final = MAX_LIFETIME + CACHE_SECONDS
"""Seconds for which a key stays trusted after its replacement: the longest token lifetime, plus the issuer's cache."""

_PENDING_DAYS: Final = 30
_DISCARDED_DAYS: Final = 7


class KeyRotationError(OperatorError):
    """The keys are not in the state that the step needs; the text is the remedy."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """The key at one of the three aliases, since when it is there, and its KMS state (`Enabled` if usable)."""

    place: str
    kid: str
    key_id: str
    state: str
    since: datetime | None


class KeyRing:
    """The keys behind the aliases `<alias>-next`, `-current` and `-previous`; KMS errors pass through.

    The aliases are moved and never removed. Between rotations all three point at the key that signs, so that no request
    to KMS names a missing alias. An alias that points at the current key has no key of its own.
    """

    def __init__(self, kms: "KMSClient", alias: str) -> None:
        self._kms = kms
        self._alias = alias

    def list(self) -> tuple[KeyState, ...]:
        """Return the states of the aliases that have a key of their own, the signing key first."""
        dates = self._alias_dates()
        states = []
        for place in (CURRENT, NEXT, PREVIOUS):
            metadata = self._metadata(place) if place == CURRENT else self._own_key(place)
            if metadata is not None:
                states.append(
                    KeyState(
                        place=place.removeprefix("-"),
                        kid=self._kid(metadata["Arn"]),
                        key_id=metadata["KeyId"],
                        state=str(metadata["KeyState"]),
                        since=dates.get(self._alias + place),
                    )
                )
        return tuple(states)

    def publish(self) -> str:
        """Create a key like the current one, publish it as the next, and return its key id.

        A next key left by an interrupted rotation is reused. Raises `KeyRotationError`.
        """
        current = self._metadata(CURRENT)
        if current is None:
            raise KeyRotationError(f"there is no signing key at {self._alias}{CURRENT}: is the stack complete?")
        waiting = self._own_key(NEXT)
        if waiting is not None:
            if str(waiting["KeyState"]) != "Enabled":
                raise KeyRotationError(
                    f"the next key is {waiting['KeyState']}: enable it, or point its alias at the current key"
                )
            return str(waiting["KeyId"])
        if self._own_key(PREVIOUS) is not None:
            raise KeyRotationError("a previous key is still trusted: run `careconnect keys retire` first")
        policy = self._kms.get_key_policy(KeyId=current["Arn"], PolicyName="default")["Policy"]
        made = self._kms.create_key(
            KeySpec="RSA_2048",
            KeyUsage="SIGN_VERIFY",
            Description=str(current.get("Description", "")),
            Policy=policy,
        )["KeyMetadata"]
        try:
            self._point(NEXT, made["KeyId"])
        except BaseException:
            self.discard(made["KeyId"])
            raise
        return str(made["KeyId"])

    def waiting(self) -> KeyState | None:
        """Return the next key, None if there is none."""
        return next((state for state in self.list() if state.place == NEXT.removeprefix("-")), None)

    def position_of(self, key_id: str) -> str | None:
        """Return `CURRENT` if a key signs, `NEXT` if it will sign next, None otherwise."""
        for place in (CURRENT, NEXT):
            metadata = self._metadata(place)
            if metadata is not None and metadata["KeyId"] == key_id:
                return place
        return None

    def service_time(self) -> float:
        """Return the epoch second in the Date header of KMS's response, or this machine's if it has none.

        With a clock that is ahead a key would sign before every cache can have it.
        """
        answer: Any = self._kms.describe_key(KeyId=self._alias + CURRENT)
        try:
            return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
        except (KeyError, ValueError):
            return time.time()

    def discard(self, key_id: str) -> None:
        """Schedule the deletion in KMS of a key that no alias points at any more."""
        self._kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=_DISCARDED_DAYS)

    def promote(self) -> None:
        """Let the next key sign, and keep trusting the previous key.

        The order of the steps ensures that no reader of the aliases misses a key: see `careconnect.oauth.signing_keys`.
        A repeated call completes an interrupted one. Raises `KeyRotationError`.
        """
        current, waiting = self._metadata(CURRENT), self._own_key(NEXT)
        if current is None or waiting is None:
            raise KeyRotationError("there is no next key to promote: run `careconnect keys rotate`")
        self._point(PREVIOUS, current["KeyId"])
        self._point(CURRENT, waiting["KeyId"])

    def retire(self, *, now: float, force: bool = False) -> tuple[str, datetime]:
        """Stop trusting the previous key; return its key id and the date on which KMS deletes it.

        Raises `KeyRotationError` while tokens that it signed may be valid, unless `force` is True. They are then
        refused from now on.
        """
        current, previous = self._metadata(CURRENT), self._own_key(PREVIOUS)
        if current is None or previous is None:
            raise KeyRotationError("there is no previous key to retire: see `careconnect keys list`")
        # The previous key signed until the current one replaced it.
        since = self._alias_dates().get(self._alias + CURRENT)
        left = RETIREMENT_SECONDS - (now - since.timestamp()) if since else RETIREMENT_SECONDS
        if left > 0 and not force:
            raise KeyRotationError(
                f"tokens signed by the previous key live for up to {left / 60:.0f} minutes more: "
                "wait, or end them with --force"
            )
        self._point(PREVIOUS, current["KeyId"])
        deletion = self._kms.schedule_key_deletion(KeyId=previous["KeyId"], PendingWindowInDays=_PENDING_DAYS)
        return str(previous["KeyId"]), deletion["DeletionDate"]

    def _point(self, place: str, key_id: str) -> None:
        at_place = self._metadata(place)
        if at_place is None:
            # Stacks of early releases lack the alias: these created and deleted aliases.
            self._kms.create_alias(AliasName=self._alias + place, TargetKeyId=key_id)
        elif at_place["KeyId"] != key_id:
            self._kms.update_alias(AliasName=self._alias + place, TargetKeyId=key_id)

    def _own_key(self, place: str) -> Mapping[str, Any] | None:
        """Return an alias's own key, None if the alias is missing or points at the current key."""
        key, current = self._metadata(place), self._metadata(CURRENT)
        return None if key is not None and current is not None and key["KeyId"] == current["KeyId"] else key

    def _metadata(self, place: str) -> Mapping[str, Any] | None:
        try:
            return self._kms.describe_key(KeyId=self._alias + place)["KeyMetadata"]
        except ClientError as error:
            if error_code(error) == "NotFoundException":
                return None
            raise

    def _alias_dates(self) -> dict[str, datetime]:
        pages = self._kms.get_paginator("list_aliases").paginate()
        aliases = [alias for page in pages for alias in page["Aliases"]]
        dated = {alias["AliasName"]: alias.get("LastUpdatedDate") or alias.get("CreationDate") for alias in aliases}
        return {name: date for name, date in dated.items() if date is not None}

    def _kid(self, key_arn: str) -> str:
        try:
            key = load_der_public_key(self._kms.get_public_key(KeyId=key_arn)["PublicKey"])
        except ClientError:
            return ""
        return thumbprint(key) if isinstance(key, RSAPublicKey) else ""


def rotate(
    ring: KeyRing,
    *,
    wait: int,
    sleep: Callable[[float], None],
    tell: Callable[[str], None],
    clock: Callable[[], float] | None = None,
) -> None:
    """Publish a next key, wait until it has been published for `wait` seconds, and promote it.

    A next key that another rotation has already published, running or interrupted, is reused: this one waits for the
    rest of its `wait` seconds. The rotation that is first promotes it. `clock` returns epoch seconds; None stands for
    KMS's clock. Raises `KeyRotationError`.
    """
    found = ring.waiting()
    key_id = ring.publish()
    left: float = wait
    if found is not None and found.key_id == key_id:
        age = (clock or ring.service_time)() - found.since.timestamp() if found.since else 0
        left = min(wait, max(0, wait - age))
        tell(f"{key_id} waits already, of another rotation or one that was interrupted; it signs in {left:.0f} s")
    else:
        tell(f"Published {key_id} as the next key; it signs in {left} s")
    sleep(left)
    place = ring.position_of(key_id)
    if place == NEXT:
        ring.promote()
    elif place is None:
        if found is None:
            ring.discard(key_id)
        raise KeyRotationError("another rotation has put its key in the place of this one: see `careconnect keys list`")
    tell(f"{key_id} signs; retire the previous key after {RETIREMENT_SECONDS // 60} minutes: careconnect keys retire")
