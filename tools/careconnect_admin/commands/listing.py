"""Lists of things, as commands print them for people."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDEST: Final = 1_000_000


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int | None = None) -> None:
    """Print rows below their headings; the columns from the index `numbers_from` on hold numbers.

    On a terminal the last column folds to the width that is left. Elsewhere each row is one line, however long, so
    that a program can read it. Nothing is ever cut, so that ids can be copied whole.
    """
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, header_style="")
    for index, column in enumerate(zip(headings, *rows, strict=True)):
        is_number = numbers_from is not None and index >= numbers_from
        folds = console.is_terminal and index == len(headings) - 1
        table.add_column(
            column[0],
            justify="right" if is_number else "left",
            overflow="fold",
            min_width=None if folds else max(map(cell_len, column)),
        )
    for row in rows:
        # As text: what looks like markup in a name is only a name.
        table.add_row(*map(Text, row))
    wanted = console.measure(table, options=console.options.update(max_width=_WIDEST))
    console.width = max(console.width, wanted.minimum) if console.is_terminal else wanted.maximum
    with console.capture() as printed:
        console.print(table, crop=False)
    for line in printed.get().splitlines():
        print(line.rstrip())
