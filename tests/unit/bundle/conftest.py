"""The function of Bundles in memory, with tables of their own for each test."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.record_writers import Writer, with_other_tables, writer_in_memory
from careconnect_testing.running.bundle_service import Bundles


@pytest.fixture(scope="module")
def module_writer() -> Iterator[Writer]:
    """Writers that live as long as the module's tests."""
    with writer_in_memory() as made:
        yield made


@pytest.fixture
def writer(module_writer: Writer) -> Writer:
    """Both writers over empty tables of this release."""
    return with_other_tables(module_writer)


@pytest.fixture
def bundles(writer: Writer) -> Bundles:
    """The function over the writer's tables."""
    return Bundles(writer)
