"""`careconnect load`: load records into the local stack or a deployment."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from careconnect_admin.loading import load as loading
from careconnect_admin.loading.load import LoadReport
from careconnect_admin.loading.writer import RecordTables
from careconnect_admin.stack.target import StackTarget, on_stack

_MOST_SHOWN: Final = 100


@on_stack
def load(
    target: StackTarget,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="NDJSON files, resources, Bundles, or folders of them.")
    ],
) -> None:
    """Load FHIR STU3 resources; what is wrong is reported by file and line, and the rest is loaded."""
    tables = RecordTables(target.client("dynamodb"), target.output("RecordTable"), target.output("DirectoryTable"))
    report = load_with_progress(paths, tables, base_url=target.output("BaseUrl"))
    print_report(report)
    raise typer.Exit(report.exit_code)


def load_with_progress(paths: Sequence[Path], tables: RecordTables, *, base_url: str = "") -> LoadReport:
    """Load `paths` as `careconnect_admin.loading.load.load_paths` does, with a bar on a terminal's standard error."""
    with _progress_bar() as progress:
        return loading.load_paths(paths, tables, progress, base_url=base_url)


def print_report(report: LoadReport) -> None:
    """Print the problems on standard error and the counts by type on standard output."""
    for problem in report.problems[:_MOST_SHOWN]:
        print(problem, file=sys.stderr)
    if len(report.problems) > _MOST_SHOWN:
        print(f"… and {len(report.problems) - _MOST_SHOWN:,} more problems", file=sys.stderr)
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column("")
    for heading in ("resources", "loaded", "unchanged", "deleted", "failed"):
        table.add_column(heading, justify="right")
    for name, counts in (*report.counts.items(), ("total", report.total)):
        numbers = (counts.present, counts.loaded, counts.unchanged, counts.deleted, counts.failed)
        table.add_row(name, *(f"{number:,}" for number in numbers))
    Console(highlight=False, soft_wrap=True).print(table)


@contextmanager
def _progress_bar() -> Iterator[loading.Progress]:
    console = Console(stderr=True)
    columns = (TextColumn("Loading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("load", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
