"""Compare this machine's clock with that of an AWS service, by the Date header of its answers."""

from email.utils import parsedate_to_datetime
from typing import Any, Final

_SECOND: Final = 1.0
_MAX_SECONDS_OFF: Final = 2
"""Tolerated difference: a Date header has whole seconds, and a response takes time to arrive."""


def dated_by(answer: Any) -> int | None:
    """Return the epoch second of a service's answer, None if it has none."""
    try:
        return int(parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp())
    except (KeyError, ValueError):
        return None


def seconds_off(dated: int, here: float) -> float:
    """Return by how many seconds the clocks differ, 0 if that is tolerated."""
    is_right = dated - _MAX_SECONDS_OFF <= here <= dated + _SECOND + _MAX_SECONDS_OFF
    return 0 if is_right else abs(here - dated)
