"""What holds for every test: which records it is made with, and how many cases are made up."""

import os
from collections.abc import Iterator
from functools import cache
from unittest.mock import patch

import pytest
from botocore.loaders import JSONFileLoader

from careconnect_testing import generated as generated  # registers the profiles of the quick and the long run
from careconnect_testing.real_data import REAL_DATA, RealDataError, real_data, records_line


def pytest_configure(config: pytest.Config) -> None:
    try:
        folder = real_data()
    except RealDataError as error:
        raise pytest.UsageError(str(error)) from error
    if folder:
        # Absolute for whoever is started from here in another folder.
        os.environ[REAL_DATA] = str(folder)


def pytest_report_header(config: pytest.Config) -> str:
    return records_line()


@pytest.fixture(scope="session", autouse=True)
def _aws_service_descriptions_are_read_once() -> Iterator[None]:
    """Keep what sessions read of boto's files: megabytes, and moto has every test begin a new session."""
    with patch.object(JSONFileLoader, "load_file", staticmethod(cache(JSONFileLoader().load_file))):
        yield
