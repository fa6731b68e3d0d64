"""Keyed digests of personal values, so that the access record tells what was searched for without holding it.

Ten digits of an NHS number would be guessed at once from a bare digest. The key is one a deployment: KMS makes it from
a key that never leaves it, so that it is stored nowhere and only who may use that KMS key can compare (ADR 27).
"""

import hmac
from typing import TYPE_CHECKING, Final

from careconnect.access_record.record import LEFT_OUT, DigestKeyError
from careconnect.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_kms import KMSClient

MAC_ALGORITHM: Final = "HMAC_SHA_256"
_MESSAGE: Final = b"careconnect access record digest"


class AccessDigest:
    """Digests values under the deployment's key, for which it asks KMS when first needed, once an instance.

    Where it `fails_open`, a value that cannot be digested is left out of the record, and keeps no answer back.
    """

    def __init__(self, kms: "Callable[[], KMSClient]", key_alias: str, *, fails_open: bool = False) -> None:
        self._kms = kms
        self._alias = key_alias
        self._fails_open = fails_open
        self._key = b""

    def __call__(self, value: str) -> str:
        """Return HMAC-SHA-256 of a text as 64 hex digits; raises `DigestKeyError`."""
        try:
            key = self.key()
        except DigestKeyError:
            if self._fails_open:
                return LEFT_OUT
            raise
        return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()

    def key(self) -> bytes:
        """Return the deployment's digest key, 32 bytes; raises `DigestKeyError`."""
        if not self._key:
            try:
                answer = self._kms().generate_mac(KeyId=self._alias, MacAlgorithm=MAC_ALGORITHM, Message=_MESSAGE)
            except SERVICE_ERRORS as error:
                raise DigestKeyError(error_code(error)) from error
            self._key = answer["Mac"]
        return self._key
