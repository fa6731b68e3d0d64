"""What is not recorded yet: differences that Promise 9 does not except, each with the rule that is to close it.

Whoever closes one deletes its row. Nothing else is excused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from careconnect_testing.pairs.compare import Seen
from careconnect_testing.pairs.contract import shows_him, without_numbers
from careconnect_testing.pairs.lives import HE
from careconnect_testing.pairs.requests import Asked

_HIS_REFERENCE: Final = re.compile(rf'"(?:Patient|Encounter|Observation)/{HE}[12e]?"')


@dataclass(frozen=True)
class Gap:
    """A known gap: the rule of the contract that closes it, what is missing, and the differences that it explains."""

    rule: str
    missing: str
    explains: Callable[[Asked, Seen, Seen], bool]


def _only_numbers(asked: Asked, one: Seen, other: Seen) -> bool:
    return asked.is_search and without_numbers(asked, one) == without_numbers(asked, other)


def _led_to_matches(asked: Asked, one: Seen, other: Seen) -> bool:
    is_led = any("." in name or name.startswith("_has:") for name, _ in asked.query)
    return asked.is_search and is_led and not shows_him(one) and not shows_him(other)


def _refers_to_him(asked: Asked, one: Seen, other: Seen) -> bool:
    bodies = [each.content for each in (asked, *asked.entries)]
    return 422 in (one[0], other[0]) and any(_HIS_REFERENCE.search(each) for each in bodies)


GAPS: Final = (
    Gap("1 and 2", "the next match and an unasked total of a search by what names persons", _only_numbers),
    Gap("3", "the patients through whose resources a chain or `_has` by what names persons led", _led_to_matches),
    Gap("5", "the patient of a plain reference in a body that is refused for something else too", _refers_to_him),
)


def is_known(asked: Asked, one: Seen, other: Seen) -> bool:
    """Return True if a gap explains a difference."""
    return any(gap.explains(asked, one, other) for gap in GAPS)
