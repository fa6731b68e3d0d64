"""Lists of things, as commands print them for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int | None = None) -> None:
    """Print rows below their headings; the columns from the index `numbers_from` on hold numbers.

    On a terminal the last column folds to the width that is left. Elsewhere each row is one line, however long, so
    that a program can read it. No other column is ever cut, so that ids can be copied whole.
    """
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="")
    for index, heading in enumerate(headings):
        is_number = numbers_from is not None and index >= numbers_from
        folds = console.is_terminal and index == len(headings) - 1
        table.add_column(
            heading, justify="right" if is_number else "left", no_wrap=not folds, overflow="fold" if folds else "ignore"
        )
    for row in rows:
        # As text: what looks like markup in a name is only a name.
        table.add_row(*map(Text, row))
    if not console.is_terminal:
        unbounded = console.options.update(max_width=1_000_000)
        console.width = console.measure(table, options=unbounded).maximum
    console.print(table, crop=False)
