"""Progress display for commands that take more than a second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

_MINUTE: Final = 60


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Show the current activity on a terminal's standard error; yields the function that updates its text.

    Without a terminal it shows nothing.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda _text: None
        return
    with console.status(text, spinner="line") as status:
        yield status.update


def count_down(seconds: float, what: str) -> None:
    """Wait and show the time left: on a terminal each second in place, elsewhere one line per full minute."""
    is_terminal = Console(stderr=True).is_terminal
    left = seconds
    with working(what) as tell:
        while left > 0:
            tell(f"{what} {left:.0f} s")
            if not is_terminal and left < seconds and left % _MINUTE == 0:
                print(f"{what} {left:.0f} s", file=sys.stderr, flush=True)
            # The first step is the fraction, so that all others are whole seconds.
            step = left % 1 or 1.0
            time.sleep(step)
            left = round(left - step)
