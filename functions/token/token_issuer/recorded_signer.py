"""Tokens signed while their event is being kept (`audit.md`, Before the answer leaves)."""

from collections.abc import Mapping
from typing import Any

from careconnect.access_record.access import NOBODY, Access
from token_issuer.grant_token import TokenSigner


class RecordedSigner:
    """Signs as `signer` does, and meanwhile begins to keep the event of the token in `access`.

    The token is named before there is one, so that the event costs no call's time. Whoever hands it out waits for the
    event first.
    """

    def __init__(self, signer: TokenSigner, access: Access) -> None:
        self._signer = signer
        self._access = access

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the compact serialization; raises `SigningKeyError`, and the event is corrected then."""
        self._access.subject, self._access.jti = claims["sub"], claims["jti"]
        self._access.begin([NOBODY])
        token = self._signer.sign(claims)
        self._access.discloses([NOBODY])
        return token
