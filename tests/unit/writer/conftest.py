"""The writers in memory, with tables of their own for each test."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.record_writers import Writer, with_other_tables, writer_in_memory


@pytest.fixture(scope="module")
def module_writer() -> Iterator[Writer]:
    """Writers that live as long as the module's tests."""
    with writer_in_memory() as made:
        yield made


@pytest.fixture
def writer(module_writer: Writer) -> Writer:
    """Both writers over empty tables of this release."""
    return with_other_tables(module_writer)
