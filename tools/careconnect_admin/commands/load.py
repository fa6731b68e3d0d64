"""`careconnect load`: load records into the local stack or a deployment."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from careconnect_admin.commands.listing import print_table
from careconnect_admin.commands.on_stack import on_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from careconnect_admin.loading import load as loading
    from careconnect_admin.stack.target import StackTarget

_MOST_SHOWN: Final = 100


@on_stack
def load(
    target: "StackTarget",
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="NDJSON files, resources, Bundles, or folders of them.")
    ],
) -> None:
    """Load FHIR STU3 resources; what is wrong is reported by file and line, and the rest is loaded."""
    from careconnect_admin.loading import load as loading
    from careconnect_admin.loading.writer import RecordTables

    tables = RecordTables(target.client("dynamodb"), target.output("RecordTable"), target.output("DirectoryTable"))
    with loading_progress() as progress:
        report = loading.load_paths(paths, tables, progress, base_url=target.output("BaseUrl"))
    print_report(report)
    raise typer.Exit(report.exit_code)


def print_report(report: "loading.LoadReport") -> None:
    """Print the problems on standard error and the counts by type on standard output."""
    for problem in report.problems[:_MOST_SHOWN]:
        print(problem, file=sys.stderr)
    if len(report.problems) > _MOST_SHOWN:
        print(f"… and {len(report.problems) - _MOST_SHOWN:,} more problems", file=sys.stderr)
    rows = []
    for name, counts in (*report.counts.items(), ("total", report.total)):
        numbers = (counts.present, counts.loaded, counts.unchanged, counts.deleted, counts.failed)
        rows.append((name, *(f"{number:,}" for number in numbers)))
    print_table(("", "resources", "loaded", "unchanged", "deleted", "failed"), rows, numbers_from=1)


@contextmanager
def loading_progress() -> "Iterator[loading.Progress]":
    """Show a bar on a terminal's standard error; yields what tells it how far a load is."""
    console = Console(stderr=True)
    columns = (TextColumn("Loading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("load", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
