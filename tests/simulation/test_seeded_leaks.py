"""Seeded leaks: the pairs catch each fault that loses whom an answer tells of, and each by which a caller sees more."""

import pytest

from careconnect_testing.pairs.leaks import INTERFERING, UNARCHIVED, UNRECORDED
from careconnect_testing.pairs.run import broken, generated_pair, interfering, unarchived, unrecorded, unseen_pair

PAIRS = 2_000

pytestmark = pytest.mark.long


@pytest.mark.parametrize("leak", UNRECORDED)
def test_what_is_not_recorded_any_more_is_missed(leak: str) -> None:
    with UNRECORDED[leak]():
        assert next(broken(range(PAIRS), generated_pair, unrecorded), None) is not None


@pytest.mark.parametrize("leak", INTERFERING)
def test_what_a_caller_sees_too_much_of_is_caught(leak: str) -> None:
    with INTERFERING[leak]():
        assert next(broken(range(PAIRS), unseen_pair, interfering), None) is not None


@pytest.mark.parametrize("leak", UNARCHIVED)
def test_what_is_not_found_in_the_archive_is_missed(leak: str) -> None:
    with UNARCHIVED[leak]():
        assert next(broken(range(PAIRS), generated_pair, unarchived), None) is not None
