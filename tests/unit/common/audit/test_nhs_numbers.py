"""Ids that are NHS numbers, told by their check digit."""

import pytest

from careconnect.audit.nhs_numbers import is_nhs_number


@pytest.mark.parametrize(
    "text",
    [
        "9990000050",
        "9434765919",
        "943 476 5919",
        "943-476-5919",
        " 9434765919-",
        "0000000000",
        "4010232137",
        "943.476.5919",
        "943\u2011476\u00a05919",
    ],
)
def test_ten_digits_with_their_check_digit_are_an_nhs_number(text: str) -> None:
    assert is_nhs_number(text)


@pytest.mark.parametrize(
    "text", ["", "4", "9990000051", "999000005", "99900000500", "x9434765919", "٩٤٣٤٧٦٥٩١٩", " - "]
)
def test_all_else_is_none(text: str) -> None:
    assert not is_nhs_number(text)
