"""The nearest valid name to a misspelt one."""

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 64
"""The longest name that is compared: a comparison costs by length, and no valid name is longer."""


def nearest_name(given: str, names: Iterable[str], *, alike: float = 0.7) -> str:
    """Return the one of `names` that `given` misspells, in any case; empty if none is near.

    At least the part `alike` of their characters is the same. The result is always one of `names`: an error may show it
    without repeating text of the request.
    """
    from difflib import get_close_matches  # late, to spare the cold start: few requests are misspelt

    if len(given) > _LONGEST:
        return ""
    by_lower_case = {name.lower(): name for name in names}
    found = get_close_matches(given.lower(), by_lower_case, n=1, cutoff=alike)
    return by_lower_case[found[0]] if found else ""
