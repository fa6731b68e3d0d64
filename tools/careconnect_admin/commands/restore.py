"""`careconnect restore`: bring the records, the directory and the references back to a point in time."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.on_stack import JsonOption, on_stack
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark, say, say_json
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.auditing.operator_events import OperatorEvents
    from careconnect_admin.loading.reindex import ReindexReport
    from careconnect_admin.restoring.differences import Difference
    from careconnect_admin.stack.restored_tables import TableSet
    from careconnect_admin.stack.target import StackTarget

_MAX_SHOWN: Final = 100
_DETAIL: Final = "A restore was under way."
_EFFECTS: Final = ("removed", "changed", "returned")


@on_stack
def restore(
    target: "StackTarget",
    to: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Restore to this instant, such as 2026-11-28T03:00:00Z.")
    ] = "",
    compare: Annotated[bool, typer.Option("--compare", help="Count what the restored tables would change.")] = False,
    ids: Annotated[str, typer.Option("--ids", metavar="TYPE", help="With --compare: list the ids of a type.")] = "",
    switch: Annotated[
        bool, typer.Option("--switch", help="Put the restored tables into service. Writes fail meanwhile.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Delete the tables that are out of service.")] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="Bring deleted tables back, from their last backups, under their names.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Restore records, directory and references of a deployment to a point in time, in four steps.

    First --to TIME, then --compare, --switch and --drop. Each can be repeated if it is interrupted. With tables of
    several times, --to names those to compare or to switch to. Apart from these, --lost restores deleted tables.
    """
    from careconnect_admin.auditing.open_trail import operator_record
    from careconnect_admin.stack.restored_tables import require_parameter

    steps = compare + switch + drop + lost
    if steps > 1 or not (to or steps) or (to and (drop or lost)) or (ids and not compare):
        raise OperatorError("give one of --to TIME, --compare, --switch, --drop and --lost; --ids goes with --compare")
    if target.is_local:
        raise OperatorError(
            "name a deployment with --stack: a stack of `make run` cannot be restored to a point in time"
        )
    require_parameter(target)
    record = operator_record(target)
    if lost:
        _bring_back(target, record, yes=yes)
    elif drop:
        _drop(target, record, yes=yes)
    elif compare:
        _compare(target, record, _chosen(target, to), ids, as_json=as_json)
    elif switch:
        _switch(target, record, _chosen(target, to), yes=yes)
    else:
        _restore(target, record, to)


def _chosen(target: "StackTarget", to: str) -> "TableSet":
    """Return the complete restored tables to compare or to switch to: those of an unfinished switch first."""
    from careconnect_admin.restoring.own_item import switch_of
    from careconnect_admin.restoring.restore_tables import point_in_time, ready_set
    from careconnect_admin.stack.restored_tables import restored_sets, set_in_service, suffix_of

    current = set_in_service(target)
    if current.suffix and switch_of(target.client("dynamodb"), current) is not None:
        return current
    wanted = suffix_of(point_in_time(to)) if to else ""
    suffixes = [each for each in restored_sets(target) if each != current.suffix and wanted in ("", each)]
    return ready_set(target, suffixes)


def _restore(target: "StackTarget", record: "OperatorEvents", to: str) -> None:
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.audited_restore import RESTORE
    from careconnect_admin.restoring.restore_tables import point_in_time, restore_tables
    from careconnect_admin.stack.restored_tables import suffix_of

    instant = point_in_time(to)
    if not _is_aws(target):
        endpoint = target.client("dynamodb").meta.endpoint_url
        remark(f"careconnect: {endpoint} is not AWS: an emulator may ignore the time, and restore what is there now")
    with working("Restoring") as show:
        report = record.done(
            RESTORE,
            Action.CREATE,
            {"step": "to", "to": suffix_of(instant)},
            lambda: restore_tables(
                target, instant, tell=remark, progress=lambda part, done: show(f"{part}: {done:,}" if done else part)
            ),
        )
    _print_problems(report)
    say(f"Restored {sum(report.rebuilt.values()):,} resources to {suffix_of(instant)}, beside the tables in service")
    raise typer.Exit(report.exit_code)


