"""Every attack that an operator may try on a deployment (`careconnect_testing.attacks`) fails on this one."""

from pathlib import Path

import httpx
import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.attacks.__main__ import CLASSES, clients_in
from careconnect_testing.attacks.target import Attack, Role, Target

pytestmark = pytest.mark.integration

OWN = "2"
"""The patient of the sample that the bound client is bound to."""


@pytest.fixture(scope="module")
def target(
    local_stack: LocalStack,
    http: httpx.Client,
    sample: Path,
    explorer: DemoClient,
    editor: DemoClient,
    auditor: DemoClient,
) -> Target:
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    bound = ClientRegistration("bound-attacker", "A test client", ("patient/*.cruds",), patient=OWN)
    secret = register_client(registry, bound, now=0)
    clients = {
        Role.READER: (explorer.client_id, explorer.secret),
        Role.WRITER: (editor.client_id, editor.secret),
        Role.AUDITOR: (auditor.client_id, auditor.secret),
        Role.BOUND: (bound.client_id, str(secret)),
    }
    return Target(local_stack.base_url, http, clients)


@pytest.mark.long
@pytest.mark.parametrize(
    "attack", [pytest.param(attack, id=attack.name) for attacks in CLASSES.values() for attack in attacks]
)
def test_an_attack_fails(target: Target, attack: Attack) -> None:
    attack.make(target)


def test_a_client_is_given_by_id_and_secret() -> None:
    assert clients_in({"READER": "a:b:c", "HOME": "/"}) == {Role.READER: ("a", "b:c")}
    with pytest.raises(ValueError, match="WRITER must be id:secret"):
        clients_in({"WRITER": "a"})
