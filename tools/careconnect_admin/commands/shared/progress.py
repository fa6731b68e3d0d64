"""Progress display for commands that take more than a second."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.text import Text

from careconnect_admin.commands.shared.terminal import escaped, remark

_MINUTE: Final = 60
_BETWEEN_LINES: Final = 5.0


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Show the current activity on a terminal's standard error; yields the function that updates its text.

    Without a terminal it shows nothing.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda _text: None
        return
    # As `Text`, so that a name with rich's markup is shown unchanged.
    with console.status(Text(escaped(text)), spinner="line") as status:
        yield lambda new: status.update(Text(escaped(new)))


@contextmanager
def following(text: str) -> Iterator[Callable[[str], None]]:
    """Show the current activity as `working` does, without a terminal by a line now and then; yields the same."""
    with working(text) as tell:
        if Console(stderr=True).is_terminal:
            yield tell
            return
        said, at = "", 0.0

        def tell_rarely(new: str) -> None:
            nonlocal said, at
            if new != said and time.monotonic() - at >= _BETWEEN_LINES:
                said, at = new, time.monotonic()
                remark(new)

        yield tell_rarely


def count_down(seconds: float, what: str) -> None:
    """Wait and show the time left: on a terminal each second in place, elsewhere one line per full minute."""
    is_terminal = Console(stderr=True).is_terminal
    left = seconds
    with working(what) as tell:
        while left > 0:
            tell(f"{what} {left:.0f} s")
            if not is_terminal and left < seconds and left % _MINUTE == 0:
                remark(f"{what} {left:.0f} s")
            # The first step is the fraction, so that all others are whole seconds.
            step = left % 1 or 1.0
            time.sleep(step)
            left = round(left - step)
