"""The worker over empty tables in memory."""

import pytest

from careconnect_testing.parts.export_workers import Exports
from careconnect_testing.parts.record_writers import Writer, module_writer, writer

__all__ = ["module_writer", "writer"]


@pytest.fixture
def exports(writer: Writer) -> Exports:
    """The worker, over the writers' tables."""
    return Exports(writer)
