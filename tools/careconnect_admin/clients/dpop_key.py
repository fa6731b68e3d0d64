"""The key of a client's DPoP proofs (RFC 9449), kept in a file as a private JWK."""

import base64
import hashlib
import json
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import ECAlgorithm

from careconnect_admin.errors import OperatorError

_SMALLEST_RSA_KEY: Final = 2048
_LARGEST_RSA_KEY: Final = 4096
_PUBLIC_MEMBERS: Final = {
    "ES256": ("kty", "crv", "x", "y"),
    "PS256": ("kty", "n", "e"),
    "EdDSA": ("kty", "crv", "x"),
}


@dataclass(frozen=True, slots=True)
class DpopKey:
    """A private key, the one algorithm that its proofs are signed by, and its public JWK."""

    key: EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey = field(repr=False)
    algorithm: str
    public: dict[str, str]

    @classmethod
    def of_file(cls, path: Path) -> tuple[Self, bool]:
        """Read a key; if there is no such file, make it with a new P-256 key, readable by its owner alone.

        Returns the key and whether it is new. Raises `OperatorError`.
        """
        try:
            return cls.of_jwk(path.read_text(encoding="utf-8")), False
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorError(f"{path} is not a file that can be read ({type(error).__name__})") from None
        text = json.dumps(ECAlgorithm.to_jwk(generate_private_key(SECP256R1()), as_dict=True))
        try:
            # Never overwrites, and nobody else can open it at any moment.
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError as error:
            raise OperatorError(f"{path} cannot be made ({type(error).__name__})") from None
        return cls.of_jwk(text), True

    @classmethod
    def of_jwk(cls, text: str) -> Self:
        """Read a key from a private JWK (JSON text); raises `OperatorError` if it can sign no proof."""
        try:
            jwk = json.loads(text)
            key = jwt.PyJWK({name: value for name, value in jwk.items() if name != "alg"}).key
        except (ValueError, TypeError, AttributeError, jwt.PyJWTError):
            raise OperatorError("the DPoP key is not a private JWK (RFC 7517)") from None
        algorithm = _algorithm_of(key)
        if jwk.get("alg", algorithm) != algorithm:
            raise OperatorError(f"the DPoP key is for another algorithm than {algorithm}")
        return cls(key, algorithm, {name: jwk[name] for name in _PUBLIC_MEMBERS[algorithm]})

    def proof(self, method: str, url: str, *, token: str = "", nonce: str = "") -> str:
        """Return a new proof for one request (RFC 9449 §4.2): at the API with its access token's hash."""
        claims: dict[str, Any] = {
            "jti": str(uuid.uuid4()),
            "htm": method,
            "htu": urlunsplit(urlsplit(url)._replace(query="", fragment="")),
            "iat": int(time.time()),
        }
        if token:
            claims["ath"] = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        if nonce:
            claims["nonce"] = nonce
        return jwt.encode(claims, self.key, self.algorithm, headers={"typ": "dpop+jwt", "jwk": self.public})


def _algorithm_of(key: object) -> str:
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return "ES256"
    if isinstance(key, RSAPrivateKey) and _SMALLEST_RSA_KEY <= key.key_size <= _LARGEST_RSA_KEY:
        return "PS256"
    if isinstance(key, Ed25519PrivateKey):
        return "EdDSA"
    raise OperatorError("the DPoP key is not a private key of P-256, of RSA with 2048 to 4096 bits, or of Ed25519")
