"""Fixtures of the run's one local stack: the real template, IAM enforced, driven over HTTP.

All tests that use it run in one process, one after the other (`scheduling`). Anything that a test registers, loads,
writes or revokes there has its own ids; a right that a test removes is restored.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest

from careconnect_admin.clients.demo import AUDITOR, EDITOR, EXPLORER, DemoClient, demo_clients, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.sample.records import SAMPLE
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory, clients: tuple[DemoClient, ...]) -> Iterator[LocalStack]:
    """The deployed template on a free port, with demo clients registered."""
    with LocalStack(log_folder=tmp_path_factory.mktemp("local-stack")) as stack:
        register(clients, DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"]))
        yield stack


@pytest.fixture(scope="session")
def clients() -> tuple[DemoClient, ...]:
    """The demo clients: the page's three, then `explorer`, which reads all resources, `editor` and `auditor`."""
    return demo_clients()


@pytest.fixture(scope="session")
def explorer(clients: tuple[DemoClient, ...]) -> DemoClient:
    """The client that reads everything."""
    return next(client for client in clients if client.client_id == EXPLORER)


@pytest.fixture(scope="session")
def editor(clients: tuple[DemoClient, ...]) -> DemoClient:
    """The client that reads and writes everything."""
    return next(client for client in clients if client.client_id == EDITOR)


@pytest.fixture(scope="session")
def auditor(clients: tuple[DemoClient, ...]) -> DemoClient:
    """The client that reads audit events, and nothing else."""
    return next(client for client in clients if client.client_id == AUDITOR)


@pytest.fixture(scope="session")
def record_tables(local_stack: LocalStack) -> RecordTables:
    """The tables that hold records, for loading."""
    outputs = local_stack.stack.outputs
    return RecordTables(local_stack.client("dynamodb"), *(outputs[name] for name in OUTPUTS))


@pytest.fixture(scope="session")
def sample(local_stack: LocalStack, record_tables: RecordTables) -> Path:
    """The project's own sample, loaded; the value is its folder of NDJSON files."""
    report = load_paths([SAMPLE], record_tables, base_url=local_stack.base_url)
    assert not report.problems
    return SAMPLE


@pytest.fixture(scope="session")
def http(local_stack: LocalStack) -> Iterator[httpx.Client]:
    """A client with the stack's root URL as its base."""
    with httpx.Client(base_url=local_stack.base_url, timeout=30, trust_env=False) as client:
        yield client


@pytest.fixture(scope="session")
def bearer(http: httpx.Client) -> Callable[[DemoClient], dict[str, str]]:
    """A function from a client to the header with its access token, requested once."""

    @cache
    def token(demo: DemoClient) -> str:
        answer = http.post("/token", data={"grant_type": "client_credentials"}, auth=(demo.client_id, demo.secret))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    return lambda demo: {"Authorization": f"Bearer {token(demo)}"}
