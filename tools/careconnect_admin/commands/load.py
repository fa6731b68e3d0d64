"""`careconnect load`: load records into the local stack or a deployment."""

import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from careconnect.fhir.resource_types import ID_PATTERN, resource_type
from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.on_stack import (
    JsonOption,
    PortOption,
    ProfileOption,
    RegionOption,
    StackOption,
    found_stack,
    given_by,
)
from careconnect_admin.commands.shared.terminal import remark, say_json
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from careconnect_admin.loading import load as loading
    from careconnect_admin.loading.reading.found import Deletion
    from careconnect_admin.loading.writer import Announce
    from careconnect_admin.stack.target import StackTarget

_MAX_SHOWN: Final = 100
_MAX_DANGLING: Final = 5
_INTERRUPTED: Final = 130
"""The exit code of what Ctrl-C has ended: 128 and the signal's number."""
_COLUMNS: Final = ("resources", "loaded", "unchanged", "deleted", "failed")
_REFERENCE: Final = re.compile(rf"([A-Z][A-Za-z]+)/({ID_PATTERN})")


@dataclass(frozen=True, slots=True)
class Destination:
    """The stack to load into; without a target the load is a dry run, as on empty tables."""

    target: "StackTarget | None"
    dry_run: bool


@contextmanager
def _destination(
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Check everything and report the changes without writing. Needs no running stack."
        ),
    ] = False,
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
) -> "Iterator[Destination]":
    """Find the stack to load into; a dry run without a named stack needs none to be up."""
    from careconnect_admin.stack.target import NoStackError

    with ExitStack() as found:
        try:
            target = found.enter_context(found_stack(stack, region, profile, port))
        except NoStackError:
            if not dry_run:
                raise
            target = None
            remark(
                "careconnect: no stack is up: nothing is compared with what is stored, "
                "and references are looked up in these files alone"
            )
        yield Destination(target, dry_run)


