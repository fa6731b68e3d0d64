"""The writers over moto, with tables of their own for each test."""

from collections.abc import Iterator

import pytest

from careconnect_testing.record_writers import Writer, writer_on_moto


@pytest.fixture
def writer() -> Iterator[Writer]:
    """Both writers over empty tables of this release."""
    with writer_on_moto() as made:
        yield made
