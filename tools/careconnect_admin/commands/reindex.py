"""`careconnect reindex`: rebuild everything in the tables except the bodies, while the API answers 503."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.on_stack import JsonOption, on_stack
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark, say_json

if TYPE_CHECKING:
    from careconnect_admin.loading.reindex import ReindexReport
    from careconnect_admin.stack.target import StackTarget

_MAX_SHOWN: Final = 100


@on_stack
def reindex(
    target: "StackTarget",
    yes: Annotated[bool, typer.Option("--yes", help="Start without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rebuild index, identifier locks and reference counts from the stored resources. The API answers 503 meanwhile."""
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.open_trail import operator_record
    from careconnect_admin.exporting.exports import failing_exports
    from careconnect_admin.loading import reindex as rebuilding
    from careconnect_admin.stack.operator_work import registered
    from careconnect_admin.stack.restored_tables import OUTPUTS
    from careconnect_records.items.tables import RecordTables

    if not yes:
        typer.confirm(
            f"The FHIR API of the stack {target.name} answers 503 until this has ended. Begin?", abort=True, err=True
        )
    tables = RecordTables(target.client("dynamodb"), *(target.output(name) for name in OUTPUTS))
    with registered(tables, "reindex"), failing_exports(target, "A reindex was under way."), _progress() as tell:
        report = operator_record(target).done(
            "reindex", Action.EXECUTE, {}, lambda: rebuilding.reindex(tables, tell, base_url=target.output("BaseUrl"))
        )
    if as_json:
        say_json({"types": report.rebuilt, "problems": report.problems})
    else:
        _print(report)
    raise typer.Exit(report.exit_code)


def _print(report: "ReindexReport") -> None:
    for problem in report.problems[:_MAX_SHOWN]:
        remark(f"found by no search: {problem}")
    if len(report.problems) > _MAX_SHOWN:
        remark(f"… and {len(report.problems) - _MAX_SHOWN:,} more problems")
    total = sum(report.rebuilt.values())
    rows = [(name, f"{number:,}") for name, number in (*sorted(report.rebuilt.items()), ("total", total))]
    print_table(("", "rebuilt"), rows, numbers_from=1)


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """Show the current step, its count and its rate on a terminal."""
    begun: dict[str, float] = {}
    with working("Reindexing") as show:

        def tell(part: str, done: int) -> None:
            seconds = time.monotonic() - begun.setdefault(part, time.monotonic())
            show(f"{part}: {done:,}, {done / max(seconds, 0.001):,.0f} a second" if done else part)

        yield tell
