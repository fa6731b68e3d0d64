"""What is not recorded yet: differences that Promise 9 does not except, each with the rule that is to close it.

Whoever closes one deletes its row. Nothing else is excused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from careconnect_testing.pairs.compare import Seen
from careconnect_testing.pairs.contract import shows_him
from careconnect_testing.pairs.requests import Asked


@dataclass(frozen=True)
class Gap:
    """A known gap: the rule of the contract that closes it, what is missing, and the differences that it explains."""

    rule: str
    missing: str
    explains: Callable[[Asked, Seen, Seen], bool]


def _led_to_matches(asked: Asked, one: Seen, other: Seen) -> bool:
    is_led = any("." in name or name.startswith("_has:") for name, _ in asked.query)
    return asked.is_search and is_led and not shows_him(one) and not shows_him(other)


GAPS: Final = (
    Gap("3", "the patients through whose resources a chain or `_has` by what names persons led", _led_to_matches),
)


def is_known(asked: Asked, one: Seen, other: Seen) -> bool:
    """Return True if a gap explains a difference."""
    return any(gap.explains(asked, one, other) for gap in GAPS)
