"""The one table: what its rows say together, and the forms of ids."""

from typing import Any

import pytest

from careconnect.resource_types import valid_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("4", True), ("a-B.9", True), ("x" * 64, True), ("x" * 65, False), ("", False)),
        *(("a_b", False), ("a/b", False), ("4\n", False), ("é", False), (4, False), (None, False)),
    ],
)
def test_ids_are_one_to_64_letters_digits_hyphens_and_dots(text: Any, expected: bool) -> None:
    assert valid_id(text) is expected
