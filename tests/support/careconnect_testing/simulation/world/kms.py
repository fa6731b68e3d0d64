"""KMS in memory: three key pairs, and aliases that move between them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from careconnect.oauth.signing_keys import CURRENT, KMS_ALGORITHM, NEXT, PREVIOUS
from careconnect_testing.simulation.schedule.scheduler import Home
from careconnect_testing.simulation.world.faults import Fault

if TYPE_CHECKING:
    from careconnect_testing.simulation.world.aws import Aws

_KEYS: Final = tuple(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))


@dataclass
class Keys:
    """KMS's keys: the place of each alias in the list of all keys."""

    places: dict[str, int] = field(default_factory=lambda: {NEXT: 0, CURRENT: 0, PREVIOUS: 0})


ALIAS: Final = "alias/simulated"
_ARN: Final = "arn:aws:kms:eu-west-2:123456789012:key/"
_SIGNED: dict[tuple[int, bytes], bytes] = {}
_PUBLIC: Final = tuple(
    key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for key in _KEYS
)


class SimulatedKms:
    """boto3's client of KMS, for one instance of a function."""

    def __init__(self, aws: "Aws", home: Home) -> None:
        self._aws = aws
        self._home = home

    def get_public_key(self, **request: Any) -> Any:
        """Return a key's public part."""
        return self._aws.call(self._home, "get_public_key", request, self._public)

    def sign(self, **request: Any) -> Any:
        """Sign a message."""
        return self._aws.call(self._home, "sign", request, self._sign)

    def _public(self, _fault: Fault, request: Mapping[str, Any]) -> Any:
        place = self._places[request["KeyId"].removeprefix(ALIAS)]
        return {"KeyId": f"{_ARN}{place}", "PublicKey": _PUBLIC[place], "SigningAlgorithms": [KMS_ALGORITHM]}

    def _sign(self, _fault: Fault, request: Mapping[str, Any]) -> Any:
        key_id, message = request["KeyId"], request["Message"]
        place = int(key_id.removeprefix(_ARN)) if key_id.startswith(_ARN) else self._places[key_id.removeprefix(ALIAS)]
        known = place, hashlib.sha256(message).digest()
        if known not in _SIGNED:
            _SIGNED[known] = _KEYS[place].sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {"Signature": _SIGNED[known]}

    @property
    def _places(self) -> dict[str, int]:
        return self._aws.keys.places
