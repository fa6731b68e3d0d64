"""How a client uses its tokens: as a Bearer token, or with a DPoP proof in each request (RFC 6750, RFC 9449)."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

import httpx

from careconnect_admin.clients.dpop_key import DpopKey

_NONCE_WANTED: Final = "use_dpop_nonce"
# API Gateway renames the WWW-Authenticate header of a Lambda proxy to the second.
_CHALLENGES: Final = ("WWW-Authenticate", "x-amzn-remapped-www-authenticate")


class TokenUse:
    """Sends a client's requests: with a proof by `key`, or as they are without one.

    A proof names the URL below the service's `issuer`, whatever address `root` the request goes to.
    """

    def __init__(self, key: DpopKey | None = None, root: str = "", issuer: str = "") -> None:
        self._key = key
        self._root = root
        self._issuer = issuer
        self._nonce = ""

    def authorization(self, token: str) -> dict[str, str]:
        """Return the header `Authorization` with an access token."""
        return {"Authorization": f"{'DPoP' if self._key else 'Bearer'} {token}"}

    def send(
        self, method: str, url: str, request: Callable[[Mapping[str, str]], httpx.Response], *, token: str = ""
    ) -> httpx.Response:
        """Return the response to `request`, which is called with the headers to add.

        It is called a second time if the service wants a nonce in the proof (RFC 9449 §8, §9).
        """
        if self._key is None:
            return request({})
        answer = self._send_with_proof(self._key, method, url, request, token)
        return self._send_with_proof(self._key, method, url, request, token) if _wants_nonce(answer) else answer

    def _send_with_proof(
        self, key: DpopKey, method: str, url: str, request: Callable[[Mapping[str, str]], httpx.Response], token: str
    ) -> httpx.Response:
        named = self._issuer + url.removeprefix(self._root) if url.startswith(self._root) else url
        answer = request({"DPoP": key.proof(method, named, token=token, nonce=self._nonce)})
        self._nonce = answer.headers.get("DPoP-Nonce", self._nonce)
        return answer


AS_BEARER: Final = TokenUse()
"""The use of a token that is bound to no key: without a proof."""


def _wants_nonce(answer: httpx.Response) -> bool:
    if answer.status_code == HTTPStatus.BAD_REQUEST:
        try:
            return bool(answer.json()["error"] == _NONCE_WANTED)
        except (ValueError, KeyError, TypeError):
            return False
    challenges = (answer.headers.get(name, "") for name in _CHALLENGES)
    return answer.status_code == HTTPStatus.UNAUTHORIZED and any(
        f'error="{_NONCE_WANTED}"' in each for each in challenges
    )
