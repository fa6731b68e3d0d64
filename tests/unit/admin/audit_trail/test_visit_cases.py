"""Visits by one table of cases, which the page's own rule is tested by too: what is stored, answered and reported."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from access_auditor.event_resource import event_resource
from audit_archiver.verify_day import Verdict
from careconnect.audit.event import Action, AuditEvent, Outcome
from careconnect_admin.audit_trail.disclosure_report import report_disclosures
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.commands.audit_report import csv_lines
from careconnect_admin.project import PROJECT

DAY = "2026-03-26"
CASES: list[dict[str, Any]] = json.loads(
    (PROJECT / "functions/console/web/tests/visit-cases.json").read_text(encoding="utf-8")
)


@dataclass
class Kept:
    """The events of one patient."""

    events: Sequence[AuditEvent]

    def of_patient(self, patient: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return all events, newest first."""
        return [Recorded(each.id, each) for each in reversed(self.events)]

    def of_client(self, client_id: str, days: Sequence[str]) -> Iterable[Recorded]:
        """Return none: each case is of a patient."""
        return []

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> Iterable[Recorded]:
        """Return none: the page has the events of the patient alone."""
        return []


def stored(members: dict[str, Any]) -> AuditEvent:
    known = {"action": Action(members["action"]), "outcome": Outcome(members.get("outcome", "0"))}
    return AuditEvent(**{**members, **known, "ids": tuple(members.get("ids", ()))})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_report_of_a_case_is_the_one_in_the_table(case: dict[str, Any]) -> None:
    events = [stored(each["stored"]) for each in case["events"]]

    report = report_disclosures(Kept(events), "4", [DAY])

    assert [event_resource(each) for each in events] == [each["answered"] for each in case["events"]]
    verdict = Verdict(DAY, len(events), 0, frozenset(), 0, ())
    assert csv_lines(report, [verdict], {}, ()) == [line.replace("{archive}", "as archived") for line in case["csv"]]
