"""Ids that are NHS numbers: unless a resource has it, such an id is a person's number, typed as an id (`audit.md`)."""

import re
from typing import Final

_APART: Final = re.compile(r"[\W_]")
_TEN_DIGITS: Final = re.compile(r"[0-9]{10}")


def is_nhs_number(text: str) -> bool:
    """Return True for ten digits of which the last is the check digit of an NHS number, spaces and punctuation aside.

    It makes the sum of all digits, the first times ten and the last times one, a multiple of eleven (NHS Data
    Dictionary, NHS NUMBER).
    """
    digits = _APART.sub("", text)
    if not _TEN_DIGITS.fullmatch(digits):
        return False
    return sum(weight * int(digit) for weight, digit in zip(range(10, 0, -1), digits, strict=True)) % 11 == 0
