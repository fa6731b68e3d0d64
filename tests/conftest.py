"""Settings of every test run: the records, the number of generated cases, and the assignment of tests to processes."""

import gc
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from botocore.loaders import Loader
from typer.main import get_command
from xdist.scheduler import LoadScopeScheduling

from careconnect.runtime import aws
from careconnect_admin.clients.demo import AUDITOR, EDITOR, EXPLORER, DemoClient, demo_clients, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.sample.records import SAMPLE
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.moto_dynamodb import quick_and_whole
from careconnect_testing.http.api import Api
from careconnect_testing.http.exports import BulkClient, FinishedExport
from careconnect_testing.records.real_data import REAL_DATA, RealDataError, real_data, records_line
from careconnect_testing.running.scheduling import GroupScheduling, StackScheduling, begins_at
from careconnect_testing.search.search_tables import search_tables
from careconnect_testing.stacks.search_stack import search_stack

__all__ = ["search_stack", "search_tables"]

_OVER_HTTP = frozenset({"browser", "clients", "container", "integration", "security"})
"""The folders below `tests` that drive functions in other processes: coverage pauses there, as it only takes time."""


def pytest_configure(config: pytest.Config) -> None:
    try:
        folder = real_data()
    except RealDataError as error:
        raise pytest.UsageError(str(error)) from error
    if folder:
        # Absolute, because processes are started from here in other folders.
        os.environ[REAL_DATA] = str(folder)


def pytest_report_header(config: pytest.Config) -> str:
    return records_line()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    schedulings: dict[str, type[LoadScopeScheduling]] = {"loadscope": StackScheduling, "loadgroup": GroupScheduling}
    scheduling = schedulings.get(config.getoption("dist"))
    return scheduling(config, log) if scheduling else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _OVER_HTTP & set(item.path.relative_to(config.rootpath).parts[:2]):
            item.add_marker("no_cover")
    # Only where many processes run at once; a single process keeps the files' own order.
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: begins_at(item.path))


def pytest_collection_finish() -> None:
    # Repeated collection of long-lived modules and tests took a sixth of the processor's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


@pytest.fixture(scope="session", autouse=True)
def _aws_service_descriptions_are_read_once() -> Iterator[None]:
    """Share boto's service descriptions between all sessions, because moto makes every test begin a new session."""
    kept: dict[Any, Any] = {}
    make = Loader.__init__

    def share(loader: Any, *args: Any, **options: Any) -> None:
        make(loader, *args, **options)
        loader._cache = kept

    with patch.object(Loader, "__init__", share):
        yield


@pytest.fixture(scope="session", autouse=True)
def _a_command_line_is_built_once() -> Iterator[None]:
    """Build the command line once a process, not for each call."""
    with patch("typer.testing._get_command", cache(get_command)):
        yield


@pytest.fixture(autouse=True)
def _each_test_begins_a_session_of_aws() -> Iterator[None]:
    yield
    aws.session.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _moto_is_quick_and_whole() -> Iterator[None]:
    with quick_and_whole():
        yield


# The run's one local stack: the real template, IAM enforced, driven over HTTP. All tests that use it run in one
# process, one after the other (`scheduling`). Anything that a test registers, loads, writes or revokes there has its
# own ids; a right that a test removes is restored.


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
def finished_export(local_stack: LocalStack, http: httpx.Client, sample: Path) -> FinishedExport:
    """An export of everything, which takes half a minute: tests share it, and none deletes it."""
    assert list(sample.glob("*.ndjson"))
    client = BulkClient(http, Api(local_stack, http).register("export-reader", "system/*.rs"))
    job = client.start()
    return FinishedExport(client, job, client.wait(job))


@pytest.fixture(scope="session")
def bearer(http: httpx.Client) -> Callable[[DemoClient], dict[str, str]]:
    """A function from a client to the header with its access token, requested once."""

    @cache
    def token(demo: DemoClient) -> str:
        answer = http.post("/token", data={"grant_type": "client_credentials"}, auth=(demo.client_id, demo.secret))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    return lambda demo: {"Authorization": f"Bearer {token(demo)}"}
