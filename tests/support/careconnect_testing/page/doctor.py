"""The token doctor in a browser: assertions to paste, and its verdict."""

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Locator, Page, expect

from careconnect_testing.parts.issuer import public_jwk

ROOM: Final = "/#/doctor"
GOOD: Final = "Nothing is wrong that can be seen from here."
KEY: Final = ec.generate_private_key(ec.SECP384R1())
JWKS: Final = json.dumps({"keys": [public_jwk(KEY, "registered")]})
"""The key set of a client that is registered with `KEY`."""

_CLIENT_ID: Final = "doctor-client"


def assertion(
    root: str,
    claims: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    key: ec.EllipticCurvePrivateKey = KEY,
) -> str:
    """Return a signed assertion, valid unless changed; a claim that is None is left out."""
    now = int(time.time())
    id_ = str((claims or {}).get("sub") or _CLIENT_ID)
    whole = {
        "iss": id_,
        "sub": id_,
        "aud": f"{root}/token",
        "iat": now,
        "exp": now + 240,
        "jti": secrets.token_urlsafe(16),
        **(claims or {}),
    }
    whole = {name: value for name, value in whole.items() if value is not None}
    # `encode` refuses to sign claims that the server must reject.
    return jwt.api_jws.encode(json.dumps(whole).encode(), key, "ES384", {"kid": "registered", **(header or {})})


def field(page: Page) -> Locator:
    """Return the input field of the token."""
    return page.get_by_label("Access token, client assertion or DPoP proof")


def verdict(page: Page) -> Locator:
    """Return the headline of the doctor's verdict."""
    return page.get_by_role("region", name="Verdict").get_by_role("heading")


def verdict_on(page: Page, text: str, keys: str = "") -> str:
    """Paste a text into the empty field and return the verdict's headline."""
    field(page).fill("")
    expect(verdict(page)).to_have_count(0)
    field(page).fill(text)
    page.get_by_role("heading", name="Judged as").wait_for()
    if keys and page.get_by_label("registered public keys").count():
        page.get_by_label("registered public keys").fill(keys)
        page.get_by_text("Compared with the key that you gave.").wait_for()
    return verdict(page).inner_text()
