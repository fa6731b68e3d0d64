"""`careconnect audit`: read the audit trail, verify it against its archive, and stamp it."""

import inspect
import itertools
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careconnect.fhir.resource_types import valid_id
from careconnect_admin.commands.audit_lines import FORGED, instant, outcome, print_events
from careconnect_admin.commands.shared.listing import print_pairs
from careconnect_admin.commands.shared.on_stack import JsonOption, client_registry, on_stack
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark, say, say_json
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_archiver.retentions import Retentions
    from audit_archiver.verify_day import Verdict
    from careconnect.audit.event import AuditEvent
    from careconnect_admin.audit_trail.read_events import AccessRecordReader, Recorded
    from careconnect_admin.auditing.operator_events import OperatorEvents
    from careconnect_admin.stack.target import StackTarget

_BROKEN: Final = 1
_FAULTS: Final = {
    "changed": "was changed",
    "removed": "was removed",
    "added": "was added: it is not in the archive of its time",
    "added later": "was added later than it claims",
    "expires too early": "expires before its retention is over",
    "not what was archived": "is an object of the archive that does not hold what its key says",
}
_BAD_ID: Final = "a patient's id has 1 to 64 of the characters A-Z a-z 0-9 - and '.'"
_DATE: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")
_MAX_NAMED: Final = 20
_DAYS_AT_ONCE: Final = 4
"""Days that are verified concurrently: each of their events takes memory."""

_OF_THE_ARCHIVE: Final = ("not what was archived",)

app = typer.Typer(name="audit", help="Read the audit trail and verify it.", no_args_is_help=True)


def _day(text: str) -> str:
    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter("a day is written as 2026-11-26") from None


DateOption = Annotated[str, typer.Option("--date", callback=_day, help="One day (UTC), as 2026-11-26.")]
FromOption = Annotated[str, typer.Option("--from", callback=_day, help="The first day; the last is --to or today.")]
ToOption = Annotated[str, typer.Option("--to", callback=_day, help="The last day; needs --from.")]


def _days(one: str, first: str, last: str) -> list[str]:
    """Return the days of the options, empty if there are none; raises `BadParameter`."""
    from audit_archiver.days import days_from

    if (one and (first or last)) or (last and not first):
        raise typer.BadParameter("give --date, or --from and perhaps --to")
    if one:
        return [one]
    last = last or _today()
    if first > last:
        raise typer.BadParameter("--from is after --to")
    return days_from(first, last) if first else []


def _today() -> str:
    return datetime.fromtimestamp(time.time(), UTC).date().isoformat()