def _print_problems(report: "ReindexReport") -> None:
    for problem in report.problems[:_MAX_SHOWN]:
        remark(f"found by no search: {problem}")
    if len(report.problems) > _MAX_SHOWN:
        remark(f"… and {len(report.problems) - _MAX_SHOWN:,} more problems")


def _compare(target: "StackTarget", record: "OperatorEvents", restored: "TableSet", ids: str, *, as_json: bool) -> None:
    from careconnect.audit.event import Action
    from careconnect.fhir.resource_types import resource_type
    from careconnect_admin.auditing.audited_restore import RESTORE
    from careconnect_admin.loading.reading.types import meant
    from careconnect_admin.restoring.differences import differences
    from careconnect_admin.stack.restored_tables import set_in_service
    from careconnect_records.items.tables import RecordTables

    if ids and resource_type(ids) is None:
        raise OperatorError(f"{ids} is not a type that is served{meant(ids)}")
    dynamodb = target.client("dynamodb")
    sides = (RecordTables(dynamodb, *tables.names) for tables in (set_in_service(target), restored))
    about = {"step": "compare", "to": restored.suffix} | ({"ids": ids} if ids else {})
    with working("Comparing"):
        found = record.done(RESTORE, Action.READ, about, lambda: list(differences(*sides)))
    listed = sorted((each.key, each.effect.value) for each in found if each.type_name == ids and each.effect.value)
    if not any(each.effect.value for each in found):
        _remark_nothing_differs(target, restored)
    if erased := _erased(target, restored):
        names = ", ".join(f"Patient/{patient}" for patient in erased[:_MAX_SHOWN])
        remark(f"careconnect: erased since, and with --switch erased again, whatever is listed: {names}")
    if as_json:
        say_json(_as_object(restored, found, listed))
    elif ids:
        print_table(("", "effect"), listed)
    else:
        counts = _counts(found)
        rows = [(name, *(f"{numbers[effect]:,}" for effect in _EFFECTS)) for name, numbers in counts.items()]
        print_table(("", *_EFFECTS), rows, numbers_from=1)


def _remark_nothing_differs(target: "StackTarget", restored: "TableSet") -> None:
    """Say what no difference means, as zeros look like a comparison that has shown something."""
    remark(
        f"careconnect: no resource differs: nothing was written since {restored.suffix}, "
        "so this shows nothing of the restore"
    )
    if not _is_aws(target):
        remark("careconnect: or this emulator has ignored the time, and restored what was there at the restore")


def _is_aws(target: "StackTarget") -> bool:
    return ".amazonaws.com" in str(target.client("dynamodb").meta.endpoint_url)


def _counts(found: "list[Difference]") -> dict[str, Counter[str]]:
    """Return by type how many resources a switch removes, changes and returns, and the totals."""
    counts: dict[str, Counter[str]] = {}
    for each in sorted(found, key=lambda difference: difference.type_name):
        if each.effect.value:
            counts.setdefault(each.type_name, Counter())[each.effect.value] += 1
    return {**counts, "total": sum(counts.values(), Counter())}


def _as_object(restored: "TableSet", found: "list[Difference]", listed: list[tuple[str, str]]) -> dict[str, object]:
    counts = {name: {effect: numbers[effect] for effect in _EFFECTS} for name, numbers in _counts(found).items()}
    return {"to": restored.suffix, "types": counts, "ids": dict(listed)}


def _switch(target: "StackTarget", record: "OperatorEvents", restored: "TableSet", *, yes: bool) -> None:
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.audited_restore import RESTORE, RestoredPatients
    from careconnect_admin.exporting.exports import failing_exports
    from careconnect_admin.restoring.switch_tables import Switch
    from careconnect_admin.stack.operator_work import registered
    from careconnect_admin.stack.restored_tables import set_in_service
    from careconnect_records.items.tables import RecordTables

    erased = _erased(target, restored)
    if not yes:
        typer.confirm(
            f"The stack {target.name} serves what it held at {restored.suffix}, and writes fail until this has ended. "
            "No load may run. Begin?",
            abort=True,
            err=True,
        )
    with working("Switching") as show:
        work = Switch(
            target,
            restored,
            RestoredPatients(record).announce,
            remark,
            lambda done: show(f"Carrying versions over: {done:,}"),
            erased=erased,
        )
        current = RecordTables(target.client("dynamodb"), *set_in_service(target).names)
        with registered(current, "restore"), failing_exports(target, _DETAIL):
            carried = record.done(RESTORE, Action.UPDATE, {"step": "switch", "to": restored.suffix}, work.run)
    say(f"In service: the tables of {restored.suffix}. {carried:,} resources were carried over")


