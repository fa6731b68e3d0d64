"""One sample patient with a full record: every clinical type, linked to the directory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Final
from xml.sax.saxutils import escape

from careconnect_admin.sample.directory import (
    CONSULTANTS,
    DOCTORS_PER_PRACTICE,
    HOSPITAL,
    PRACTICES,
    consultant_id,
    doctor_id,
    ward_id,
)
from careconnect_admin.sample.elements import (
    Resource,
    address,
    coded,
    extension,
    identifier,
    london,
    medicine_code,
    named,
    quantity,
    resource,
    telecom,
)
from careconnect_admin.sample.words import (
    ALLERGIES,
    BLOOD_PRESSURE,
    CARE_CONNECT,
    CONDITIONS,
    DIASTOLIC,
    ENCOUNTER_TYPES,
    ETHNIC_CATEGORIES,
    FAMILY_NAMES,
    FEMALE_NAMES,
    MALE_NAMES,
    MARITAL_STATUSES,
    MEASUREMENTS,
    MEDICINES,
    PROCEDURES,
    REACTIONS,
    SMOKING,
    SMOKING_STATUS,
    SYSTOLIC,
    TOWNS,
    VACCINATIONS,
    Code,
    Measurement,
)

_NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
_LOCAL: Final = "https://records.example.org/Id"
_VERIFIED: Final = Code(
    "01",
    "Number present and verified",
    f"{CARE_CONNECT}/CodeSystem/CareConnect-NHSNumberVerificationStatus-1",
)
_ACT: Final = "http://hl7.org/fhir/v3/ActCode"
_CLASSES: Final = (
    {"system": _ACT, "code": "AMB", "display": "ambulatory"},
    {"system": _ACT, "code": "IMP", "display": "inpatient encounter"},
    {"system": _ACT, "code": "EMER", "display": "emergency"},
)
_LATEST: Final = date(2024, 6, 28)
"""The day on which the sample's records end, so that the same seed gives the same bytes on any day."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who a sample patient is, where that is not left to chance."""

    family: str
    given: tuple[str, ...]
    gender: str
    born: date


