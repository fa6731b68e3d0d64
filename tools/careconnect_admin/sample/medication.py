"""The sample's MedicationRequests and MedicationStatements."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from careconnect_admin.sample.chart import Chart
from careconnect_admin.sample.directory import PRACTICES
from careconnect_admin.sample.elements import Resource, coded, london, medicine_code, resource
from careconnect_admin.sample.stories import left_to_story
from careconnect_admin.sample.words import MEDICINES, Code, medicine_called

_OUTPATIENT: Final = Code("outpatient", "Outpatient", "http://hl7.org/fhir/medication-request-category")
_COMMUNITY: Final = Code("community", "Community", "http://hl7.org/fhir/medication-statement-category")

# Stands for a medicine of the patient's story, which alone says when that was taken.
_SUBSTITUTE: Final = medicine_called("simvastatin")


def medication(chart: Chart) -> Iterator[Resource]:
    """Yield a request and a statement for each of one to three medicines."""
    chosen = [
        _SUBSTITUTE if left_to_story(chart.number, each) else each
        for each in chart.several(MEDICINES, 1 + chart.number % 3)
    ]
    for index, medicine in enumerate(chosen):
        status = ("active", "completed", "stopped")[index]
        day = chart.days[-1 - index % len(chart.days)]
        reference = {"reference": f"Medication/{medicine.key}", "display": medicine.name}
        # Real records use either form, so the sample has both.
        medication = (
            {"medicationCodeableConcept": medicine_code(medicine)} if index == 1 else {"medicationReference": reference}
        )
        times = chart.random.randrange(1, 4)
        dosage: dict[str, Any] = {
            "text": f"{medicine.dose}, {('once', 'twice', 'three times')[times - 1]} a day",
            "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
            "asNeededBoolean": medicine.key in ("paracetamol", "salbutamol"),
        }
        period = {"start": day.isoformat()} | (
            {} if status == "active" else {"end": (day + timedelta(days=28)).isoformat()}
        )
        yield resource(
            "MedicationRequest",
            chart.own_id(index),
            identifier=chart.local("prescription", index),
            status=status,
            intent="order",
            category=coded(_OUTPATIENT),
            priority="routine",
            **medication,
            subject=chart.subject,
            context=chart.encounter_at(len(chart.days) - 1 - index),
            authoredOn=london(day, chart.minutes()),
            requester={
                "agent": {"reference": chart.doctor},
                "onBehalfOf": {"reference": f"Organization/{PRACTICES[chart.practice][0]}"},
            },
            dosageInstruction=[dosage | {"timing": {"event": [day.isoformat()]} | dosage["timing"]}],
            dispenseRequest={"validityPeriod": period, "numberOfRepeatsAllowed": 1 + index},
        )
        yield resource(
            "MedicationStatement",
            chart.own_id(index),
            identifier=chart.local("statement", index),
            basedOn=[{"reference": f"MedicationRequest/{chart.own_id(index)}"}],
            status=status,
            context=chart.encounter_at(len(chart.days) - 1 - index),
            category=coded(_COMMUNITY),
            **medication,
            effectivePeriod=period,
            dateAsserted=day.isoformat(),
            informationSource=chart.subject,
            subject=chart.subject,
            taken="y" if status != "stopped" else "n",
            dosage=[dosage],
        )
