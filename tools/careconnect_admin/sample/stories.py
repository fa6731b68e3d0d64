"""Three sample patients with a story: two years of monthly vital signs with one clinical event.

Each story has a random generator of its own, so that a change of a story leaves the other records the same bytes.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from careconnect_admin.sample.chart import LATEST, Chart
from careconnect_admin.sample.directory import HOSPITAL, PRACTICES, ward_id
from careconnect_admin.sample.elements import (
    Resource,
    coded,
    identifier,
    london,
    medicine_code,
    quantity,
    reference_range,
    resource,
)
from careconnect_admin.sample.words import (
    BLOOD_PRESSURE,
    BODY_HEIGHT,
    BODY_TEMPERATURE,
    BODY_WEIGHT,
    DIASTOLIC,
    HBA1C,
    HEART_RATE,
    INPATIENT,
    SYSTOLIC,
    Code,
    Measurement,
    Medicine,
    medicine_called,
)

MONTHS: Final = 24

_LOCAL: Final = "https://records.example.org/Id/story"
_HYPERTENSION: Final = Code("38341003", "Hypertensive disorder")
_DIABETES: Final = Code("44054006", "Diabetes mellitus type 2")
_PNEUMONIA: Final = Code("233604007", "Pneumonia")
_SWITCH: Final = 12
"""The month, counted from 0, in which a medicine is changed."""
_ADMISSION: Final = date(2024, 2, 6)
_HOME: Final = _ADMISSION + timedelta(days=5)


def expected(number: int, day: date) -> Mapping[Measurement, float]:
    """Return the approximate measurements on a day for a patient with a story; empty for any other patient."""
    if number not in _STORIES:
        return {}
    month = min(max((day.year - LATEST.year) * 12 + day.month - LATEST.month + MONTHS - 1, 0), MONTHS - 1)
    course = _STORIES[number].course(month, day)
    return {**course, DIASTOLIC: course[SYSTOLIC] * 0.6}


def left_to_story(number: int, medicine: Medicine) -> bool:
    """Return True if the patient's story tells all courses of that medicine."""
    return number in _STORIES and medicine.key in _STORIES[number].medicines


