"""The private key of a client, for signing assertions (RFC 7523) and for finding its registered JWK."""

import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from careconnect.oauth.client_record import ASSERTION_ALGORITHMS, FAPI2_ALGORITHMS
from careconnect_admin.errors import OperatorError

_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 60
_OF_CURVE: Final = {SECP256R1.name: "ES256", SECP384R1.name: "ES384"}


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key and the assertion algorithms that it supports, the usual one first."""

    key: RSAPrivateKey | EllipticCurvePrivateKey = field(repr=False)
    algorithms: tuple[str, ...]

    @classmethod
    def of_pem(cls, pem: bytes) -> Self:
        """Read a key from PEM; raises `OperatorError` if it cannot sign."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise OperatorError("the key is not an unencrypted private key in PEM") from None
        if isinstance(key, RSAPrivateKey):
            return cls(key, tuple(each for each in ASSERTION_ALGORITHMS if each[0] in "RP"))
        if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _OF_CURVE:
            return cls(key, (_OF_CURVE[key.curve.name],))
        raise OperatorError("the key is neither RSA nor EC on P-256 or P-384")

    @property
    def fapi2_algorithm(self) -> str:
        """The algorithm of assertions of a client with the profile `FAPI2`, empty if the key has none."""
        return next((each for each in self.algorithms if each in FAPI2_ALGORITHMS), "")

    def registered(self, jwks: str) -> Mapping[str, Any] | None:
        """Return the key's JWK from a client's JWK Set (JSON text), None if the set does not have it."""
        public = self.key.public_key()
        keys = json.loads(jwks)["keys"] if jwks else []
        return next((each for each in keys if jwt.PyJWK(each).key == public), None)

    def assertion(self, client_id: str, root: str, kid: str, algorithm: str = "") -> dict[str, str]:
        """Return the form parameters that authenticate a client at the service whose issuer is `root` (RFC 7523 §3).

        Raises `OperatorError` if the key does not support the algorithm.
        """
        chosen = algorithm or self.algorithms[0]
        if chosen not in self.algorithms:
            raise OperatorError(f"this key cannot sign by {chosen}: it can by {', '.join(self.algorithms)}")
        now = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": root,
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        signed = jwt.encode(claims, self.key, chosen, headers={"kid": kid})
        return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": signed}
