"""Fill a stack that has just been made: the demo clients, and records."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from careconnect_admin.clients.demo import DemoClient, demo_clients, register
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.load import LoadReport, Progress, load_paths
from careconnect_admin.loading.writer import RecordTables
from careconnect_admin.sample.generator import write_sample

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def local_clients(explorer_secret: str | None) -> tuple[DemoClient, ...]:
    """Return the demo clients, `explorer` with the given secret if there is one; raises `OperatorError`."""
    try:
        return demo_clients(explorer_secret)
    except RegistrationError as error:
        raise OperatorError(f"EXPLORER_SECRET: {error}") from error


def seed(
    dynamodb: "DynamoDBClient",
    outputs: Mapping[str, str],
    clients: Sequence[DemoClient],
    data: Sequence[Path],
    progress: Progress,
    *,
    base_url: str,
) -> LoadReport:
    """Register the clients and load `data`, or the project's own sample if there is none; returns what came of it.

    `outputs` are the stack's, which name its tables.
    """
    register(clients, DynamoDbClientRegistry(dynamodb, outputs["ClientTable"]))
    tables = RecordTables(dynamodb, outputs["RecordTable"], outputs["DirectoryTable"])
    with tempfile.TemporaryDirectory(prefix="careconnect-sample-") as folder:
        paths = list(data)
        if not paths:
            paths = [Path(folder)]
            write_sample(paths[0])
        return load_paths(paths, tables, progress, base_url=base_url)