class _Writer:
    """A builder of one story's resources, with the story's random generator."""

    def __init__(self, chart: Chart, seed: int) -> None:
        self.chart = chart
        # As in the generator: the data has to be reproducible, and none of it is secret.
        self.random = Random(f"{seed}/{chart.number}")  # noqa: S311
        self.days = [date(year, month, self.random.randrange(1, LATEST.day)) for year, month in _months(LATEST, MONTHS)]

    def resource(self, type_name: str, name: str, **elements: Any) -> Resource:
        own = f"{self.chart.patient_id}-{name}"
        return resource(type_name, own, identifier=[identifier(_LOCAL, own)], **elements)

    def near(self, value: float, spread: float) -> float:
        return value + self.random.uniform(-spread, spread)

    def observation(self, day: date, name: str, measurement: Measurement | None, **elements: Any) -> Resource:
        codes = measurement.codes if measurement else BLOOD_PRESSURE
        category = measurement.category if measurement else "vital-signs"
        kind = Code(category, category.replace("-", " ").title(), "http://hl7.org/fhir/observation-category")
        return self.resource(
            "Observation",
            f"{day.isoformat()}-{name}",
            status="final",
            category=[coded(kind)],
            code=coded(*codes),
            subject=self.chart.subject,
            effectiveDateTime=london(day, self.random.randrange(8 * 60, 17 * 60)),
            performer=[{"reference": self.chart.doctor}],
            **elements,
        )

    def measured(self, day: date, name: str, measurement: Measurement, value: float, **elements: Any) -> Resource:
        value_quantity = _quantity(measurement, value)
        elements |= reference_range(measurement)
        return self.observation(day, name, measurement, valueQuantity=value_quantity, **elements)

    def vital_signs(self, month: int) -> Iterator[Resource]:
        day = self.days[month]
        about = expected(self.chart.number, day)
        parts = ((each, self.near(about[each], spread)) for each, spread in ((SYSTOLIC, 5), (DIASTOLIC, 4)))
        component = [{"code": coded(*each.codes), "valueQuantity": _quantity(each, value)} for each, value in parts]
        yield self.observation(day, "blood-pressure", None, component=component)
        yield self.measured(day, "weight", BODY_WEIGHT, self.near(about[BODY_WEIGHT], 0.6))

    def condition(self, name: str, code: Code, since: date, until: date | None = None) -> Resource:
        return self.resource(
            "Condition",
            name,
            clinicalStatus="resolved" if until else "active",
            verificationStatus="confirmed",
            code=coded(code),
            subject=self.chart.subject,
            onsetDateTime=since.isoformat(),
            **({"abatementDateTime": until.isoformat()} if until else {}),
            assertedDate=since.isoformat(),
            asserter={"reference": self.chart.doctor},
        )

    def medication(
        self,
        key: str,
        dose: str,
        since: date,
        until: date | None = None,
        *,
        name: str = "",
        stopped: str = "",
        after: str = "",
    ) -> Iterator[Resource]:
        """Yield a request and a statement; `stopped` is the reason for stopping, `after` the replaced one's name."""
        name, medicine = name or key, medicine_called(key)
        status = "stopped" if stopped else "completed" if until else "active"
        period = {"start": since.isoformat()} | ({"end": until.isoformat()} if until else {})
        dosage = {"text": f"{medicine.dose}, {dose}"}
        prior = {"reference": f"MedicationRequest/{self.chart.patient_id}-{after}"}
        yield self.resource(
            "MedicationRequest",
            name,
            status=status,
            intent="order",
            medicationCodeableConcept=medicine_code(medicine),
            subject=self.chart.subject,
            authoredOn=since.isoformat(),
            requester={
                "agent": {"reference": self.chart.doctor},
                "onBehalfOf": {"reference": f"Organization/{PRACTICES[self.chart.practice][0]}"},
            },
            dosageInstruction=[dosage],
            dispenseRequest={"validityPeriod": period},
            **({"priorPrescription": prior} if after else {}),
        )
        yield self.resource(
            "MedicationStatement",
            name,
            basedOn=[{"reference": f"MedicationRequest/{self.chart.patient_id}-{name}"}],
            status=status,
            medicationReference={"reference": f"Medication/{medicine.key}", "display": medicine.name},
            effectivePeriod=period,
            dateAsserted=since.isoformat(),
            subject=self.chart.subject,
            taken="n" if stopped else "y",
            **({"reasonNotTaken": [{"text": stopped}]} if stopped else {}),
            dosage=[dosage],
        )


def _changed_medicine(writer: _Writer) -> Iterator[Resource]:
    """Yield the story of a blood pressure that falls after a medicine with a side effect is replaced."""
    switch = writer.days[_SWITCH]
    yield writer.condition("hypertension", _HYPERTENSION, writer.days[0])
    yield from writer.medication("ramipril", "once a day", writer.days[0], switch, stopped="Dry cough")
    yield from writer.medication("losartan", "once a day", switch, after="ramipril")
    for month in range(MONTHS):
        yield from writer.vital_signs(month)


def _raised_dose(writer: _Writer) -> Iterator[Resource]:
    """Yield the story of a diabetes controlled by a doubled dose, with quarterly laboratory values."""
    switch = writer.days[_SWITCH]
    yield writer.condition("diabetes", _DIABETES, writer.days[0])
    yield from writer.medication("metformin", "once a day", writer.days[0], switch)
    yield from writer.medication("metformin", "twice a day", switch, name="metformin-twice", after="metformin")
    for month in range(MONTHS):
        yield from writer.vital_signs(month)
        if month % 3 == 0:
            yield writer.measured(writer.days[month], "hba1c", HBA1C, writer.near(_hba1c(month), 0.1))


