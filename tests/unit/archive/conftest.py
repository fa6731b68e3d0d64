"""An audit trail with its archive, over moto."""

from collections.abc import Iterator

import pytest

from careconnect_testing.parts.archived_trail import ArchivedTrail, trail_on_moto


@pytest.fixture
def trail() -> Iterator[ArchivedTrail]:
    """A trail without events, and an empty archive."""
    with trail_on_moto() as trail:
        yield trail
