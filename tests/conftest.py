"""What holds for every test: which records it is made with."""

import os

import pytest

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
