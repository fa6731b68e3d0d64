"""The stack that these tests restore."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careconnect_testing.aws.restorable_stack import Restorable, restorable_stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Restorable]:
    """A stack that holds the few records."""
    with restorable_stack(tmp_path) as stack:
        yield stack