def _erased(target: "StackTarget", restored: "TableSet") -> list[str]:
    """Return the ids of the patients who were erased since the restored time, by the audit trail.

    Tells what was moved out of their records since: it is in them again, and so is erased with them. Tells also if the
    table of the audit trail may have lost erasures.
    """
    from careconnect_admin.audit_trail.read_events import AccessRecordReader
    from careconnect_admin.auditing.audited_erasure import ERASE, erased_since
    from careconnect_admin.auditing.audited_move import MOVE_OUT, moved_out_since
    from careconnect_admin.stack.restored_tables import time_of

    since, today = time_of(restored.suffix), datetime.now(UTC).date()
    days = [(since.date() + timedelta(days=number)).isoformat() for number in range((today - since.date()).days + 1)]
    reader = AccessRecordReader(target.client("dynamodb"), target.output("AuditTable"))
    with working("Looking for erasures since"):
        events = [each for each in reader.of_days(days) if each.event and each.event.interaction in (ERASE, MOVE_OUT)]
        own = int(target.parameters.get("AuditRetentionDays", "0"))
        kept_since = reader.kept_since(int(datetime.now(UTC).timestamp() * 1000), own)
    if days[0] < kept_since:
        remark(
            f"careconnect: the audit table may have lost events before {kept_since}: who was erased then is not known "
            "here, and not erased again. careconnect audit report reads the archive"
        )
    erased, moved = erased_since(events, since), moved_out_since(events, since)
    for patient in erased:
        for key in moved.get(patient, ()):
            remark(
                f"careconnect: {key} was moved out of the record of Patient/{patient} since, and --switch erases "
                "it with that record: keep a copy, and write it again"
            )
    return erased


def _drop(target: "StackTarget", record: "OperatorEvents", *, yes: bool) -> None:
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.audited_restore import RESTORE
    from careconnect_admin.restoring.drop_tables import drop_tables, out_of_service

    remove = out_of_service(target)
    for table in remove.restored:
        remark(f"To delete: {table}")
    for table in remove.own:
        remark(f"To empty: {table}, which is a resource of the stack")
    if not (remove.restored or remove.own):
        say("No table is out of service")
        return
    if not yes:
        typer.confirm("DynamoDB keeps a last backup for 35 days. Remove them?", abort=True, err=True)
    with working("Removing"):
        record.done(RESTORE, Action.DELETE, {"step": "drop"}, lambda: drop_tables(target, remove, tell=remark))
    say("Removed")


def _bring_back(target: "StackTarget", record: "OperatorEvents", *, yes: bool) -> None:
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.audited_restore import RESTORE
    from careconnect_admin.exporting.exports import failing_exports
    from careconnect_admin.restoring.lost_tables import AUDIT, EXPORTS, bring_back, lost_tables

    found = lost_tables(target)
    if not found:
        say("No table is lost")
        return
    for table in found:
        how = f"as of {table.at:%Y-%m-%dT%H:%M:%SZ}" if table.at else "empty, or to be completed"
        remark(f"To restore: {table.name}, {how}")
    if not yes:
        typer.confirm("The FHIR API may answer 503 until this has ended. No load may run. Begin?", abort=True, err=True)
    first = [each for each in found if each.output in (AUDIT, EXPORTS)]
    with working("Restoring") as show:

        def tell(part: str, done: int) -> None:
            show(f"{part}: {done:,}" if done else part)

        # Without the trail nothing can be recorded, and without the table of exports none of them fails.
        bring_back(target, first, tell=remark)
        with failing_exports(target, _DETAIL):
            report = record.done(
                RESTORE,
                Action.CREATE,
                {"step": "lost", "tables": " ".join(each.output for each in found)},
                lambda: bring_back(target, [each for each in found if each not in first], tell=remark, progress=tell),
            )
    _print_problems(report)
    say(f"Restored {len(found)} tables, and indexed {sum(report.rebuilt.values()):,} resources")
    raise typer.Exit(report.exit_code)
