"""Granular scopes against a linear oracle, over generated stores, scopes and requests (`access.md`, Granular scopes).

`python -m careconnect_testing.granular --cases 20000` runs more of them.
"""

from dataclasses import replace

import pytest

from careconnect_testing.granular.leaks import ANSWERED, UNSEEN
from careconnect_testing.granular.registered import wrongly_covered
from careconnect_testing.granular.run import difference, differences, generated_case
from careconnect_testing.granular.scopes import Scope, Token
from careconnect_testing.granular.unseen import leaks
from careconnect_testing.pairs.asked import Asked
from careconnect_testing.records.generated import is_long_run

MANY = 2_000
CASES = MANY if is_long_run() else 300


@pytest.mark.generated
def test_a_registration_covers_what_the_contract_says() -> None:
    assert [*wrongly_covered(range(CASES))] == []


@pytest.mark.generated
def test_answers_are_the_oracles() -> None:
    assert [str(each) for each in differences(range(CASES))] == []


@pytest.mark.generated
@pytest.mark.parametrize("seed", range(0, 500, 100))
def test_what_a_chain_only_passes_is_absent_if_no_scope_opens_it(seed: int) -> None:
    token = Token((Scope("user", "Observation", "rs"), Scope("user", "Encounter", "rs", (("status", "finished"),))))
    query = (("encounter:Encounter._has:Observation:context:status", "final,amended"),)
    asked = Asked(token.caller, "GET", "Observation", query)

    assert difference(replace(generated_case(seed), token=token, asked=asked)) is None


@pytest.mark.generated
def test_what_no_scope_opens_changes_nothing_in_answers() -> None:
    assert [str(each) for each in leaks(range(CASES))] == []


@pytest.mark.long
@pytest.mark.parametrize("leak", ANSWERED)
def test_an_answer_that_tells_too_much_is_caught(leak: str) -> None:
    with ANSWERED[leak]():
        assert next(differences(range(MANY)), None) is not None


@pytest.mark.long
@pytest.mark.parametrize("leak", UNSEEN)
def test_a_difference_that_tells_of_what_is_hidden_is_caught(leak: str) -> None:
    with UNSEEN[leak]():
        assert next(leaks(range(MANY)), None) is not None
