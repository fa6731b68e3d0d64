"""The number of generated cases: few in the quick run, some in every run, many in the long run."""

from hypothesis import settings

EVERY, QUICK, LONG = "every", "quick", "long"
"""Hypothesis profiles; `--hypothesis-profile` selects the last two (`make quick`, `make test-long`)."""

_EVERY_SHARE = 4

# No deadlines: a busy machine may be slow.
settings.register_profile(EVERY, max_examples=25, deadline=None)
settings.load_profile(EVERY)
settings.register_profile(QUICK, max_examples=15, deadline=None)
settings.register_profile(LONG, max_examples=100, deadline=None)


def is_long_run() -> bool:
    """Return True in the long run."""
    return settings.get_current_profile_name() == LONG


def cases(number: int) -> int:
    """Return the number of cases to generate: `number` in the long run, in any other a quarter."""
    return number if is_long_run() else -(-number // _EVERY_SHARE)
