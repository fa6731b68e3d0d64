"""The sample's EpisodeOfCare and Encounters: time, place and clinician of each visit."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from careconnect_admin.sample.chart import Chart
from careconnect_admin.sample.directory import HOSPITAL, PRACTICES, ward_id
from careconnect_admin.sample.elements import Resource, coded, london, resource
from careconnect_admin.sample.words import CHEST_PAIN, ENCOUNTER_TYPES, HOME_CARE, INPATIENT

_ACT: Final = "http://hl7.org/fhir/v3/ActCode"
_CLASSES: Final = (
    {"system": _ACT, "code": "AMB", "display": "ambulatory"},
    INPATIENT,
    {"system": _ACT, "code": "EMER", "display": "emergency"},
)


def episodes(chart: Chart) -> Iterator[Resource]:
    """Yield the patient's one episode of care."""
    is_over = chart.number % 4 == 1
    period = {"start": chart.days[0].isoformat()}
    yield resource(
        "EpisodeOfCare",
        chart.own_id(0),
        identifier=chart.local("episode", 0),
        status="finished" if is_over else "active",
        type=[coded(HOME_CARE)],
        diagnosis=[{"condition": {"reference": f"Condition/{chart.own_id(0)}"}}],
        patient=chart.subject,
        managingOrganization={"reference": f"Organization/{HOSPITAL[0]}"},
        period=period | ({"end": chart.days[-1].isoformat()} if is_over else {}),
        careManager={"reference": chart.consultant},
    )


def encounters(chart: Chart) -> Iterator[Resource]:
    """Yield an encounter for each of the chart's days."""
    for index, day in enumerate(chart.days):
        yield _encounter(chart, index, day)


def _encounter(chart: Chart, index: int, day: date) -> Resource:
    at_hospital = index % 2 == 1
    start = chart.minutes()
    elements: dict[str, Any] = {
        "identifier": chart.local("encounter", index),
        "status": "finished",
        "class": _CLASSES[chart.random.randrange(1, 3) if at_hospital else 0],
        "type": [coded(chart.random.choice(ENCOUNTER_TYPES))],
        "subject": chart.subject,
        "participant": [{"individual": {"reference": chart.consultant if at_hospital else chart.doctor}}],
        "period": {"start": london(day, start), "end": london(day, start + chart.random.randrange(10, 90))},
    }
    organization = HOSPITAL[0] if at_hospital else PRACTICES[chart.practice][0]
    if at_hospital:
        elements["reason"] = [coded(CHEST_PAIN)]
        elements["episodeOfCare"] = [{"reference": f"EpisodeOfCare/{chart.own_id(0)}"}]
        elements["location"] = [{"location": {"reference": f"Location/{ward_id(chart.number % 3)}"}}]
    elements["serviceProvider"] = {"reference": f"Organization/{organization}"}
    return resource("Encounter", chart.own_id(index), **elements)
