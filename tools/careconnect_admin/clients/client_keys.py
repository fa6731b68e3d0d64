"""Checks of the public keys that a client registers (RFC 7517)."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from careconnect.oauth.client_record import ASSERTION_ALGORITHMS, FAPI2, FAPI2_ALGORITHMS
from careconnect_admin.clients.errors import RegistrationError
from token_issuer.clients.verify_assertion import KeySets
from token_issuer.errors import KeySetUnreachableError

_SMALLEST_RSA_KEY: Final = 2048
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_CURVES: Final = ("P-256", "P-384")
_OF_FAPI2: Final = f"RSA or on P-256, and free for {' or '.join(FAPI2_ALGORITHMS)}, as the profile {FAPI2} needs one"


def check_jwks_uri(uri: str) -> None:
    """Raise `RegistrationError` unless the URI can be the address of a JWK Set."""
    try:
        parts = urlsplit(uri)
        is_good = parts.scheme == "https" and bool(parts.hostname) and parts.username is None and not parts.fragment
        is_good = is_good and parts.port != 0 and uri.isascii() and uri.isprintable() and " " not in uri
    except ValueError:
        is_good = False
    if not is_good:
        raise RegistrationError("the address of a JWK Set is an https URL without user name or fragment")


def checked_jwks(text: str, profile: str = "") -> str:
    """Return the JWK Set in `text` as compact JSON, if each key is public and usable for assertions.

    With the profile `FAPI2` at least one has to be free for an algorithm of that profile. Raises `RegistrationError`
    with the reason.
    """
    try:
        document = json.loads(text)
        keys = document["keys"]
    except (ValueError, KeyError, TypeError):
        raise RegistrationError('the JWK Set is not JSON of the form {"keys": […]} (RFC 7517 §5)') from None
    if not isinstance(keys, list) or not keys:
        raise RegistrationError("the JWK Set has no keys")
    kids = [_checked_key(place, key) for place, key in enumerate(keys, 1)]
    if len(set(kids)) != len(kids):
        raise RegistrationError("two keys of the JWK Set have the same kid")
    if profile == FAPI2 and not any(map(_serves_fapi2, keys)):
        raise RegistrationError(f"no key of the JWK Set is {_OF_FAPI2}")
    return json.dumps({"keys": keys}, separators=(",", ":"))


def check_published(uri: str, key_sets: KeySets, profile: str = "") -> None:
    """Raise `RegistrationError` unless the issuer could fetch a key that it may use from a JWK Set's address now."""
    try:
        keys = key_sets.keys(uri, "")
    except KeySetUnreachableError:
        raise RegistrationError(
            f"no JWK Set answers at {uri}: the issuer needs a public address, https with a trusted certificate, 200 "
            'without a redirect, and JSON of the form {"keys": […]}. --no-check skips this'
        ) from None
    faults = list[str]()
    for place, key in enumerate(keys, 1):
        try:
            _checked_key(place, key)
        except RegistrationError as fault:
            faults.append(str(fault))
        else:
            if profile != FAPI2 or _serves_fapi2(key):
                return
            faults.append(f"key {place} of the JWK Set is not {_OF_FAPI2}")
    why = "; ".join(faults[:3]) or "it is empty"
    raise RegistrationError(f"the JWK Set at {uri} has no key for the issuer: {why}. --no-check skips this")


def _serves_fapi2(key: Mapping[str, Any]) -> bool:
    own = "PS256" if key["kty"] == "RSA" else "ES256" if key["crv"] == "P-256" else ""
    return own in FAPI2_ALGORITHMS and key.get("alg", own) == own


def _checked_key(place: int, key: Any) -> str:
    where = f"key {place} of the JWK Set"
    if not isinstance(key, Mapping):
        raise RegistrationError(f"{where} is not an object")
    if _PRIVATE_MEMBERS & set(key):
        raise RegistrationError(
            f"{where} is private: register the public half, and make a new pair, as this one was shown"
        )
    kid = key.get("kid")
    if not isinstance(kid, str) or not kid:
        raise RegistrationError(f"{where} has no kid")
    if "alg" in key and key["alg"] not in ASSERTION_ALGORITHMS:
        raise RegistrationError(f"{where} is for another algorithm than {', '.join(ASSERTION_ALGORITHMS)}")
    if key.get("use", "sig") != "sig":
        raise RegistrationError(f"{where} is not for signatures")
    if key.get("kty") not in ("RSA", "EC") or (key["kty"] == "EC" and key.get("crv") not in _CURVES):
        raise RegistrationError(f"{where} is neither RSA nor EC on {' or '.join(_CURVES)}")
    try:
        public_key = jwt.PyJWK(dict(key)).key
    except (jwt.PyJWTError, ValueError, TypeError):
        raise RegistrationError(f"{where} is malformed") from None
    if not isinstance(public_key, RSAPublicKey | EllipticCurvePublicKey):
        raise RegistrationError(f"{where} is not a public key")
    if isinstance(public_key, RSAPublicKey) and public_key.key_size < _SMALLEST_RSA_KEY:
        raise RegistrationError(f"{where} has fewer than {_SMALLEST_RSA_KEY} bits")
    return kid
