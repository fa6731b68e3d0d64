"""What a person sees while a command takes more than a second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal's standard error what is being done; yields what says how far it is. Elsewhere nothing."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda _text: None
        return
    with console.status(text, spinner="line") as status:
        yield status.update


def count_down(seconds: float, what: str) -> None:
    """Wait, and say how long it is still: on a terminal each second in place, elsewhere a line each minute."""
    console = Console(stderr=True, highlight=False)
    until = time.monotonic() + seconds
    with working(what) as tell:
        told = seconds
        while (left := until - time.monotonic()) > 0:
            tell(f"{what}: {left:.0f} s")
            if not console.is_terminal and told - left >= 60:
                print(f"{what}: {left:.0f} s", file=sys.stderr, flush=True)
                told = left
            time.sleep(min(1.0, left))
