"""The sample's clinical history: conditions, procedures, allergies and immunisations."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from careconnect_admin.sample.chart import Chart
from careconnect_admin.sample.directory import MANUFACTURER, ward_id
from careconnect_admin.sample.elements import Resource, coded, extension, london, resource
from careconnect_admin.sample.words import (
    ALLERGIES,
    CONDITIONS,
    DIAGNOSTIC,
    KNEE,
    OPERATIONS,
    OSTEOARTHRITIS,
    PROCEDURES,
    REACTIONS,
    SEVERITIES,
    SURGICAL,
    VACCINATIONS,
    Code,
)


def conditions(chart: Chart) -> Iterator[Resource]:
    """Yield one to three conditions, of which the second is resolved."""
    for index, code in enumerate(chart.several(CONDITIONS, 1 + chart.number % 3)):
        is_over = index == 1
        category = (
            ("problem-list-item", "Problem List Item") if index else ("encounter-diagnosis", "Encounter Diagnosis")
        )
        day = chart.days[index % len(chart.days)]
        yield resource(
            "Condition",
            chart.own_id(index),
            identifier=chart.local("condition", index),
            clinicalStatus="resolved" if is_over else "active",
            verificationStatus="confirmed",
            category=[coded(Code(*category, "http://hl7.org/fhir/condition-category"))],
            severity=coded(SEVERITIES[index]),
            code=coded(code),
            **({"bodySite": [coded(KNEE)]} if code.code == OSTEOARTHRITIS else {}),
            subject=chart.subject,
            context=chart.encounter_at(index),
            onsetDateTime=f"{day.year - 1}-{day.month:02d}",
            **({"abatementDateTime": chart.days[-1].isoformat()} if is_over else {}),
            assertedDate=day.isoformat(),
            asserter={"reference": chart.doctor},
        )


def procedures(chart: Chart) -> Iterator[Resource]:
    """Yield one or two procedures, the second with a start and an end."""
    for index, code in enumerate(chart.several(PROCEDURES, 1 + chart.number % 2)):
        day = chart.days[(index + 1) % len(chart.days)]
        start = chart.minutes()
        when: dict[str, Any] = {"performedDateTime": london(day, start)}
        if index:
            when = {"performedPeriod": {"start": london(day, start), "end": london(day, start + 75)}}
        yield resource(
            "Procedure",
            chart.own_id(index),
            identifier=chart.local("procedure", index),
            status="completed",
            category=coded(SURGICAL if code.code in OPERATIONS else DIAGNOSTIC),
            code=coded(code),
            subject=chart.subject,
            context=chart.encounter_at(index + 1),
            **when,
            performer=[{"actor": {"reference": chart.consultant}}],
        )


def allergies(chart: Chart) -> Iterator[Resource]:
    """Yield one or two allergies."""
    for index, (code, category) in enumerate(chart.several(ALLERGIES, 1 + chart.number % 2)):
        yield resource(
            "AllergyIntolerance",
            chart.own_id(index),
            identifier=chart.local("allergy", index),
            clinicalStatus="active",
            verificationStatus="unconfirmed" if index else "confirmed",
            type="allergy",
            category=[category],
            criticality=chart.random.choice(("low", "high", "unable-to-assess")),
            code=coded(code),
            patient=chart.subject,
            assertedDate=chart.days[0].isoformat() if index else str(chart.days[0].year),
            recorder={"reference": chart.doctor},
            reaction=[
                {
                    "manifestation": [coded(chart.random.choice(REACTIONS))],
                    **({} if index else {"onset": chart.days[0].isoformat()}),
                    "severity": "moderate",
                }
            ],
        )


def immunizations(chart: Chart) -> Iterator[Resource]:
    """Yield one to three immunisations, of which the third was not given."""
    for index, code in enumerate(chart.several(VACCINATIONS, 1 + chart.number % 3)):
        day = chart.days[index % len(chart.days)]
        not_given = index == 2
        elements: dict[str, Any] = {
            "extension": [extension("VaccinationProcedure", "CodeableConcept", coded(code))],
            "identifier": chart.local("immunisation", index),
            "status": "completed",
            "notGiven": not_given,
            "vaccineCode": coded(code),
            "patient": chart.subject,
            "encounter": chart.encounter_at(index),
            "date": day.isoformat(),
            "primarySource": True,
        }
        if not_given:
            elements["explanation"] = {"reasonNotGiven": [{"text": "Declined for now"}]}
        else:
            elements["location"] = {"reference": f"Location/{ward_id(index)}"}
            elements["manufacturer"] = {"reference": f"Organization/{MANUFACTURER[0]}"}
            elements["lotNumber"] = f"LOT{chart.random.randrange(10_000, 100_000)}"
        if index == 1:
            elements["reaction"] = [{"date": (day + timedelta(days=1)).isoformat(), "reported": True}]
        yield resource("Immunization", chart.own_id(index), **elements)
