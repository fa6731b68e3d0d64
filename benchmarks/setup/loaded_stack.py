"""Start the local stack to measure, with the sample and registered clients."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from careconnect_admin.clients.demo import EXPLORER, DemoClient, demo_clients, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.sample.records import SAMPLE
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables


@contextmanager
def loaded_stack() -> Iterator[tuple[LocalStack, DemoClient]]:
    """Start the stack with the sample and its clients; the yielded client may read every record."""
    with tempfile.TemporaryDirectory() as folder, LocalStack(log_folder=Path(folder)) as stack:
        clients = demo_clients()
        register(clients, DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"]))
        tables = RecordTables(stack.client("dynamodb"), *(stack.stack.outputs[name] for name in OUTPUTS))
        load_paths([SAMPLE], tables, base_url=stack.base_url)
        yield stack, next(client for client in clients if client.client_id == EXPLORER)
