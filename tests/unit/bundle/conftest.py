"""The function of Bundles in memory, with tables of their own for each test."""

import pytest

from careconnect_testing.parts.record_writers import Writer, module_writer, writer
from careconnect_testing.running.bundle_service import Bundles

__all__ = ["module_writer", "writer"]


@pytest.fixture
def bundles(writer: Writer) -> Bundles:
    """The function over the writer's tables."""
    return Bundles(writer)
