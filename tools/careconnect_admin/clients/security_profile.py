"""The methods, bound tokens and security profile that a client may be registered with (`bound-tokens.md`)."""

from collections.abc import Collection, Sequence
from typing import Final

from careconnect.oauth.client_record import FAPI2, AuthMethod
from careconnect_admin.clients.errors import RegistrationError

PROFILES: Final = (FAPI2, "none")

_BY_CERTIFICATE: Final = frozenset({"tls_client_auth", "self_signed_tls_client_auth"})


def auth_methods_of(names: Sequence[str]) -> frozenset[AuthMethod]:
    """Return the methods of these names; raises `RegistrationError`."""
    for name in names:
        if name in _BY_CERTIFICATE:
            raise RegistrationError(f"{name} is not offered: certificates authenticate no client. See private_key_jwt")
        if name not in list(AuthMethod):
            raise RegistrationError(f"{name!r} is no method of authentication: {', '.join(AuthMethod)}")
    return frozenset(map(AuthMethod, names))


def security_profile_of(name: str) -> str:
    """Return the profile of this name, empty for `none`; raises `RegistrationError`."""
    if name not in PROFILES:
        raise RegistrationError(f"{name!r} is no security profile: {' or '.join(PROFILES)}")
    return "" if name == "none" else name


def check_profile(profile: str, methods: Collection[AuthMethod], *, dpop_bound: bool, dpop_nonce: bool) -> None:
    """Raise `RegistrationError` if the methods do not suit the profile, or bound tokens are off but needed."""
    if profile == FAPI2 and set(methods) != {AuthMethod.PRIVATE_KEY_JWT}:
        raise RegistrationError(f"a client with the profile {FAPI2} authenticates by private_key_jwt alone")
    if profile == FAPI2 and not dpop_bound:
        raise RegistrationError(f"the profile {FAPI2} takes bound tokens alone, so that --no-dpop-bound is refused")
    if dpop_nonce and not dpop_bound:
        raise RegistrationError(
            "a nonce is a part of a DPoP proof: --dpop-nonce needs --dpop-bound, --no-dpop-bound needs --no-dpop-nonce"
        )
