"""Measure an access token by client credentials: our issuer and node-oidc-provider, both with one local RSA key.

Most of a token's CPU is its signature, which OpenSSL creates for both. So the bare signature is measured too.
"""

import json
from contextlib import ExitStack
from typing import Any, Final

import jwt
from benchmarks.peers.measured_process import MeasuredProcess
from benchmarks.peers.programs import BASE, ours, theirs
from benchmarks.peers.reading import row
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.access_token import ALGORITHM, TOKEN_TYPE
from careconnect.oauth.client_record import CLIENT_CREDENTIALS
from careconnect.oauth.signing_keys import thumbprint
from careconnect_testing.http.events import form_event
from careconnect_testing.parts.issuer import basic

PEER: Final = "node-oidc-provider"

_TOKEN: Final = "call"
_SIGNATURE: Final = "signature"
_WARM_UP: Final = 500
_KEY_BITS: Final = 2048
"""The size of the key in KMS."""

_AUDIENCE: Final = f"{BASE}{FHIR_PATH}"
_SCOPE: Final = "system/Patient.read"
_CLIENT: Final = {"id": "benchmark", "secret": "a-secret-that-is-nobodys-" + "0" * 61}


class Tokens:
    """Both issuers, started. Use as a context manager."""

    def __enter__(self) -> "Tokens":
        key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        with ExitStack() as started:
            programs = {"ours": ours("our_issuer"), "theirs": theirs("oidc_provider.mjs")}
            self._processes = {
                name: started.enter_context(MeasuredProcess(program)) for name, program in programs.items()
            }
            for process in self._processes.values():
                process.prepare(_given(key))
                _check(process.answer(), key)
                process.cpu(_TOKEN, _WARM_UP)
                process.cpu(_SIGNATURE, _WARM_UP)
            self._exit = started.pop_all()
        self._runs: dict[tuple[str, str], list[float]] = {
            (name, step): [] for name in programs for step in (_TOKEN, _SIGNATURE)
        }
        return self

    def __exit__(self, *failure: object) -> None:
        self._exit.close()

    def call(self, times: int) -> None:
        """Let each grant tokens and create signatures."""
        for (name, step), runs in self._runs.items():
            runs.append(self._processes[name].cpu(step, times))

    def rows(self) -> list[dict[str, Any]]:
        """Return the median milliseconds of a token, and of a token without its signature."""
        token, without = "token", "token, without its signature"
        own = [
            [one - bare for one, bare in zip(self._runs[name, _TOKEN], self._runs[name, _SIGNATURE], strict=True)]
            for name in self._processes
        ]
        return [row(PEER, token, self._runs["ours", _TOKEN], self._runs["theirs", _TOKEN]), row(PEER, without, *own)]


def _given(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """Return the input of both issuers, from which each takes its own members."""
    form = {"grant_type": CLIENT_CREDENTIALS, "scope": _SCOPE}
    event = form_event("/token", form, headers=basic(_CLIENT["id"], _CLIENT["secret"]))
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(key, as_dict=True)
    del jwk["key_ops"]
    claims = {"iss": BASE, "aud": _AUDIENCE, "client_id": _CLIENT["id"], "scope": _SCOPE, "jti": "0" * 36}
    return {
        "pem": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "jwk": {**jwk, "kid": thumbprint(key.public_key()), "alg": ALGORITHM, "use": "sig"},
        "client": _CLIENT,
        "scope": _SCOPE,
        "issuer": BASE,
        "audience": _AUDIENCE,
        "event": event,
        "request": {"headers": event["headers"], "body": event["body"]},
        # As long as the signed part of a token.
        "signed": jwt.encode(claims, key, ALGORITHM).rpartition(".")[0],
    }


def _check(answer: Any, key: rsa.RSAPrivateKey) -> None:
    """Raise RuntimeError or an error of PyJWT unless the answer is the requested token."""
    if answer["statusCode"] != 200:
        raise RuntimeError(f"answered {answer['statusCode']}: {answer['body']}")
    token = json.loads(answer["body"])["access_token"]
    claims = jwt.decode(token, key.public_key(), [ALGORITHM], audience=_AUDIENCE, issuer=BASE)
    if (jwt.get_unverified_header(token)["typ"], claims["scope"]) != (TOKEN_TYPE, _SCOPE):
        raise RuntimeError(f"another token than was asked for: {claims}")
