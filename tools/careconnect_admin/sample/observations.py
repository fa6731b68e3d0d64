"""The sample's Observations: vital signs and laboratory values of each encounter, and the smoking status."""

from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from careconnect_admin.sample.chart import Chart
from careconnect_admin.sample.elements import Resource, coded, london, quantity, reference_range, resource
from careconnect_admin.sample.stories import expected
from careconnect_admin.sample.words import (
    BLOOD_PRESSURE,
    BODY_TEMPERATURE,
    DIASTOLIC,
    MEASUREMENTS,
    OCCUPATION,
    OCCUPATIONS,
    SMOKING,
    SMOKING_STATUS,
    SYSTOLIC,
    Code,
    Measurement,
)

_SPREAD: Final = 0.02
"""The width of the random range of a measurement around its expected value in a story, as a share of that value."""


def observations(chart: Chart) -> Iterator[Resource]:
    """Yield three observations per encounter, and one or two of the first day."""
    index = 0
    for encounter, day in enumerate(chart.days):
        yield _blood_pressure(chart, index, encounter, day)
        index += 1
        for measurement in chart.several(MEASUREMENTS, 2):
            yield _measured(chart, index, encounter, day, measurement)
            index += 1
    yield _observation(
        chart,
        index,
        0,
        category="social-history",
        code=coded(SMOKING_STATUS),
        effectiveDateTime=chart.days[0].isoformat(),
        valueCodeableConcept=coded(chart.random.choice(SMOKING)),
    )
    if chart.number % 4 == 0:
        yield _observation(
            chart,
            index + 1,
            0,
            category="social-history",
            code=coded(OCCUPATION),
            effectiveDateTime=chart.days[0].isoformat(),
            valueString=OCCUPATIONS[chart.number % len(OCCUPATIONS)],
        )


def _blood_pressure(chart: Chart, index: int, encounter: int, day: date) -> Resource:
    return _observation(
        chart,
        index,
        encounter,
        category="vital-signs",
        code=coded(*BLOOD_PRESSURE),
        effectiveDateTime=london(day, chart.minutes()),
        component=[
            {"code": coded(*each.codes), "valueQuantity": _value(chart, day, each)} for each in (SYSTOLIC, DIASTOLIC)
        ],
    )


def _measured(chart: Chart, index: int, encounter: int, day: date, measurement: Measurement) -> Resource:
    elements: dict[str, Any] = {"valueQuantity": _value(chart, day, measurement)}
    if measurement is BODY_TEMPERATURE:
        # A Device is not served here, so the reference is to another server.
        elements["device"] = {"reference": f"https://devices.example.org/fhir/Device/thermometer-{chart.practice + 1}"}
    elements |= reference_range(measurement)
    return _observation(
        chart,
        index,
        encounter,
        category=measurement.category,
        code=coded(*measurement.codes),
        effectiveDateTime=london(day, chart.minutes()),
        **elements,
    )


def _observation(chart: Chart, index: int, encounter: int, *, category: str, **elements: Any) -> Resource:
    kind = Code(category, category.replace("-", " ").title(), "http://hl7.org/fhir/observation-category")
    code, effective = elements.pop("code"), elements.pop("effectiveDateTime")
    return resource(
        "Observation",
        chart.own_id(index),
        identifier=chart.local("observation", index),
        status="final",
        category=[coded(kind)],
        code=code,
        subject=chart.subject,
        context=chart.encounter_at(encounter),
        effectiveDateTime=effective,
        performer=[{"reference": chart.doctor}],
        **elements,
    )


def _value(chart: Chart, day: date, measurement: Measurement) -> dict[str, Any]:
    scale = 10**measurement.decimals
    lowest, highest = round(measurement.low * scale), round(measurement.high * scale)
    steps = chart.random.randrange(lowest, highest + 1)
    about = expected(chart.number, day).get(measurement)
    if about is not None:
        # The random number is drawn in any case, so that a story does not change the other values.
        steps = round(about * (1 + _SPREAD * ((steps - lowest) / (highest - lowest) - 0.5)) * scale)
    literal = f"{steps // scale}.{steps % scale:0{measurement.decimals}d}" if scale > 1 else str(steps)
    return quantity(literal, measurement.unit, measurement.ucum)
