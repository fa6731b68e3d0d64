"""A token by a private key (RFC 7523), by PyJWT. Set BASE and KEY_CLIENT_ID; the key is client-key.pem."""

import os
import time
import uuid
from pathlib import Path

import jwt
import requests

endpoint = f"{os.environ['BASE']}/token"
client_id = os.environ["KEY_CLIENT_ID"]
now = int(time.time())
claims = {
    "iss": client_id,
    "sub": client_id,
    "aud": os.environ["BASE"],
    "iat": now,
    "exp": now + 60,
    "jti": str(uuid.uuid4()),
}
key = Path("client-key.pem").read_bytes()
form = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_assertion": jwt.encode(claims, key, algorithm="RS256", headers={"kid": "key-1"}),
}
print(requests.post(endpoint, data=form, timeout=30).json()["token_type"])
