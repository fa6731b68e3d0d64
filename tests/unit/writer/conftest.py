"""The writers over moto, with tables of their own for each test."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.record_writers import Writer, with_other_tables, writer_on_moto


@pytest.fixture(scope="module")
def moto() -> Iterator[Writer]:
    """Writers in a moto that lives as long as the module's tests."""
    with writer_on_moto() as made:
        yield made


@pytest.fixture
def writer(moto: Writer) -> Writer:
    """Both writers over empty tables of this release."""
    return with_other_tables(moto)
