"""Obtain an access token as a client (RFC 6749 §4.4), decode it and introspect it."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
import jwt

from careconnect_admin.clients.token_use import AS_BEARER, TokenUse
from careconnect_admin.errors import OperatorError

NO_AUTH: Final = httpx.Auth()
"""No authentication: leaves a request unchanged."""

_TIMEOUT: Final = 30


@dataclass(frozen=True, slots=True)
class ClientAuthentication:
    """A client's authentication, by a header or by form parameters (RFC 6749 §2.3).

    `parameters` makes them for one request, because an assertion counts once.
    """

    auth: httpx.Auth = field(default=NO_AUTH, repr=False)
    parameters: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)


def http_client(user_agent: str = "careconnect") -> httpx.Client:
    """Return an HTTP client that uses this machine's trusted certificates and follows no redirects.

    Without redirects credentials go to the named address only.
    """
    return httpx.Client(
        verify=ssl.create_default_context(),
        timeout=_TIMEOUT,
        follow_redirects=False,
        headers={"User-Agent": user_agent},
    )


def basic(client_id: str, secret: str) -> httpx.BasicAuth:
    """Return the Basic authentication of a client, with id and secret form-encoded (RFC 6749 §2.3.1)."""
    return httpx.BasicAuth(quote(client_id, safe=""), quote(secret, safe=""))


def request_token(
    root: str, authentication: ClientAuthentication, *, scope: str = "", use: TokenUse = AS_BEARER
) -> dict[str, Any]:
    """Return the response of the token endpoint of the service `root` (RFC 6749 §5.1) to a client.

    Without `scope` the request is for all of the client's scopes. By `use` the token is bound to a key. Raises
    `OperatorError` with the reason if there is no token.
    """
    form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
    return _post(f"{root}/token", form, authentication, use)


def introspect(root: str, authentication: ClientAuthentication, token: str) -> dict[str, Any]:
    """Return the introspection response of the service `root` for a token (RFC 7662 §2.2); raises `OperatorError`."""
    return _post(f"{root}/introspect", {"token": token}, authentication)


def issuer_of(root: str) -> str:
    """Return the issuer that the service `root` names in its metadata (RFC 8414 §3); raises `OperatorError`."""
    url = f"{root}/.well-known/oauth-authorization-server"
    try:
        with http_client() as http:
            return str(http.get(url).raise_for_status().json()["issuer"])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise OperatorError(f"{url} does not answer as it should ({type(error).__name__})") from None


def check_safe(url: str) -> None:
    """Raise `OperatorError` for a URL to which secrets and tokens would be sent unencrypted over a network."""
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise OperatorError(f"a secret is sent over https only, and {url} is not")


def _post(
    url: str, form: Mapping[str, str], authentication: ClientAuthentication, use: TokenUse = AS_BEARER
) -> dict[str, Any]:
    check_safe(url)
    try:
        with http_client() as http:
            answer = use.send(
                "POST",
                url,
                lambda proof: http.post(
                    url,
                    data={**form, **authentication.parameters()},
                    auth=authentication.auth,
                    headers={"Accept": "application/json", **proof},
                ),
            )
        if answer.status_code != HTTPStatus.OK:
            raise OperatorError(_refusal(answer))
        document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise OperatorError(f"{url} does not answer as it should ({type(error).__name__})") from None
    return document


def decoded(access_token: str) -> dict[str, Any]:
    """Return a token's `header` and `claims` without verifying its signature."""
    return {
        "header": jwt.get_unverified_header(access_token),
        "claims": jwt.decode(access_token, options={"verify_signature": False}),
    }


def is_bound(access_token: str) -> bool | None:
    """Return whether a token is bound to a key (RFC 9449 §6.1); None if that cannot be told of it."""
    try:
        return "cnf" in decoded(access_token)["claims"]
    except jwt.PyJWTError:
        return None


def _refusal(answer: httpx.Response) -> str:
    try:
        document = answer.json()
        return f"refused: {document['error']} ({answer.status_code}): {document['error_description']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.url.path} answers {answer.status_code}: is the base URL right?"
