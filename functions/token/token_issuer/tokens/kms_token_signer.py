"""A token signer that uses KMS, where the private key stays (`tokens.md`, The access token)."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from careconnect.oauth import base64url
from careconnect.oauth.access_token import ALGORITHM, PSS_ALGORITHM, TOKEN_TYPE
from careconnect.oauth.signing_keys import (
    KMS_ALGORITHM,
    KMS_PSS_ALGORITHM,
    OUT_OF_SERVICE,
    KmsSigningKeys,
    SigningKey,
    SigningKeyError,
)
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.literals import SigningAlgorithmSpecType

_KMS_NAMES: Final[Mapping[str, "SigningAlgorithmSpecType"]] = {
    ALGORITHM: KMS_ALGORITHM,
    PSS_ALGORITHM: KMS_PSS_ALGORITHM,
}


class KmsTokenSigner:
    """Sign with the current key of `keys`."""

    def __init__(self, kms: "KMSClient", keys: KmsSigningKeys) -> None:
        self._kms = kms
        self._keys = keys

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the compact serialization, signed by RS256 (RFC 7515 §3.1); raises `SigningKeyError`."""
        return self._signed(claims, ALGORITHM)

    def sign_by_pss(self, claims: Mapping[str, Any]) -> str:
        """Return the compact serialization, signed by PS256 with the same key; raises `SigningKeyError`."""
        return self._signed(claims, PSS_ALGORITHM)

    def _signed(self, claims: Mapping[str, Any], algorithm: str) -> str:
        """Sign with the current key.

        The KMS request names the key in the header by its ARN, because an alias may refer to another key by then.
        A key that was taken out of service since it was looked up is replaced by the one that has followed it, if any.
        Raises `SigningKeyError` if KMS fails, or if the key is disabled or about to be deleted.
        """
        key = self._keys.current()
        try:
            return self._signed_with(key, claims, algorithm)
        except SigningKeyError as error:
            if error.reason not in OUT_OF_SERVICE or (now := self._keys.current(instead_of=key)) == key:
                raise
        return self._signed_with(now, claims, algorithm)

    def _signed_with(self, key: SigningKey, claims: Mapping[str, Any], algorithm: str) -> str:
        header = {"alg": algorithm, "typ": TOKEN_TYPE, "kid": key.kid}
        signing_input = f"{_segment(header)}.{_segment(claims)}"
        try:
            answer = self._kms.sign(
                KeyId=key.key_arn,
                Message=signing_input.encode(),
                MessageType="RAW",
                SigningAlgorithm=_KMS_NAMES[algorithm],
            )
        except SERVICE_ERRORS as error:
            raise SigningKeyError(error_code(error)) from error
        return f"{signing_input}.{base64url.encode(answer['Signature'])}"


def _segment(members: Mapping[str, Any]) -> str:
    # A name takes no more bytes than its UTF-8: KMS signs at most 4,096.
    return base64url.encode(json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode())
