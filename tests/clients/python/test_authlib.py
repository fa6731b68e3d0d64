"""Authlib: discovers by RFC 8414, authenticates in three ways, introspects and revokes."""

import time
from typing import Any

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from careconnect_testing.http.client_service import Service

pytestmark = pytest.mark.clients

SECONDS = 30


@pytest.fixture(scope="module")
def metadata(service: Service) -> dict[str, Any]:
    with OAuth2Session() as session:
        url = get_well_known_url(service.base, external=True)
        return dict(session.get(url, withhold_token=True, timeout=SECONDS).json())


@pytest.fixture(params=["client_secret_basic", "client_secret_post", "private_key_jwt"])
def session(request: pytest.FixtureRequest, service: Service, metadata: dict[str, Any]) -> OAuth2Session:
    settings = {
        "token_endpoint": metadata["token_endpoint"],
        "token_endpoint_auth_method": request.param,
        "revocation_endpoint_auth_method": request.param,
    }
    if request.param != "private_key_jwt":
        return OAuth2Session(service.secret_client.client_id, service.secret_client.secret, **settings)
    key = service.key_client
    session = OAuth2Session(key.client_id, RSAKey.import_key(key.jwk), **settings)
    session.register_client_auth_method(_PrivateKeyJwt(metadata["token_endpoint"], headers={"kid": key.jwk["kid"]}))
    return session


class _PrivateKeyJwt(PrivateKeyJWT):  # type: ignore[misc]  # Authlib is untyped
    """Authlib's assertions live an hour, and keep their jti: these live as long as SMART allows, and are new each."""

    def sign(self, auth: Any, token_endpoint: str) -> str:
        self.claims = {"exp": int(time.time()) + 240}
        return str(super().sign(auth, token_endpoint))


def test_metadata_is_valid_by_authlibs_reading_of_rfc_8414(service: Service, metadata: dict[str, Any]) -> None:
    read = AuthorizationServerMetadata(metadata)

    assert read["issuer"] == service.base
    # There is no authorization endpoint to validate: Authlib asks for one before it looks at the grants.
    for part in ("token_endpoint", "jwks_uri", "grant_types_supported", "token_endpoint_auth_methods_supported"):
        getattr(read, f"validate_{part}")()


def test_a_token_is_obtained_used_introspected_and_revoked(
    session: OAuth2Session, service: Service, metadata: dict[str, Any]
) -> None:
    token = session.fetch_token(grant_type="client_credentials", scope="system/*.read", timeout=SECONDS)
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "system/*.read"

    patient = session.get(f"{service.fhir_base}/Patient/4", timeout=SECONDS)
    assert patient.status_code == 200
    assert patient.json()["id"] == "4"

    introspection = metadata["introspection_endpoint"]
    active = session.introspect_token(introspection, token=token["access_token"], timeout=SECONDS).json()
    assert active["active"] is True
    assert active["client_id"] == session.client_id

    revoked = session.revoke_token(metadata["revocation_endpoint"], token=token["access_token"], timeout=SECONDS)
    assert revoked.status_code == 200
    again = session.introspect_token(introspection, token=token["access_token"], timeout=SECONDS)
    assert again.json() == {"active": False}


def test_the_published_keys_verify_the_token(service: Service, metadata: dict[str, Any]) -> None:
    client = service.secret_client
    with OAuth2Session(client.client_id, client.secret, token_endpoint=metadata["token_endpoint"]) as session:
        token = session.fetch_token(grant_type="client_credentials", timeout=SECONDS)
        keys = KeySet.import_key_set(session.get(metadata["jwks_uri"], withhold_token=True, timeout=SECONDS).json())

    read = jwt.decode(token["access_token"], keys, algorithms=["RS256"])

    assert read.header["typ"] == "at+jwt"
    assert read.claims["aud"] == service.fhir_base
    assert read.claims["iss"] == metadata["issuer"]


def test_a_wrong_secret_is_invalid_client(service: Service, metadata: dict[str, Any]) -> None:
    endpoint = metadata["token_endpoint"]
    with (
        OAuth2Session(service.secret_client.client_id, "wrong", token_endpoint=endpoint) as session,
        pytest.raises(OAuthError) as refused,
    ):
        session.fetch_token(grant_type="client_credentials", timeout=SECONDS)

    assert refused.value.error == "invalid_client"