class SampleRecord:
    """The resources of one patient, made in an order in which each can point at those before."""

    def __init__(self, random: Random, number: int, nhs_number: str, person: Person | None = None) -> None:
        self._random = random
        self._number = number
        self._id = str(number)
        self._nhs_number = nhs_number
        self._practice = number % len(PRACTICES)
        self._doctor = f"Practitioner/{doctor_id(self._practice, number % DOCTORS_PER_PRACTICE)}"
        self._consultant = f"Practitioner/{consultant_id(number % CONSULTANTS)}"
        self._subject = {"reference": f"Patient/{self._id}"}
        self._person = person or self._anybody()
        self._days = self._encounter_days()

    def resources(self) -> Iterator[Resource]:
        """Yield the patient and all of the record."""
        yield self._patient()
        yield from self._episodes()
        for index, day in enumerate(self._days):
            yield self._encounter(index, day)
        yield from self._conditions()
        yield from self._observations()
        yield from self._procedures()
        yield from self._allergies()
        yield from self._immunizations()
        yield from self._medication()

    def _anybody(self) -> Person:
        gender, names = self._random.choice((("female", FEMALE_NAMES), ("male", MALE_NAMES)))
        first = self._random.choice(names)
        second = self._random.choice(tuple(name for name in names if name != first))
        given = (first, second) if self._number % 3 == 0 else (first,)
        born = date(1934, 1, 1) + timedelta(days=self._random.randrange(365 * 70))
        return Person(self._random.choice(FAMILY_NAMES), given, gender, born)

    def _encounter_days(self) -> list[date]:
        day = _LATEST - timedelta(days=self._random.randrange(0, 90))
        days = [day]
        for _ in range(2 + self._number % 3):
            day -= timedelta(days=self._random.randrange(30, 300))
            days.append(day)
        return days[::-1]

    def _own_id(self, index: int) -> str:
        return f"{self._id}-{index + 1}"

    def _local(self, kind: str, index: int) -> list[dict[str, Any]]:
        return [identifier(f"{_LOCAL}/{kind}", self._own_id(index))]

    def _encounter_at(self, index: int) -> dict[str, str]:
        return {"reference": f"Encounter/{self._own_id(index % len(self._days))}"}

    def _minutes(self) -> int:
        return self._random.randrange(8 * 60, 17 * 60)

    def _several(self, choices: tuple[Any, ...], count: int) -> list[Any]:
        """Return different ones of `choices`, in chance order."""
        left = list(choices)
        return [left.pop(self._random.randrange(len(left))) for _ in range(min(count, len(left)))]

    def _patient(self) -> Resource:
        person, town = self._person, TOWNS[self._practice]
        prefix = "Mr" if person.gender == "male" else self._random.choice(("Mrs", "Ms", "Miss"))
        names = [named(person.family, person.given, prefix), named(person.family, person.given[:1], prefix, "usual")]
        if self._number % 7 == 4:
            names.append(named(self._random.choice(FAMILY_NAMES), person.given[:1], prefix, "maiden"))
        contacts = [
            telecom("phone", f"{town.telephone}{300 + self._number}", "home"),
            telecom("phone", f"07700 900{self._number:03d}", "mobile"),
        ]
        if self._number % 5:
            contacts.append(telecom("email", f"patient{self._number}@example.org", "home"))
        number = identifier(_NHS_NUMBER, self._nhs_number)
        verified = extension("NHSNumberVerificationStatus", "CodeableConcept", coded(_VERIFIED))
        ethnic = extension("EthnicCategory", "CodeableConcept", coded(self._random.choice(ETHNIC_CATEGORIES)))
        full_name = escape(" ".join((prefix, *person.given, person.family)))
        patient = resource(
            "Patient",
            self._id,
            text={
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{full_name}, sample patient</p></div>',
            },
            extension=[ethnic],
            identifier=[{"extension": [verified], **number}, *self._local("patient", 0)],
            active=True,
            name=names,
            telecom=contacts,
            gender=person.gender,
            birthDate=person.born.isoformat(),
            address=[address(self._random, town, "home")],
            maritalStatus=coded(self._random.choice(MARITAL_STATUSES)),
            generalPractitioner=[{"reference": self._doctor}],
            managingOrganization={"reference": f"Organization/{PRACTICES[self._practice][0]}"},
        )
        if self._number % 13 == 0:
            patient["deceasedDateTime"] = london(_LATEST, self._minutes())
        if self._number % 19 == 0:
            # As in real records: somebody whose birthday nobody knows.
            del patient["birthDate"]
            unknown = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
            patient["_birthDate"] = {"extension": [unknown]}
        return patient

    def _episodes(self) -> Iterator[Resource]:
        is_over = self._number % 4 == 1
        period = {"start": self._days[0].isoformat()}
        yield resource(
            "EpisodeOfCare",
            self._own_id(0),
            identifier=self._local("episode", 0),
            status="finished" if is_over else "active",
            patient=self._subject,
            managingOrganization={"reference": f"Organization/{HOSPITAL[0]}"},
            period=period | ({"end": self._days[-1].isoformat()} if is_over else {}),
            careManager={"reference": self._consultant},
        )

    def _encounter(self, index: int, day: date) -> Resource:
        at_hospital = index % 2 == 1
        start = self._minutes()
        elements: dict[str, Any] = {
            "identifier": self._local("encounter", index),
            "status": "finished",
            "class": _CLASSES[self._random.randrange(1, 3) if at_hospital else 0],
            "type": [coded(self._random.choice(ENCOUNTER_TYPES))],
            "subject": self._subject,
            "participant": [{"individual": {"reference": self._consultant if at_hospital else self._doctor}}],
            "period": {"start": london(day, start), "end": london(day, start + self._random.randrange(10, 90))},
        }
        organization = HOSPITAL[0] if at_hospital else PRACTICES[self._practice][0]
        if at_hospital:
            elements["episodeOfCare"] = [{"reference": f"EpisodeOfCare/{self._own_id(0)}"}]
            elements["location"] = [{"location": {"reference": f"Location/{ward_id(self._number % 3)}"}}]
        elements["serviceProvider"] = {"reference": f"Organization/{organization}"}
        return resource("Encounter", self._own_id(index), **elements)

    def _conditions(self) -> Iterator[Resource]:
        for index, code in enumerate(self._several(CONDITIONS, 1 + self._number % 3)):
            is_over = index == 1
            category = (
                ("problem-list-item", "Problem List Item") if index else ("encounter-diagnosis", "Encounter Diagnosis")
            )
            day = self._days[index % len(self._days)]
            yield resource(
                "Condition",
                self._own_id(index),
                identifier=self._local("condition", index),
                clinicalStatus="resolved" if is_over else "active",
                verificationStatus="confirmed",
                category=[coded(Code(*category, "http://hl7.org/fhir/condition-category"))],
                code=coded(code),
                subject=self._subject,
                context=self._encounter_at(index),
                onsetDateTime=f"{day.year - 1}-{day.month:02d}",
                **({"abatementDateTime": self._days[-1].isoformat()} if is_over else {}),
                assertedDate=day.isoformat(),
                asserter={"reference": self._doctor},
            )

    def _observations(self) -> Iterator[Resource]:
        index = 0
        for encounter, day in enumerate(self._days):
            yield self._blood_pressure(index, encounter, day)
            index += 1
            for measurement in self._several(MEASUREMENTS, 2):
                yield self._measured(index, encounter, day, measurement)
                index += 1
        yield self._observation(
            index,
            0,
            category="social-history",
            code=coded(SMOKING_STATUS),
            effectiveDateTime=self._days[0].isoformat(),
            valueCodeableConcept=coded(self._random.choice(SMOKING)),
        )

    def _blood_pressure(self, index: int, encounter: int, day: date) -> Resource:
        return self._observation(
            index,
            encounter,
            category="vital-signs",
            code=coded(*BLOOD_PRESSURE),
            effectiveDateTime=london(day, self._minutes()),
            component=[
                {"code": coded(*each.codes), "valueQuantity": self._value(each)} for each in (SYSTOLIC, DIASTOLIC)
            ],
        )

    def _measured(self, index: int, encounter: int, day: date, measurement: Measurement) -> Resource:
        elements: dict[str, Any] = {"valueQuantity": self._value(measurement)}
        if measurement.usual:
            low, high = (quantity(each, measurement.unit, measurement.ucum) for each in measurement.usual)
            elements["referenceRange"] = [{"low": low, "high": high}]
        return self._observation(
            index,
            encounter,
            category=measurement.category,
            code=coded(*measurement.codes),
            effectiveDateTime=london(day, self._minutes()),
            **elements,
        )

    def _observation(self, index: int, encounter: int, *, category: str, **elements: Any) -> Resource:
        kind = Code(category, category.replace("-", " ").title(), "http://hl7.org/fhir/observation-category")
        code, effective = elements.pop("code"), elements.pop("effectiveDateTime")
        return resource(
            "Observation",
            self._own_id(index),
            identifier=self._local("observation", index),
            status="final",
            category=[coded(kind)],
            code=code,
            subject=self._subject,
            context=self._encounter_at(encounter),
            effectiveDateTime=effective,
            performer=[{"reference": self._doctor}],
            **elements,
        )

    def _value(self, measurement: Measurement) -> dict[str, Any]:
        scale = 10**measurement.decimals
        steps = self._random.randrange(round(measurement.low * scale), round(measurement.high * scale) + 1)
        literal = f"{steps // scale}.{steps % scale:0{measurement.decimals}d}" if scale > 1 else str(steps)
        return quantity(literal, measurement.unit, measurement.ucum)

    def _procedures(self) -> Iterator[Resource]:
        for index, code in enumerate(self._several(PROCEDURES, 1 + self._number % 2)):
            day = self._days[(index + 1) % len(self._days)]
            start = self._minutes()
            when: dict[str, Any] = {"performedDateTime": london(day, start)}
            if index:
                when = {"performedPeriod": {"start": london(day, start), "end": london(day, start + 75)}}
            yield resource(
                "Procedure",
                self._own_id(index),
                identifier=self._local("procedure", index),
                status="completed",
                code=coded(code),
                subject=self._subject,
                context=self._encounter_at(index + 1),
                **when,
                performer=[{"actor": {"reference": self._consultant}}],
            )

    def _allergies(self) -> Iterator[Resource]:
        for index, (code, category) in enumerate(self._several(ALLERGIES, 1 + self._number % 2)):
            yield resource(
                "AllergyIntolerance",
                self._own_id(index),
                identifier=self._local("allergy", index),
                clinicalStatus="active",
                verificationStatus="unconfirmed" if index else "confirmed",
                type="allergy",
                category=[category],
                criticality=self._random.choice(("low", "high", "unable-to-assess")),
                code=coded(code),
                patient=self._subject,
                assertedDate=self._days[0].isoformat() if index else str(self._days[0].year),
                recorder={"reference": self._doctor},
                reaction=[{"manifestation": [coded(self._random.choice(REACTIONS))], "severity": "moderate"}],
            )

    def _immunizations(self) -> Iterator[Resource]:
        for index, code in enumerate(self._several(VACCINATIONS, 1 + self._number % 3)):
            day = self._days[index % len(self._days)]
            not_given = index == 2
            elements: dict[str, Any] = {
                "extension": [extension("VaccinationProcedure", "CodeableConcept", coded(code))],
                "identifier": self._local("immunisation", index),
                "status": "completed",
                "notGiven": not_given,
                "vaccineCode": coded(code),
                "patient": self._subject,
                "encounter": self._encounter_at(index),
                "date": day.isoformat(),
                "primarySource": True,
            }
            if not_given:
                elements["explanation"] = {"reasonNotGiven": [{"text": "Declined for now"}]}
            else:
                elements["lotNumber"] = f"LOT{self._random.randrange(10_000, 100_000)}"
            yield resource("Immunization", self._own_id(index), **elements)

    def _medication(self) -> Iterator[Resource]:
        for index, medicine in enumerate(self._several(MEDICINES, 1 + self._number % 3)):
            status = ("active", "completed", "stopped")[index]
            day = self._days[-1 - index % len(self._days)]
            reference = {"reference": f"Medication/{medicine.key}", "display": medicine.name}
            # Records say what was given in either way, so the sample does too.
            medication = (
                {"medicationCodeableConcept": medicine_code(medicine)}
                if index == 1
                else {"medicationReference": reference}
            )
            times = self._random.randrange(1, 4)
            dosage = {
                "text": f"{medicine.dose}, {('once', 'twice', 'three times')[times - 1]} a day",
                "timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}},
                "asNeededBoolean": medicine.key in ("paracetamol", "salbutamol"),
            }
            period = {"start": day.isoformat()} | (
                {} if status == "active" else {"end": (day + timedelta(days=28)).isoformat()}
            )
            yield resource(
                "MedicationRequest",
                self._own_id(index),
                identifier=self._local("prescription", index),
                status=status,
                intent="order",
                priority="routine",
                **medication,
                subject=self._subject,
                context=self._encounter_at(len(self._days) - 1 - index),
                authoredOn=london(day, self._minutes()),
                requester={
                    "agent": {"reference": self._doctor},
                    "onBehalfOf": {"reference": f"Organization/{PRACTICES[self._practice][0]}"},
                },
                dosageInstruction=[dosage],
                dispenseRequest={"validityPeriod": period, "numberOfRepeatsAllowed": 1 + index},
            )
            yield resource(
                "MedicationStatement",
                self._own_id(index),
                identifier=self._local("statement", index),
                basedOn=[{"reference": f"MedicationRequest/{self._own_id(index)}"}],
                status=status,
                **medication,
                effectivePeriod=period,
                dateAsserted=day.isoformat(),
                subject=self._subject,
                taken="y" if status != "stopped" else "n",
                dosage=[dosage],
            )
