"""The times in tokens: NumericDate of RFC 7519 §2."""

from typing import Final, TypeGuard

END_OF_TIME: Final = 253_402_300_800
"""The epoch second of 10000-01-01, where the supported calendar ends."""


def is_time(value: object) -> TypeGuard[float]:
    """Return True if a claim is a NumericDate (RFC 7519 §2): a JSON number within the calendar, not a boolean.

    The comparison takes integers of any size, and is false for infinities and NaN.
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < END_OF_TIME
