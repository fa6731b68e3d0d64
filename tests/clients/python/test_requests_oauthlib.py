"""requests-oauthlib: the backend application flow, with a secret and with a signed assertion."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from oauthlib.oauth2 import BackendApplicationClient
from oauthlib.oauth2.rfc6749.errors import InvalidClientError, InvalidScopeError
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from careconnect_testing.http.client_service import KeyClient, Service

pytestmark = pytest.mark.clients

SECONDS = 30
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(autouse=True)
def _plain_http_on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.fixture
def session(service: Service) -> Iterator[OAuth2Session]:
    with OAuth2Session(client=BackendApplicationClient(service.secret_client.client_id)) as session:
        yield session


@pytest.fixture
def metadata(service: Service, session: OAuth2Session) -> dict[str, Any]:
    url = f"{service.base}/.well-known/oauth-authorization-server"
    return dict(session.get(url, withhold_token=True, timeout=SECONDS).json())


def test_a_token_is_obtained_used_introspected_and_revoked(
    service: Service, session: OAuth2Session, metadata: dict[str, Any]
) -> None:
    client = service.secret_client
    basic = HTTPBasicAuth(client.client_id, client.secret)
    token = session.fetch_token(metadata["token_endpoint"], auth=basic, timeout=SECONDS)
    assert set(token["scope"]) == set(client.scopes)

    assert session.get(f"{service.fhir_base}/Patient/4", timeout=SECONDS).json()["id"] == "4"

    def introspect() -> Any:
        form = {"token": token["access_token"]}
        url = metadata["introspection_endpoint"]
        return session.post(url, form, auth=basic, withhold_token=True, timeout=SECONDS).json()

    assert introspect()["active"] is True
    url, headers, body = session._client.prepare_token_revocation_request(
        metadata["revocation_endpoint"], token["access_token"]
    )
    assert session.post(url, body, headers=headers, auth=basic, withhold_token=True, timeout=SECONDS).status_code == 200
    assert introspect() == {"active": False}


def test_a_token_by_private_key_jwt(service: Service, metadata: dict[str, Any]) -> None:
    key = service.key_client
    with OAuth2Session(client=BackendApplicationClient(key.client_id)) as session:
        token = session.fetch_token(
            metadata["token_endpoint"],
            include_client_id=True,
            client_assertion_type=ASSERTION_TYPE,
            client_assertion=assertion(key, metadata["token_endpoint"]),
            timeout=SECONDS,
        )
        patient = session.get(f"{service.fhir_base}/Patient/4", timeout=SECONDS)

    assert token["token_type"] == "Bearer"
    assert patient.status_code == 200


def assertion(key: KeyClient, audience: str) -> str:
    now = int(time.time())
    claims = {
        "iss": key.client_id,
        "sub": key.client_id,
        "aud": audience,
        "iat": now,
        "exp": now + 240,
        "jti": secrets.token_urlsafe(),
    }
    return jwt.encode(claims, jwt.PyJWK(key.jwk).key, algorithm="RS256", headers={"kid": key.jwk["kid"]})


def test_errors_are_those_that_the_library_knows(
    service: Service, session: OAuth2Session, metadata: dict[str, Any]
) -> None:
    client = service.secret_client
    with pytest.raises(InvalidClientError):
        session.fetch_token(metadata["token_endpoint"], auth=HTTPBasicAuth(client.client_id, "wrong"), timeout=SECONDS)
    with pytest.raises(InvalidScopeError):
        session.fetch_token(
            metadata["token_endpoint"],
            auth=HTTPBasicAuth(client.client_id, client.secret),
            scope=["user/Patient.read"],
            timeout=SECONDS,
        )
