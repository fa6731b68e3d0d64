"""The number of generated cases: few in the quick run, some in every run, many in the long run."""

from hypothesis import settings

EVERY, QUICK, LONG, FRESH = "every", "quick", "long", "fresh"
"""Hypothesis profiles; `--hypothesis-profile` selects the last three (`make quick`, `make test-long`, and by hand).

The cases are the same in each run, so that a run fails for a change alone; those of `fresh` are new each time.
"""

_EVERY_SHARE = 4

# No deadlines: a busy machine may be slow.
settings.register_profile(EVERY, max_examples=25, deadline=None, derandomize=True)
settings.load_profile(EVERY)
settings.register_profile(QUICK, max_examples=15, deadline=None, derandomize=True)
settings.register_profile(LONG, max_examples=100, deadline=None, derandomize=True)
settings.register_profile(FRESH, max_examples=100, deadline=None, derandomize=False)


def is_long_run() -> bool:
    """Return True in the long run."""
    return settings.get_current_profile_name() in (LONG, FRESH)


def is_fresh_run() -> bool:
    """Return True where the cases are new in each run."""
    return settings.get_current_profile_name() == FRESH


def cases(number: int) -> int:
    """Return the number of cases to generate: `number` in the long run, in any other a quarter."""
    return number if is_long_run() else -(-number // _EVERY_SHARE)
