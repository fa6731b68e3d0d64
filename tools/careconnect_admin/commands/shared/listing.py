"""Tables and name-value lists for people."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from careconnect_admin.commands.shared.terminal import escaped, say

_WIDEST: Final = 1_000_000
_NARROWEST: Final = 20


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int | None = None) -> None:
    """Print rows below their headings; the columns from the index `numbers_from` on hold numbers.

    On a terminal the last column wraps between words to the remaining width. If its longest word does not fit there,
    each row becomes a paragraph instead. Elsewhere each row is one line of any length, for programs to read. Nothing is
    ever truncated, so that ids can be copied.
    """
    console = Console(highlight=False)
    rows = [[escaped(cell) for cell in row] for row in rows]
    table = Table(box=None, pad_edge=False, header_style="")
    for index, column in enumerate(zip(headings, *rows, strict=True)):
        is_number = numbers_from is not None and index >= numbers_from
        folds = console.is_terminal and index == len(headings) - 1
        pieces = [piece for cell in column for piece in (cell.split() if folds else [cell])]
        table.add_column(
            column[0],
            justify="right" if is_number else "left",
            overflow="fold",
            min_width=max(map(cell_len, pieces), default=0),
        )
    for row in rows:
        # As `Text`, so that a name with rich's markup is printed unchanged.
        table.add_row(*map(Text, row))
    wanted = console.measure(table, options=console.options.update(max_width=_WIDEST))
    if console.is_terminal and wanted.minimum > console.width:
        for row in rows:
            print_pairs([(heading, cell) for heading, cell in zip(headings, row, strict=True) if cell])
            say("")
        return
    console.width = console.width if console.is_terminal else wanted.maximum
    with console.capture() as printed:
        console.print(table, crop=False)
    for line in printed.get().splitlines():
        say(line.rstrip())


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values, one line each; on a terminal a long value wraps between words."""
    console = Console(highlight=False)
    indent = max((len(name) for name, _ in pairs), default=0) + 2
    room = max(console.width - indent, _NARROWEST)
    for name, value in pairs:
        shown = escaped(value)
        folded = textwrap.wrap(shown, room, break_long_words=False, break_on_hyphens=False)
        lines = folded if console.is_terminal else [shown]
        say(*(f"{head:{indent}}{line}" for head, line in zip_longest([name], lines, fillvalue="")))
