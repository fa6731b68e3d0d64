"""The deployed template with the search test records, reached over HTTP."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import EXPLORER, DemoClient, demo_clients, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_testing.search.search_corpus import corpus, load_corpus
from careconnect_testing.search.search_reader import HttpReader


@dataclass(frozen=True)
class SearchStack:
    """A running stack and the records in it, as sources."""

    stack: LocalStack
    resources: list[dict[str, Any]] = field(repr=False)
    connection: httpx.Client
    explorer: DemoClient

    @property
    def fhir_base(self) -> str:
        """The FHIR base URL."""
        return self.stack.base_url + FHIR_PATH

    def over_http(self, client: DemoClient | None = None) -> HttpReader:
        """Return a reader over HTTP for `client`, or for a client that reads everything."""
        client = client or self.explorer
        answer = self.connection.post(
            "/token", data={"grant_type": "client_credentials"}, auth=(client.client_id, client.secret)
        )
        assert answer.status_code == 200, answer.text
        return HttpReader(self.connection, {"Authorization": f"Bearer {answer.json()['access_token']}"})


@pytest.fixture(scope="session")
def search_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SearchStack]:
    """A stack of its own, because searches would also find the records that other tests load."""
    folder = tmp_path_factory.mktemp("search")
    clients = demo_clients()
    explorer = next(client for client in clients if client.client_id == EXPLORER)
    with LocalStack(log_folder=folder) as stack:
        outputs, dynamodb = stack.stack.outputs, stack.client("dynamodb")
        register(clients, DynamoDbClientRegistry(dynamodb, outputs["ClientTable"]))
        resources = corpus(stack.base_url + FHIR_PATH)
        tables = RecordTables(dynamodb, *(outputs[name] for name in OUTPUTS))
        load_corpus(resources, tables, folder, stack.base_url)
        with httpx.Client(base_url=stack.base_url, timeout=30, trust_env=False) as connection:
            yield SearchStack(stack, resources, connection, explorer)