@app.command("list")
@on_stack
def list_(
    target: "StackTarget",
    patient: Annotated[str, typer.Option("--patient", help="Only events of this patient, by id.")] = "",
    client: Annotated[str, typer.Option("--client", help="Only events of this client, by id.")] = "",
    date_: DateOption = "",
    first: FromOption = "",
    last: ToOption = "",
    max_events: Annotated[int, typer.Option("--max", min=1, help="The maximum number of events.")] = 500,
    wide: Annotated[bool, typer.Option("--wide", help="Print whole ids, times and queries, on long lines.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the audit events of a patient or of some days, newest first. This access is recorded too."""
    days = _days(date_, first, last)
    if patient and not valid_id(patient):
        raise typer.BadParameter(_BAD_ID)
    if not patient and not days:
        raise typer.BadParameter("give --patient, or days")
    reader = _reader(target)
    with working("Reading the audit trail"):
        every = reader.of_patient(patient, days) if patient else reader.of_days(days)
        kept = (each for each in every if not client or (each.event and each.event.client_id == client))
        found = list(itertools.islice(kept, max_events + 1))
    asked = {"patient": patient, "user": client, "date": date_, "from": first, "to": last}
    _recording(target).looked("search-type", {name: text for name, text in asked.items() if text}, patient)
    if len(found) > max_events:
        remark(f"careconnect: these are the newest {max_events}: give --max or days for more")
        del found[max_events:]
    if as_json:
        say_json([_as_json(each) for each in found])
    elif found:
        events = [each.event for each in found if each.event]
        print_events(found, _client_names(target, events), is_wide=wide)
    else:
        remark("careconnect: no event")
    since = _kept_since(target, reader)
    if since and (not days or days[0] < since):
        remark(f"careconnect: {_archived_before(since)}")


def _alone(ctx: typer.Context, **given: Any) -> None:
    """Read the audit trail and verify it. Without a command: the same as `list`."""
    if ctx.invoked_subcommand is None:
        list_(**given)
    elif any(ctx.get_parameter_source(name).name == "COMMANDLINE" for name in given):  # type: ignore[union-attr]
        raise typer.BadParameter("options stand after the command")


_CONTEXT: Final = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
_OPTIONS: Final = [_CONTEXT, *inspect.signature(list_).parameters.values()]
_alone.__signature__ = inspect.Signature(_OPTIONS)  # type: ignore[attr-defined]
_alone.__annotations__ = {each.name: each.annotation for each in _OPTIONS}
app.callback(invoke_without_command=True)(_alone)


@app.command()
@on_stack
def show(
    target: "StackTarget",
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The AuditEvent's id.")],
    as_json: JsonOption = False,
) -> None:
    """Print all details of one audit event. This access is recorded too."""
    from careconnect.audit.event import day_of, is_event_id, time_of

    event_id = event_id.removeprefix("AuditEvent/")
    if not is_event_id(event_id):
        raise typer.BadParameter("this is not the id of an AuditEvent")
    reader = _reader(target)
    found = reader.of_id(event_id)
    if found is None:
        since = _kept_since(target, reader)
        hint = f": {_archived_before(since)}" if day_of(time_of(event_id)) < since else ""
        raise OperatorError(f"there is no AuditEvent/{event_id}{hint}")
    _recording(target).looked("read", {"_id": event_id}, found.event.patient if found.event else "")
    members = _as_json(found)
    if as_json:
        say_json(members)
        return
    texts = {name: " ".join(value) if isinstance(value, list) else str(value) for name, value in members.items()}
    print_pairs([(name.replace("_", " "), text) for name, text in texts.items()])


@app.command()
@on_stack
def verify(
    target: "StackTarget",
    date_: DateOption = "",
    first: FromOption = "",
    last: ToOption = "",
    as_json: JsonOption = False,
) -> None:
    """Verify the audit trail against its archive, for today or for the days given.

    The exit code is 0 if they agree, even if some events are not archived yet. Otherwise it is 1, and each event that
    was changed, removed, added or added later is listed.
    """
    verdicts = []
    for verdict in _verified(target, _days(date_, first, last) or [_today()]):
        verdicts.append(verdict)
        if not as_json:
            say(f"{verdict.day}  {_sentence(verdict)}", *_named(verdict))
    if as_json:
        say_json([_verdict(each) for each in verdicts])
    if not all(each.stands for each in verdicts):
        raise typer.Exit(_BROKEN)


@app.command()
@on_stack
def report(
    target: "StackTarget",
    patient: Annotated[str, typer.Option("--patient", help="The patient's id.")] = "",
    by_nhs_number: Annotated[
        bool, typer.Option("--nhs-number", help="Ask for the patient's NHS number instead, or read it from a pipe.")
    ] = False,
    by_name: Annotated[
        bool, typer.Option("--name", help="Ask for the patient's name and date of birth instead, or read two lines.")
    ] = False,
    client: Annotated[
        str, typer.Option("--client", help="Only visits of this client, by id; without a patient, whom it saw.")
    ] = "",
    date_: DateOption = "",
    first: FromOption = "",
    last: ToOption = "",
    is_verified: Annotated[
        bool, typer.Option("--verify", help="Verify the days that are read from the archive, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Read the archive whatever it costs.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print who saw a patient's record, or whom a client saw: a line for each visit, and what was refused apart.

    A visit ends when its client pauses for more than 15 minutes. Days that the table keeps are verified; former ones
    are read from the archive, and what that costs is said first. This access is recorded too. The exit code is 1 if the
    trail of these days is not as it was archived.
    """
    from careconnect_admin.audit_trail.disclosure_report import report_disclosures
    from careconnect_admin.commands.audit_report import csv_lines, json_report, print_report
    from careconnect_admin.commands.audit_sources import ReportSource

    days = _days(date_, first, last)
    whose = [bool(patient), by_nhs_number, by_name].count(True)
    if whose > 1:
        raise typer.BadParameter("give one of --patient, --nhs-number and --name")
    if not whose and not client:
        raise typer.BadParameter("give --patient, --nhs-number, --name or --client")
    if not days:
        raise typer.BadParameter("give the period, by --date or --from")
    if as_csv and as_json:
        raise typer.BadParameter("give --csv or --json")
    if patient and not valid_id(patient):
        raise typer.BadParameter(_BAD_ID)
    if by_nhs_number or by_name:
        patient = _with_nhs_number(target) if by_nhs_number else _with_name(target)
    source = ReportSource(target, days, int(time.time() * 1000))
    source.agree(is_agreed=yes, is_verified=is_verified)
    asked = {"patient": patient, "user": client, "date": date_, "from": first, "to": last}
    # Before it is read: the answer of a query of the archive is in a bucket, whatever becomes of this command.
    own = _recording(target).looked("search-type", {name: text for name, text in asked.items() if text}, patient)
    with working("Reading the audit trail") as tell:
        found = report_disclosures(source.trail(tell), patient, days, client, without=own)
    verdicts = list(_verified(target, source.days_to_verify(found, every=is_verified)))
    names = _client_names(target, [each for visit in found.lines for each in visit.events])
    if as_json:
        say_json(json_report(found, verdicts, names, source.gaps))
    elif as_csv:
        say(*csv_lines(found, verdicts, names, source.gaps))
    else:
        whom = f"Patient/{patient}" if patient else f"Client {client}"
        print_report(found, verdicts, names, source.gaps, title=f"{whom}, {days[0]} to {days[-1]} (UTC)")
    for each in found.forged:
        remark(f"careconnect: AuditEvent/{each} is left out: it is {FORGED}")
    for verdict in verdicts:
        if not verdict.stands or verdict.ended:
            remark(f"careconnect: of all events of {verdict.day}: {_sentence(verdict)}")
    is_whole = source.told_of_archive(is_verified=is_verified)
    if not all(each.stands for each in verdicts):
        remark("careconnect: careconnect audit verify names the events that are not as archived")
        is_whole = False
    if not is_whole:
        raise typer.Exit(_BROKEN)


@app.command()
@on_stack
def stamp(
    target: "StackTarget",
    first: Annotated[
        str, typer.Option("--from", callback=_day, help="The first day; without it the first of the archive.")
    ] = "",
    last: Annotated[str, typer.Option("--to", callback=_day, help="The last day; yesterday at the latest.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Stamp without asking.")] = False,
) -> None:
    """Let the table forget events of former days that have no time to expire, after its retention.

    A day whose events are not all as they were archived is left and named, and the exit code is 1. Recorded as
    `audit-stamp`; can be repeated.
    """
    from careconnect_admin.commands.audit_stamp import days_to_stamp, stamp_days

    if first and last and first > last:
        raise typer.BadParameter("--from is after --to")
    if not stamp_days(target, days_to_stamp(target, first, last), _retentions(target), yes=yes):
        raise typer.Exit(_BROKEN)


def _with_nhs_number(target: "StackTarget") -> str:
    """Ask for an NHS number, and return the id of the patient who has it; raises `OperatorError`."""
    from careconnect.audit.nhs_numbers import is_nhs_number
    from careconnect_admin.audit_trail.find_patient import patients_with_nhs_number

    number = _answer("NHS number:")
    if not is_nhs_number(number):
        raise OperatorError("this is no NHS number: it has ten digits, the last of which checks the others")
    with working("Looking for the patient"):
        found = patients_with_nhs_number(target.client("dynamodb"), target.output("RecordTable"), number)
    if len(found) != 1:
        _found_by(target, ("identifier",), found)
    if not found:
        raise OperatorError("no patient has this NHS number now: give --patient")
    if len(found) > 1:
        raise OperatorError(f"several patients have this NHS number: give --patient with {' or '.join(found)}")
    return found[0]


def _with_name(target: "StackTarget") -> str:
    """Ask for a name and a date of birth, and return the id of the patient who has them; raises `OperatorError`."""
    from careconnect_admin.audit_trail.find_patient import patients_with_name

    name = _answer("Name:")
    born = _answer("Date of birth, as 1971-08-23, 1971-08 or 1971; nothing if it is not known:")
    if not any(each.isalnum() for each in name):
        raise OperatorError("give a name")
    if born and not _DATE.fullmatch(born):
        raise OperatorError("a date of birth is written as 1971-08-23, 1971-08 or 1971")
    with working("Looking for the patient"):
        found = patients_with_name(target.client("dynamodb"), target.output("RecordTable"), name, born)
    parameters = ("name", "birthdate") if born else ("name",)
    if len(found) != 1:
        _found_by(target, parameters, sorted(found) if len(found) <= _MAX_NAMED else [])
    if len(found) > _MAX_NAMED:
        raise OperatorError(f"more than {_MAX_NAMED} patients have such a name: give more of it, and the date of birth")
    if not found:
        raise OperatorError("no patient has this name and date of birth now: give --patient")
    if len(found) > 1:
        listed = [f"{each} (born {birth_date or 'on no date that is recorded'})" for each, birth_date in found.items()]
        raise OperatorError(f"several patients have this name: give --patient with {' or '.join(listed)}")
    return next(iter(found))


def _answer(question: str) -> str:
    """Ask on standard error and read a line: never an option's value, as shells keep those."""
    # A prompt of typer's would write into the report.
    remark(question)
    return sys.stdin.readline().strip()


def _found_by(target: "StackTarget", parameters: "Sequence[str]", found: "Sequence[str]") -> None:
    """Record a search that names no one patient; of one patient the report's own event is enough."""
    from careconnect.audit.query import LEFT_OUT

    for each in found or [""]:
        _recording(target).looked("search-type", dict.fromkeys(parameters, LEFT_OUT), each)


def _verified(target: "StackTarget", days: "Sequence[str]") -> "Iterator[Verdict]":
    """Yield each day's verdict; raises `OperatorError` if the stack has no archive."""
    from audit_archiver.dynamodb_trail import DynamoDbTrail
    from audit_archiver.s3_archive import S3Archive
    from audit_archiver.verify_day import verify_day
    from careconnect_admin.commands.audit_sources import archive_bucket

    bucket = archive_bucket(target)
    trail = DynamoDbTrail(target.client("dynamodb"), target.output("AuditTable"))
    archive = S3Archive(target.client("s3"), bucket)
    retentions = _retentions(target)

    def verdict_of(day: str) -> "Verdict":
        return verify_day(trail, archive, day, int(time.time() * 1000), retentions)

    # A day is some seventy calls, one after another: of several days the waiting is shared.
    pool = ThreadPoolExecutor(max_workers=_DAYS_AT_ONCE)
    try:
        verdicts = pool.map(verdict_of, days)
        for day in days:
            with working(f"Verifying {day}"):
                verdict = next(verdicts)
            yield verdict
    finally:
        pool.shutdown(cancel_futures=True)


def _retentions(target: "StackTarget") -> "Retentions":
    from audit_archiver.retentions import Retentions

    parameters = target.parameters
    return Retentions(int(parameters.get("AuditRetentionDays", "0")), int(parameters.get("ArchiveRetentionDays", "0")))


def _kept_since(target: "StackTarget", reader: "AccessRecordReader") -> str:
    """Return the first day of which the table has lost nothing yet, empty if it keeps all."""
    return reader.kept_since(int(time.time() * 1000), _retentions(target).audit)


def _archived_before(since: str) -> str:
    return f"events before {since} may be in the archive alone: careconnect audit report reads it"


def _recording(target: "StackTarget") -> "OperatorEvents":
    from careconnect_admin.auditing.open_trail import operator_record

    return operator_record(target)


def _reader(target: "StackTarget") -> "AccessRecordReader":
    from careconnect_admin.audit_trail.read_events import AccessRecordReader

    return AccessRecordReader(target.client("dynamodb"), target.output("AuditTable"))


def _client_names(target: "StackTarget", events: "Sequence[AuditEvent]") -> dict[str, str]:
    """Return the registered names, by id, of the clients whose events do not have their name."""
    from careconnect.runtime.aws import SERVICE_ERRORS, error_code
    from careconnect_admin.audit_trail.operators import SERVICE

    nameless = [each for each in events if not each.client_name and each.service != SERVICE]
    names: dict[str, str] = {}
    registry = client_registry(target)
    with working("Reading the clients' names"):
        for client_id in {event.client_id for event in nameless} - {""}:
            try:
                record = registry.find(client_id)
            except SERVICE_ERRORS as error:
                remark(f"careconnect: without the clients' names ({error_code(error)})")
                break
            names[client_id] = record.name if record else ""
    return names


def _as_json(each: "Recorded") -> dict[str, Any]:
    if each.event is None:
        return {"id": each.id, "outcome": FORGED}
    members = {"id": each.id, "at": instant(each.event.at), **asdict(each.event), "outcome": outcome(each.event)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in members.items() if value}


def _sentence(verdict: "Verdict") -> str:
    if not verdict.archived and not verdict.not_archived and not verdict.no_longer_archived and verdict.stands:
        return "no events"
    said = f"{len(verdict.findings)} broken" if verdict.findings else "all stand"
    if verdict.ended:
        said += f", retention ended {verdict.ended}"
    if verdict.no_longer_archived:
        said += f", {len(verdict.no_longer_archived)} no longer archived"
    until = f", the last at {instant(verdict.archived_until)}" if verdict.archived_until else ""
    return f"{verdict.archived} archived{until}; {said}; {len(verdict.not_archived)} not archived yet"


def _named(verdict: "Verdict") -> list[str]:
    """Return one line for each finding."""
    return [
        f"  {'' if finding.fault in _OF_THE_ARCHIVE else 'AuditEvent/'}{finding.id} {_FAULTS[finding.fault]}"
        for finding in verdict.findings
    ]


def _verdict(verdict: "Verdict") -> dict[str, Any]:
    return {
        **{name: getattr(verdict, name) for name in ("day", "stands", "archived", "ended")},
        "not_archived": len(verdict.not_archived),
        "no_longer_archived": len(verdict.no_longer_archived),
        "archived_until": instant(verdict.archived_until) if verdict.archived_until else None,
        "findings": [{"id": finding.id, "fault": str(finding.fault)} for finding in verdict.findings],
    }
