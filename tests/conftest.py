"""Settings of every test run: the records, the number of generated cases, and the assignment of tests to processes."""

import gc
import os
from collections.abc import Iterator
from functools import cache
from typing import Any
from unittest.mock import patch

import pytest
from botocore.loaders import Loader
from typer.main import get_command
from xdist.scheduler import LoadScopeScheduling

from careconnect.runtime import aws
from careconnect_testing.aws.moto_dynamodb import quick_and_whole
from careconnect_testing.records.real_data import REAL_DATA, RealDataError, real_data, records_line
from careconnect_testing.running.scheduling import GroupScheduling, StackScheduling, begins_at
from careconnect_testing.search.search_tables import search_tables
from careconnect_testing.stacks.search_stack import search_stack
from careconnect_testing.stacks.stack_fixtures import (
    auditor,
    bearer,
    clients,
    editor,
    explorer,
    http,
    local_stack,
    record_tables,
    sample,
)

__all__ = [
    "auditor",
    "bearer",
    "clients",
    "editor",
    "explorer",
    "http",
    "local_stack",
    "record_tables",
    "sample",
    "search_stack",
    "search_tables",
]


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
