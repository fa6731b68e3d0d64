"""The key that seals the links to next pages: KMS makes it, once an instance, and it is stored nowhere."""

from typing import TYPE_CHECKING, Final

from careconnect import outcomes
from careconnect.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_kms import KMSClient

_MESSAGE: Final = b"careconnect audit trail next links"


class KmsLinkKey:
    """Derives the key from one that never leaves KMS; the client is made when it is first needed."""

    def __init__(self, kms: "Callable[[], KMSClient]", key_alias: str) -> None:
        self._kms = kms
        self._alias = key_alias
        self._key = b""

    def __call__(self) -> bytes:
        """Return the key, 32 bytes; raises the 503 outcome."""
        if not self._key:
            try:
                answer = self._kms().generate_mac(KeyId=self._alias, MacAlgorithm="HMAC_SHA_256", Message=_MESSAGE)
            except SERVICE_ERRORS as error:
                raise outcomes.unavailable(error_code(error)) from error
            self._key = answer["Mac"]
        return self._key
