"""Obtain an access token as a client does (RFC 6749 §4.4), and read what it says."""

import ssl
import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from careconnect_admin.errors import OperatorError

NO_AUTH: Final = httpx.Auth()
"""What leaves a request as it is."""

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 60
_TIMEOUT: Final = 30


def http_client(user_agent: str = "careconnect") -> httpx.Client:
    """Return an HTTP client that trusts what this machine trusts and follows no redirect.

    So credentials go to the named address only.
    """
    return httpx.Client(
        verify=ssl.create_default_context(),
        timeout=_TIMEOUT,
        follow_redirects=False,
        headers={"User-Agent": user_agent},
    )


def basic(client_id: str, secret: str) -> httpx.BasicAuth:
    """Return the Basic authentication of a client, each half encoded as a form is (RFC 6749 §2.3.1)."""
    return httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))


def assertion(client_id: str, root: str, pem: bytes, kid: str) -> dict[str, str]:
    """Return the parameters that authenticate a client by its private key at the service `root` (RFC 7523 §3).

    Raises `OperatorError` if the key cannot sign.
    """
    if not kid:
        raise OperatorError("--key needs --kid, the name that the key is registered under")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise OperatorError("the key is not an unencrypted private key in PEM") from None
    algorithm = ""
    if isinstance(key, RSAPrivateKey):
        algorithm = "RS256"
    elif isinstance(key, EllipticCurvePrivateKey):
        algorithm = {SECP256R1.name: "ES256", SECP384R1.name: "ES384"}.get(key.curve.name, "")
    if not algorithm or not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise OperatorError("the key is neither RSA nor EC on P-256 or P-384")
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": f"{root}/token",
        "iat": now,
        "exp": now + _ASSERTION_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    signed = jwt.encode(claims, key, algorithm, headers={"kid": kid})
    return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": signed}


def request_token(
    root: str, *, scope: str = "", auth: httpx.Auth = NO_AUTH, assertion: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the answer of the token endpoint of the service `root` (RFC 6749 §5.1) to a client.

    It authenticates by `auth` or by the parameters of `assertion`; without `scope` it asks for all that it has.
    Raises `OperatorError` with the reason if there is no token.
    """
    url = f"{root}/token"
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise OperatorError(f"a secret is sent over https only, and {url} is not")
    form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {}), **(assertion or {})}
    try:
        with http_client() as http:
            answer = http.post(url, data=form, auth=auth, headers={"Accept": "application/json"})
        if answer.status_code != HTTPStatus.OK:
            raise OperatorError(_refusal(answer))
        token: dict[str, Any] = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise OperatorError(f"{url} does not answer as it should ({type(error).__name__})") from None
    return token


def decoded(access_token: str) -> dict[str, Any]:
    """Return a token's `header` and `claims`, its signature not looked at."""
    return {
        "header": jwt.get_unverified_header(access_token),
        "claims": jwt.decode(access_token, options={"verify_signature": False}),
    }


def _refusal(answer: httpx.Response) -> str:
    try:
        document = answer.json()
        return f"refused: {document['error']} ({answer.status_code}): {document['error_description']}"
    except (ValueError, KeyError, TypeError):
        return f"the token endpoint answers {answer.status_code}: is the base URL right?"
