"""The unverified client credentials of a request (`oauth.md`, Client authentication)."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_plus

from careconnect.oauth.client_record import AuthMethod
from token_issuer.clients.verify_assertion import claimed_client_id
from token_issuer.errors import ClientRefusedError, invalid_client, invalid_request, no_client_authentication

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

# Without ASCII, a long s (ſ) and the sign for Kelvin would count as letters whose case does not matter.
_BASIC: Final = re.compile(r"basic +(?P<token>[A-Za-z0-9+/]+={0,2})", re.IGNORECASE | re.ASCII)
_NO_BASIC: Final = "The Authorization header is not Basic with id:secret in base64, each half form-encoded."


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The claimed client id, the authentication method, and `proof`: a secret or an assertion."""

    method: AuthMethod
    client_id: str
    proof: str = field(repr=False)


def read_credentials(authorization: str, parameters: Mapping[str, str]) -> ClientCredentials:
    """Return the client credentials of a request.

    Raises the errors for no credentials, for two methods at once (RFC 6749 §2.3) and for malformed credentials.
    """
    asserts = "client_assertion" in parameters or "client_assertion_type" in parameters
    presented = [bool(authorization.strip()), "client_secret" in parameters, asserts]
    if sum(presented) > 1:
        raise invalid_request("Use one method of client authentication.", reason="two methods")
    if presented[0]:
        return _basic(authorization.strip())
    if presented[1]:
        return _post(parameters)
    if presented[2]:
        return _assertion(parameters)
    raise no_client_authentication()


def _basic(authorization: str) -> ClientCredentials:
    """Read the Basic scheme: strict base64, UTF-8, the first colon, each half form-decoded (RFC 6749 §2.3.1)."""
    match = _BASIC.fullmatch(authorization)
    if match is None:
        raise invalid_client("not the Basic scheme", _NO_BASIC)
    try:
        decoded = base64.b64decode(match["token"], validate=True)
        client_id, colon, secret = decoded.decode().partition(":")
        client_id, secret = (unquote_plus(half, errors="strict") for half in (client_id, secret))
    except (binascii.Error, UnicodeDecodeError):
        raise invalid_client("malformed Basic credentials", _NO_BASIC) from None
    if not colon or not client_id:
        raise invalid_client("malformed Basic credentials", _NO_BASIC)
    return ClientCredentials(AuthMethod.BASIC, client_id, secret)


def _post(parameters: Mapping[str, str]) -> ClientCredentials:
    if "client_id" not in parameters:
        raise invalid_client("a secret without a client id", "The client_secret comes without its client_id.")
    return ClientCredentials(AuthMethod.POST, parameters["client_id"], parameters["client_secret"])


def _assertion(parameters: Mapping[str, str]) -> ClientCredentials:
    """Read an assertion; its `sub` alone identifies the client (RFC 7521 §4.2)."""
    if parameters.get("client_assertion_type") != ASSERTION_TYPE:
        raise invalid_client("another assertion type", f"The client_assertion_type is not {ASSERTION_TYPE}.")
    assertion = parameters.get("client_assertion", "")
    try:
        client_id = claimed_client_id(assertion)
    except ClientRefusedError as refused:
        raise invalid_client(refused.reason, refused.told) from None
    return ClientCredentials(AuthMethod.PRIVATE_KEY_JWT, client_id, assertion)
