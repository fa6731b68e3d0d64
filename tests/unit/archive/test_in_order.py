"""Calls side by side whose answers come in order, a bounded number at a time."""

from collections.abc import Iterator

import pytest

from audit_archiver.in_order import in_order


def test_answers_come_in_the_order_of_what_was_given() -> None:
    assert list(in_order(lambda number: number * 2, range(50), 8)) == [number * 2 for number in range(50)]
    assert list(in_order(str, [], 8)) == []


def test_no_more_is_begun_than_may_wait() -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            taken += 1
            yield taken

    answers = in_order(str, endless(), 8)
    for number in range(1, 100):
        assert next(answers) == str(number)
        assert taken <= number + 8
    answers.close()  # type: ignore[attr-defined]


def test_an_error_passes_through() -> None:
    answers = in_order(lambda number: 1 // number, [1, 0, 1], 2)

    assert next(answers) == 1
    with pytest.raises(ZeroDivisionError):
        next(answers)
