"""The two signatures of access tokens, by one key (`tokens.md`, The access token)."""

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from careconnect.oauth.signing_keys import thumbprint
from careconnect_testing.parts.issuer import ALIAS, Issuer


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_the_current_key_signs_by_either_under_one_kid(issuer: Issuer, algorithm: str) -> None:
    key: Any = load_der_public_key(issuer.kms.get_public_key(KeyId=f"{ALIAS}-current")["PublicKey"])
    signer: Any = issuer.endpoint.signer
    sign = signer.sign_by_pss if algorithm == "PS256" else signer.sign

    token = sign({"sub": "client-1"})

    assert jwt.get_unverified_header(token) == {"alg": algorithm, "typ": "at+jwt", "kid": thumbprint(key)}
    assert jwt.decode(token, key, [algorithm]) == {"sub": "client-1"}
