"""The disclosure report for people, as CSV and as JSON."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from careconnect_admin.commands.audit_lines import instant
from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.terminal import say

if TYPE_CHECKING:
    from audit_archiver.verify_day import Verdict
    from careconnect_admin.audit_trail.archive_gaps import Gap
    from careconnect_admin.audit_trail.disclosure_report import DisclosureReport, Visit

_PATIENT: Final = "patient"
_COLUMNS: Final = ("outcome", "from", "to", "client id", "client", "requests", "archive", "what", "why")
_VISIT: Final = ("from", "to", "client", "requests", "archive", "what")
_REFUSAL: Final = (*_VISIT, "why")
_GAP: Final = ("from", "to", "why")
_FORMULA: Final = ("=", "+", "-", "@")


def print_report(
    report: "DisclosureReport",
    verdicts: "Sequence[Verdict]",
    names: Mapping[str, str],
    missing: "Sequence[Gap]",
    *,
    title: str,
) -> None:
    """Print the visits, what was fetched, what was refused or failed, then the hours that are not in the archive.

    `names` by client id are for events without one.
    """
    sections = (
        ("Visits", "No visit", _VISIT, report.visits),
        ("Fetched files of these exports", "", _VISIT, report.fetched),
        ("Refused or failed, so nothing was shown", "Nothing was refused", _REFUSAL, report.refusals),
    )
    say(title)
    for heading, none, own, visits in sections:
        if visits or none:
            say("", heading if visits else none)
        if visits:
            rows = [_people(_cells(each, verdicts, names)) for each in visits]
            columns = _columns(report, own)
            print_table(columns, [[row[column] for column in columns] for row in rows])
    if missing:
        say("", "Hours of which the archive has nothing")
        print_table(_GAP, [[row[column] for column in _GAP] for row in map(_people, map(_gap, missing))])


def csv_lines(
    report: "DisclosureReport", verdicts: "Sequence[Verdict]", names: Mapping[str, str], missing: "Sequence[Gap]"
) -> list[str]:
    """Return the lines of a CSV with a heading, in the order of `print_report`."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    columns = _columns(report, _COLUMNS)
    writer.writerow(columns)
    for row in (*_rows(report, verdicts, names), *map(_gap, missing)):
        writer.writerow([_plain(row[column]) for column in columns])
    return written.getvalue().removesuffix("\n").split("\n")


def json_report(
    report: "DisclosureReport", verdicts: "Sequence[Verdict]", names: Mapping[str, str], missing: "Sequence[Gap]"
) -> list[dict[str, Any]]:
    """Return the rows of the CSV as objects without empty members, those of visits with the ids of their events."""
    rows = zip(_rows(report, verdicts, names), report.lines, strict=True)
    columns = _columns(report, _COLUMNS)

    def members(row: Mapping[str, str]) -> dict[str, Any]:
        return {name.replace(" ", "_"): row[name] for name in columns if row[name]}

    visits = [
        {**members(row), "requests": visit.requests, "events": [each.id for each in visit.events]}
        for row, visit in rows
    ]
    return [*visits, *(members(_gap(each)) for each in missing)]


def _columns(report: "DisclosureReport", columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of a report: with the patient's if it is of more than one."""
    return columns if report.patient else (_PATIENT, *columns)


def _rows(report: "DisclosureReport", verdicts: "Sequence[Verdict]", names: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"outcome": outcome, **_cells(each, verdicts, names)}
        for outcome, visits in (
            ("allowed", report.visits),
            ("fetched", report.fetched),
            ("refused", report.refusals),
        )
        for each in visits
    ]


def _cells(visit: "Visit", verdicts: "Sequence[Verdict]", names: Mapping[str, str]) -> dict[str, str]:
    return {
        _PATIENT: visit.patient,
        "from": instant(visit.first_at),
        "to": instant(visit.last_at),
        "client id": visit.client_id,
        "client": visit.client_name or names.get(visit.client_id, ""),
        "requests": str(visit.requests),
        "archive": visit.archive_verdict(verdicts),
        "what": visit.seen,
        "why": visit.reasons,
    }


def _gap(gap: "Gap") -> dict[str, str]:
    """Return the cells of hours that are not in the archive."""
    told = {"outcome": "not archived", "from": instant(gap.since), "to": instant(gap.before), "why": gap.why}
    return {**dict.fromkeys((_PATIENT, *_COLUMNS), ""), **told}


def _people(cells: Mapping[str, str]) -> dict[str, str]:
    """Return the cells with times in whole seconds, and the client's name before its id."""
    name, client_id = cells["client"], cells["client id"]
    times = {end: f"{cells[end][:19]}Z" for end in ("from", "to")}
    return {**cells, **times, "client": f"{name} ({client_id})" if name else client_id or "not known"}


def _plain(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
