"""Authlib: discovers by RFC 8414, authenticates in three ways, introspects and revokes."""

import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest
from authlib.integrations.base_client.errors import OAuthError, UnsupportedTokenTypeError
from authlib.integrations.requests_client import OAuth2Auth, OAuth2Session
from authlib.oauth2.client import DEFAULT_HEADERS
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

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


# --- bound tokens: Authlib has none of RFC 9449, but lets a client bring its own


class Dpop:
    """The proofs of one key, by Authlib's own JOSE, and the newest nonce of the service."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256")
        self.nonce = ""

    def proof(self, method: str, url: str, token: str = "") -> str:
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.as_dict(private=False)}
        claims: dict[str, Any] = {"jti": secrets.token_hex(), "htm": method, "htu": url, "iat": int(time.time())}
        claims |= {"nonce": self.nonce} if self.nonce else {}
        claims |= {"ath": create_s256_code_challenge(token)} if token else {}
        return jwt.encode(header, claims, self.key, algorithms=["ES256"])


class BoundTokenAuth(OAuth2Auth):  # type: ignore[misc]  # Authlib is untyped
    """A token of the type DPoP, with a proof in each request."""

    dpop: Dpop

    def __call__(self, req: Any) -> Any:
        token = self.token["access_token"]
        proof = self.dpop.proof(req.method, req.url.partition("?")[0], token)
        req.headers.update({"Authorization": f"DPoP {token}", "DPoP": proof})
        return req


@pytest.fixture
def bound(service: Service, metadata: dict[str, Any]) -> Iterator[tuple[OAuth2Session, Dpop]]:
    """A session with a bound token of the client that needs nonces, which was asked for twice."""
    dpop, endpoint, client = Dpop(), metadata["token_endpoint"], service.bound_client
    with OAuth2Session(client.client_id, client.secret, token_endpoint=endpoint) as session:

        def keep_nonce(answer: Any) -> Any:
            dpop.nonce = answer.headers["DPoP-Nonce"]
            return answer

        session.register_compliance_hook("access_token_response", keep_nonce)

        def fetch() -> Any:
            headers = {**DEFAULT_HEADERS, "DPoP": dpop.proof("POST", endpoint)}
            return session.fetch_token(grant_type="client_credentials", headers=headers, timeout=SECONDS)

        with pytest.raises(OAuthError) as refused:
            fetch()
        assert refused.value.error == "use_dpop_nonce"
        assert fetch()["token_type"] == "DPoP"
        yield session, dpop


def test_authlib_knows_no_bound_token(bound: tuple[OAuth2Session, Dpop], service: Service) -> None:
    session, _ = bound

    with pytest.raises(UnsupportedTokenTypeError, match="dpop"):
        session.get(f"{service.fhir_base}/Patient/4", timeout=SECONDS)


def test_a_bound_token_reads_and_writes_by_an_own_auth_and_no_proof_twice(
    bound: tuple[OAuth2Session, Dpop], service: Service
) -> None:
    session, dpop = bound
    session.token_auth = BoundTokenAuth(session.token)
    session.token_auth.dpop = dpop
    url = f"{service.fhir_base}/Patient"

    read = session.get(f"{url}/4", params={"_elements": "birthDate"}, timeout=SECONDS)
    assert (read.status_code, read.json()["birthDate"]) == (200, "1971-08-23")
    patient = {"resourceType": "Patient", "name": [{"family": "Wren"}]}
    written = session.post(url, json=patient, headers={"Content-Type": "application/fhir+json"}, timeout=SECONDS)
    assert written.status_code == 201
    assert session.delete(f"{url}/{written.json()['id']}", timeout=SECONDS).status_code == 204

    again = session.send(read.request, timeout=SECONDS)
    assert (again.status_code, again.json()["issue"][0]["diagnostics"]) == (401, "The DPoP proof was used before.")
    dpop.nonce = "unknown"
    unknown = session.get(f"{url}/4", timeout=SECONDS)
    assert 'error="use_dpop_nonce"' in unknown.headers["WWW-Authenticate"]
    dpop.nonce = unknown.headers["DPoP-Nonce"]
    assert session.get(f"{url}/4", timeout=SECONDS).status_code == 200