def _admission(writer: _Writer) -> Iterator[Resource]:
    """Yield the story of five nights in hospital with a pneumonia, and a loss of weight."""
    chart = writer.chart
    yield writer.condition("pneumonia", _PNEUMONIA, _ADMISSION, _HOME + timedelta(days=14))
    yield writer.resource(
        "Encounter",
        "admission",
        status="finished",
        **{"class": INPATIENT},
        subject=chart.subject,
        participant=[{"individual": {"reference": chart.consultant}}],
        period={"start": london(_ADMISSION, 9 * 60 + 40), "end": london(_HOME, 11 * 60)},
        diagnosis=[{"condition": {"reference": f"Condition/{chart.patient_id}-pneumonia"}}],
        hospitalization={"dischargeDisposition": {"text": "Home"}},
        location=[{"location": {"reference": f"Location/{ward_id(1)}"}}],
        serviceProvider={"reference": f"Organization/{HOSPITAL[0]}"},
    )
    context = {"reference": f"Encounter/{chart.patient_id}-admission"}
    for night in range((_HOME - _ADMISSION).days + 1):
        day = _ADMISSION + timedelta(days=night)
        temperature, pulse = writer.near(39.2 - night * 0.4, 0.2), writer.near(112 - night * 7, 3)
        yield writer.measured(day, "temperature", BODY_TEMPERATURE, temperature, context=context)
        yield writer.measured(day, "pulse", HEART_RATE, pulse, context=context)
    yield from writer.medication("amoxicillin", "three times a day", _ADMISSION, _HOME + timedelta(days=2))
    for month in range(MONTHS):
        yield from writer.vital_signs(month)


@dataclass(frozen=True, slots=True)
class _Story:
    """A story: its title, its generator, its course, and the keys of its medicines.

    The course returns the expected measurements for a month, counted from 0, and a day.
    """

    title: str
    tell: Callable[[_Writer], Iterator[Resource]]
    course: Callable[[int, date], Mapping[Measurement, float]]
    medicines: tuple[str, ...]


def _hba1c(month: int) -> float:
    """Return the expected HbA1c of the diabetes story in percent."""
    return 8.6 - month / 12


_STORIES: Final = {
    4: _Story(
        "blood pressure, and a medicine changed for another",
        _changed_medicine,
        lambda month, _: {
            SYSTOLIC: 152 - month if month < _SWITCH else 134 - (month - _SWITCH) / 2,
            BODY_WEIGHT: 71 - month / 12,
            BODY_HEIGHT: 165,
        },
        ("ramipril", "losartan"),
    ),
    5: _Story(
        "diabetes, and a dose that was doubled",
        _raised_dose,
        lambda month, _: {
            SYSTOLIC: 138 - month / 4,
            BODY_WEIGHT: 96 - month / 3,
            BODY_HEIGHT: 174,
            HBA1C: _hba1c(month),
        },
        ("metformin",),
    ),
    6: _Story(
        "five nights in hospital with a pneumonia",
        _admission,
        lambda _, day: {SYSTOLIC: 126, BODY_WEIGHT: 75 if day > _HOME else 78, BODY_HEIGHT: 181},
        ("amoxicillin",),
    ),
}
TITLES: Final = {str(number): each.title for number, each in _STORIES.items()}
"""The title of each story, by patient id."""


def story(chart: Chart, seed: int) -> Iterator[Resource]:
    """Yield the additional resources of a patient with a story, none for others; `seed` is the sample's."""
    if chart.number in _STORIES:
        yield from _STORIES[chart.number].tell(_Writer(chart, seed))


def _months(last: date, count: int) -> list[tuple[int, int]]:
    """Return `count` pairs of year and month up to that of `last`, the earliest first."""
    end = last.year * 12 + last.month - 1
    return [(month // 12, month % 12 + 1) for month in range(end - count + 1, end + 1)]


def _quantity(measurement: Measurement, value: float) -> dict[str, Any]:
    return quantity(f"{value:.{measurement.decimals}f}", measurement.unit, measurement.ucum)
