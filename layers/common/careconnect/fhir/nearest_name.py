"""The name that was probably meant."""

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 64
"""Characters of a name worth comparing: what is compared costs by its length, and no name of ours is longer."""


def nearest_name(given: str, names: Iterable[str]) -> str:
    """Return the one of `names` that `given` is a misspelling of, in whatever case; empty if none is near.

    What is returned is always one of `names`, so that a refusal can say it without repeating its request.
    """
    from difflib import get_close_matches  # not in a cold start: most requests are spelt well

    if len(given) > _LONGEST:
        return ""
    by_lower_case = {name.lower(): name for name in names}
    found = get_close_matches(given.lower(), by_lower_case, n=1, cutoff=0.7)
    return by_lower_case[found[0]] if found else ""
