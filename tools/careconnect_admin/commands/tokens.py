"""`careconnect token`: obtain an access token as a client does, and show what it says."""

import base64
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Annotated, Any, Final

import jwt
import typer
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from careconnect_admin.commands.on_stack import (
    JsonOption,
    PortOption,
    ProfileOption,
    RegionOption,
    StackOption,
    found_stack,
    operator_errors,
)
from careconnect_admin.errors import OperatorError

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 60
_TIMEOUT: Final = 30
_SECRET_VARIABLE: Final = "CLIENT_SECRET"


def token(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The client's id.")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A scope, or several between spaces. Without: all.")
    ] = None,
    secret_file: Annotated[
        typer.FileText | None,
        typer.Option(
            "--secret-file",
            help=f"The file with its secret, or '-' for standard input; else {_SECRET_VARIABLE}, else asked for.",
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", exists=True, dir_okay=False, help="Authenticate with this private key (PEM) instead."),
    ] = None,
    kid: Annotated[str, typer.Option("--kid", help="The registered kid of that key.")] = "",
    base: Annotated[str | None, typer.Option("--base", help="The service's root URL, instead of a stack's.")] = None,
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Obtain an access token and decode it. Mind where you show it: whoever has it may use it."""
    with operator_errors():
        root = base or ""
        if not root:
            with found_stack(stack, region, profile, port) as target:
                root = target.output("BaseUrl")
        root = root.rstrip("/")
        form = {"grant_type": "client_credentials"}
        if scope:
            form["scope"] = " ".join(scope)
        headers = {}
        if key is not None:
            form["client_assertion_type"] = _ASSERTION_TYPE
            form["client_assertion"] = _assertion(client_id, root, key.read_bytes(), kid)
        else:
            secret = secret_file.read().strip() if secret_file else os.environ.get(_SECRET_VARIABLE, "")
            secret = secret or typer.prompt("Secret", hide_input=True, err=True)
            pair = f"{urllib.parse.quote_plus(client_id)}:{urllib.parse.quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        answer = _post(f"{root}/token", form, headers)
        decoded = _decoded(answer["access_token"])
        if as_json:
            print(json.dumps({**answer, **decoded}, indent=2))
            return
        print(answer["access_token"])
        for part in ("header", "claims"):
            print(json.dumps(decoded[part], indent=2))


def _assertion(client_id: str, root: str, pem: bytes, kid: str) -> str:
    """Sign a client assertion for the token endpoint (RFC 7523 §3)."""
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
    return jwt.encode(claims, key, algorithm, headers={"kid": kid})


def _post(url: str, form: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise OperatorError(f"a secret is sent over https only, and {url} is not")
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        url,
        urllib.parse.urlencode(form).encode(),
        {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **headers},
    )
    try:
        with urllib.request.build_opener(_NoRedirects).open(request, timeout=_TIMEOUT) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.HTTPError as error:
        with error:
            raise OperatorError(_refusal(error.code, error.read(10_000))) from None
    except (OSError, ValueError) as error:
        raise OperatorError(f"{url} does not answer as it should ({type(error).__name__})") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Sends credentials to the named address only."""

    def redirect_request(self, *_args: Any, **_options: Any) -> None:
        """Follow nothing."""


def _refusal(status: int, body: bytes) -> str:
    try:
        document = json.loads(body)
        return f"refused: {document['error']} ({status}): {document['error_description']}"
    except (ValueError, KeyError, TypeError):
        return f"the token endpoint answers {status}: is the base URL right?"


def _decoded(access_token: str) -> dict[str, Any]:
    return {
        "header": jwt.get_unverified_header(access_token),
        "claims": jwt.decode(access_token, options={"verify_signature": False}),
    }