@given_by(_destination)
def load(
    destination: "Destination",
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH…",
            help="NDJSON files, resources, Bundles, or folders of them, plain or as .gz; - is standard input.",
        ),
    ] = None,
    delete: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE/ID", help="Mark a resource as deleted, after asking; @FILE has one per line."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
    accept_invariants: Annotated[
        bool,
        typer.Option(
            "--accept-invariants", help="Load what breaks an invariant of STU3 too, and report how often by its key."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Load FHIR STU3 resources. Invalid ones are reported by file and line, and all others are loaded.

    Of a transaction Bundle, all entries are loaded at once, or none. Can be interrupted and repeated.
    """
    from careconnect_admin.auditing.audited_load import recorded_load
    from careconnect_admin.auditing.open_trail import operator_record
    from careconnect_admin.loading import load as loading
    from careconnect_admin.loading.reading.sources import find_sources
    from careconnect_admin.loading.writer import nothing
    from careconnect_admin.stack.operator_work import registered
    from careconnect_admin.stack.restored_tables import OUTPUTS
    from careconnect_records.items.tables import RecordTables

    if not (paths or delete):
        raise OperatorError("nothing to do: name files or folders to load, or what to --delete")
    deletions = _deletions(delete or ())
    target, dry_run = destination.target, destination.dry_run
    tables, base_url = None, ""
    if target is not None:
        if deletions and not (dry_run or yes):
            _ask(len(deletions), target.name, paths or ())
        tables = RecordTables(target.client("dynamodb"), *(target.output(name) for name in OUTPUTS))
        base_url = target.output("BaseUrl")

    def load_them(announce: "Announce" = nothing) -> "loading.LoadReport":
        with loading_progress() as progress:
            return loading.load_paths(
                paths or (),
                tables,
                progress,
                deletions=deletions,
                dry_run=dry_run,
                base_url=base_url,
                announce=announce,
                accept_invariants=accept_invariants,
            )

    try:
        if tables is None or target is None or dry_run:
            report = load_them()
        else:
            with registered(tables, "load"):
                report = recorded_load(operator_record(target), load_them, find_sources(paths or ()), len(deletions))
    except loading.LoadInterruptedError as interrupted:
        _tell_how_far(interrupted, dry_run=dry_run)
        raise typer.Exit(_INTERRUPTED) from None
    if dry_run:
        remark("Nothing was written: this is what would be done.")
    if as_json:
        say_json(_as_object(report, dry_run=dry_run))
    else:
        print_report(report)
    if any(served.is_patient for each in deletions if (served := resource_type(each.type_name))):
        remark("careconnect: a deleted Patient's record stays, with all versions: see `careconnect patients erase`")
    raise typer.Exit(report.exit_code)


def _tell_how_far(interrupted: "loading.LoadInterruptedError", *, dry_run: bool) -> None:
    print_report(interrupted.report)
    how_far = f"interrupted after {interrupted.share:.0%} of what is to be read"
    go_on = "nothing was written" if dry_run else "what was loaded stays, and the same command again loads the rest"
    remark(f"careconnect: {how_far}: {go_on}")


def _deletions(given: "Iterable[str]") -> "list[Deletion]":
    """Return the resources to delete, each once; raises `OperatorError` for a text that is not TYPE/ID."""
    from careconnect_admin.loading.reading.found import Deletion, Place
    from careconnect_admin.loading.reading.types import meant

    found: dict[str, Deletion] = {}
    for text in given:
        for place, reference in _references(text):
            named = _REFERENCE.fullmatch(reference)
            if named is None or resource_type(named[1]) is None:
                raise OperatorError(
                    f"{place}: {reference} is no TYPE/ID of a type that is served{meant(reference)}; nothing was done"
                )
            found.setdefault(reference, Deletion(Place(place), named[1], named[2]))
    return list(found.values())


def _references(text: str) -> "Iterator[tuple[str, str]]":
    if not text.startswith("@"):
        yield f"--delete {text}", text
        return
    try:
        lines = Path(text[1:]).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"--delete {text}: cannot be read") from None
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield f"{text[1:]}:{number}", line.strip()


def _ask(count: int, stack: str, paths: "Iterable[Path]") -> None:
    if Path("-") in paths:
        raise OperatorError("what comes in by standard input cannot answer too: say --yes to delete")
    resources = "1 resource" if count == 1 else f"{count:,} resources"
    typer.confirm(f"Delete {resources} from the stack {stack}?", abort=True, err=True)


def print_report(report: "loading.LoadReport") -> None:
    """Print the counts on standard output, all else on standard error."""
    for problem in report.problems[:_MAX_SHOWN]:
        remark(str(problem))
    if len(report.problems) > _MAX_SHOWN:
        remark(f"… and {len(report.problems) - _MAX_SHOWN:,} more problems")
    for kind, places in report.skipped.items():
        shown = ", ".join(map(str, places.first))
        more = ", …" if places.count > len(places.first) else ""
        remark(f"skipped: {kind}, {places.count:,} in all: {shown}{more}")
    for key, broken in report.accepted.items():
        first = f"{broken.first} ({broken.expression})"
        remark(f"accepted: {key} is broken, {broken.count:,} in all: {first}")
    if report.dangling:
        references = sum(each.count for each in report.dangling)
        shown = ", ".join(f"{each.target} (from {each.source})" for each in report.dangling[:_MAX_DANGLING])
        more = ", …" if len(report.dangling) > _MAX_DANGLING else ""
        remark(f"warning: references to what is not here, {references:,} in all: {shown}{more}")
    rows = [
        (name, *(f"{number:,}" for number in _numbers(counts)))
        for name, counts in (*report.counts.items(), ("total", report.total))
    ]
    print_table(("", *_COLUMNS), rows, numbers_from=1)


def _numbers(counts: "loading.TypeCounts") -> tuple[int, ...]:
    return counts.present, counts.loaded, counts.unchanged, counts.deleted, counts.failed


def _as_object(report: "loading.LoadReport", *, dry_run: bool) -> dict[str, Any]:
    """Return the whole report, with all problems and dangling references."""

    def counted(counts: "loading.TypeCounts") -> dict[str, int]:
        return dict(zip(_COLUMNS, _numbers(counts), strict=True))

    return {
        "dry_run": dry_run,
        "types": {name: counted(counts) for name, counts in report.counts.items()},
        "total": counted(report.total),
        "problems": [
            {"file": each.place.file, "line": each.place.line, "type": each.type_name, "reason": each.reason}
            for each in report.problems
        ],
        "skipped": [
            {"kind": kind, "count": places.count, "first": [str(place) for place in places.first]}
            for kind, places in report.skipped.items()
        ],
        "accepted": [
            {"key": key, "count": broken.count, "first": str(broken.first), "expression": broken.expression}
            for key, broken in report.accepted.items()
        ],
        "dangling": [{"target": each.target, "count": each.count, "from": each.source} for each in report.dangling],
    }


@contextmanager
def loading_progress() -> "Iterator[loading.Progress]":
    """Show a progress bar on a terminal's standard error; yields the function that updates it."""
    console = Console(stderr=True)
    columns = (TextColumn("Loading"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("load", total=None)
        # The size of standard input is unknown before its end.
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
