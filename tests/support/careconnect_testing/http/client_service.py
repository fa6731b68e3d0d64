"""The running service as a third-party client sees it."""

from dataclasses import dataclass, field
from typing import Any

from careconnect_admin.clients.demo import DemoClient


@dataclass(frozen=True)
class KeyClient:
    """A client that authenticates by private_key_jwt: its id and its private JWK."""

    client_id: str
    jwk: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Service:
    """The facts given to a client: the service's address, the credentials, and the data to be found there."""

    base: str
    fhir_base: str
    secret_client: DemoClient
    editor: DemoClient
    """The client that writes the resources that `secret_client` reads."""
    bound_client: DemoClient
    """A client with the scopes of `editor` that gets bound tokens alone, and needs a nonce in each proof."""
    key_client: KeyClient
    fapi2_client: KeyClient
    """A client with the profile fapi2, which needs a nonce in each proof."""
    nhs_number: str
    observations: frozenset[str]
    """The ids of the observations of the patient with that NHS number."""
