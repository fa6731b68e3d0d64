"""Promise 9 by pairs: two stores equal but for one patient, and one request to both (`audit.md`).

`python -m careconnect_testing.pairs --pairs 100000` runs more of them.
"""

import pytest

from careconnect_testing.pairs.run import (
    broken,
    erased_pair,
    generated_pair,
    interfering,
    unarchived,
    unrecorded,
    unseen_pair,
)
from careconnect_testing.records.generated import is_long_run

PAIRS = 2_000 if is_long_run() else 500


@pytest.mark.generated
def test_what_an_answer_depends_on_is_recorded() -> None:
    assert [str(each) for each in broken(range(PAIRS), generated_pair, unrecorded)] == []


@pytest.mark.generated
def test_what_a_token_may_not_see_changes_nothing_in_its_answers() -> None:
    assert [str(each) for each in broken(range(PAIRS), unseen_pair, interfering)] == []


@pytest.mark.generated
def test_what_is_left_of_one_who_is_erased_tells_nothing_but_that_it_was_there() -> None:
    assert [str(each) for each in broken(range(PAIRS // 5), erased_pair, unrecorded)] == []


@pytest.mark.generated
def test_what_is_recorded_is_found_by_its_patient_in_the_archive() -> None:
    assert [str(each) for each in broken(range(PAIRS // 5), generated_pair, unarchived)] == []
