"""Bulk exports against an oracle, beside writers, with workers that are killed (`export.md`, Promises 1 to 4).

`python -m careconnect_testing.exports --cases 2000` runs more of them.
"""

import pytest

from careconnect_testing.exports.faults import FAULTS, LEAKS
from careconnect_testing.exports.run import findings
from careconnect_testing.exports.unseen import leaks
from careconnect_testing.records.generated import is_long_run

CASES = 120 if is_long_run() else 20
PAIRS = 100 if is_long_run() else 40
SEEDS = range(101, 401)


@pytest.mark.generated
def test_an_export_holds_the_store_at_its_instant_whatever_is_written_or_killed() -> None:
    assert [*findings(range(CASES))] == []


@pytest.mark.generated
def test_what_a_token_does_not_open_changes_nothing_in_its_exports() -> None:
    assert [str(each) for each in leaks(range(PAIRS))] == []


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_makes_exports_differ_is_caught(fault: str) -> None:
    with FAULTS[fault]():
        assert next(findings(SEEDS), "") != ""


@pytest.mark.long
@pytest.mark.parametrize("leak", LEAKS)
def test_a_fault_that_tells_of_what_no_scope_opens_is_caught(leak: str) -> None:
    with LEAKS[leak]():
        assert next(leaks(SEEDS), None) is not None
