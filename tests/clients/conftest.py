"""The run's stack with the sample, a client with a secret and one with a key, for clients that others wrote."""

import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from careconnect.oauth.client_record import FAPI2, AuthMethod
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.client_service import KeyClient, Service
from careconnect_testing.page.node_clients import client_node, node

__all__ = ["client_node", "node"]

PATIENT_ID = "4"


@pytest.fixture(scope="session", autouse=True)
def _no_proxy() -> None:
    """Keep the clients' calls on this machine, whatever its proxy settings."""
    patch = pytest.MonkeyPatch()
    patch.setenv("NO_PROXY", "127.0.0.1")
    patch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="session")
def key_client(local_stack: LocalStack) -> KeyClient:
    """A client registered with the public half of an RSA key, with the scopes of `explorer`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    names = {"kid": "client-tests", "use": "sig", "alg": "RS256"}
    private = {**RSAAlgorithm.to_jwk(key, as_dict=True), **names}
    public = {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), **names}
    for jwk in (private, public):
        jwk.pop("key_ops", None)
    registration = ClientRegistration(
        client_id="client-with-a-key",
        name="Client with a key",
        scopes=("system/*.read", "profile"),
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks=json.dumps({"keys": [public]}),
    )
    register_client(_registry(local_stack), registration, now=time.time())
    return KeyClient(registration.client_id, private)


@pytest.fixture(scope="session")
def bound_client(local_stack: LocalStack, editor: DemoClient) -> DemoClient:
    """A client with the scopes of `editor` that gets bound tokens alone, and needs a nonce in each proof."""
    registration = ClientRegistration(
        client_id="client-with-bound-tokens",
        name="Client with bound tokens",
        scopes=editor.scopes,
        dpop_bound=True,
        dpop_nonce=True,
    )
    secret = register_client(_registry(local_stack), registration, now=time.time())
    assert secret is not None
    return DemoClient(registration.client_id, registration.name, secret, registration.scopes)


@pytest.fixture(scope="session")
def fapi2_client(local_stack: LocalStack) -> KeyClient:
    """A client with the profile fapi2 that is registered with the public half of a P-256 key, and needs nonces."""
    private = {**ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True), "kid": "fapi2"}
    registration = ClientRegistration(
        client_id="client-with-fapi2",
        name="Client with fapi2",
        scopes=("system/*.read",),
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks=json.dumps({"keys": [{name: value for name, value in private.items() if name != "d"}]}),
        dpop_bound=True,
        dpop_nonce=True,
        security_profile=FAPI2,
    )
    register_client(_registry(local_stack), registration, now=time.time())
    return KeyClient(registration.client_id, private)


def _registry(local_stack: LocalStack) -> DynamoDbClientRegistry:
    return DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])


@pytest.fixture(scope="session")
def service(
    local_stack: LocalStack,
    explorer: DemoClient,
    editor: DemoClient,
    bound_client: DemoClient,
    key_client: KeyClient,
    fapi2_client: KeyClient,
    sample: Path,
) -> Service:
    """The running service with the sample loaded."""
    patients = [json.loads(line) for line in (sample / "Patient.ndjson").read_text(encoding="utf-8").splitlines()]
    patient = next(each for each in patients if each["id"] == PATIENT_ID)
    observed = [json.loads(line) for line in (sample / "Observation.ndjson").read_text(encoding="utf-8").splitlines()]
    return Service(
        base=local_stack.base_url,
        fhir_base=local_stack.fhir_url,
        secret_client=explorer,
        editor=editor,
        bound_client=bound_client,
        key_client=key_client,
        fapi2_client=fapi2_client,
        nhs_number=next(each["value"] for each in patient["identifier"] if each["system"].endswith("nhs-number")),
        observations=frozenset(
            each["id"] for each in observed if each["subject"]["reference"] == f"Patient/{PATIENT_ID}"
        ),
    )
