"""The API's public root URL, which the issuer, the audience and every link are built from.

It is either configured (a custom domain, a local run) or built from the gateway's request context; never
from a header that the caller sends.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

FHIR_PATH: Final = "/careconnect-ri/STU3"
"""The path of the FHIR base below the root URL."""

REALM: Final = "careconnect"


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """The root URL without a trailing slash: the token issuer's `iss`, byte for byte.

    `fhir` is the FHIR base: the access token's `aud` and the prefix of every `fullUrl`.
    """

    root: str
    fhir: str = field(init=False)

    def __post_init__(self) -> None:
        """Derive the FHIR base."""
        object.__setattr__(self, "fhir", self.root + FHIR_PATH)

    @property
    def token_endpoint(self) -> str:
        """The URL of `POST /token`."""
        return f"{self.root}/token"


@lru_cache(maxsize=4)
def base_url(configured: str, *, api_id: str, stage: str, region: str) -> BaseUrl:
    """Return the configured root URL, or the gateway's own for `api_id`, `stage` and `region`."""
    if configured:
        return BaseUrl(configured.rstrip("/"))
    return BaseUrl(f"https://{api_id}.execute-api.{region}.amazonaws.com/{stage}")
