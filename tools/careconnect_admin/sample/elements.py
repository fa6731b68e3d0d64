"""The elements that sample resources share: names, addresses, codes, instants, NHS numbers."""

import calendar
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from typing import Any, Final

from careconnect_admin.sample.words import (
    CARE_CONNECT,
    FORMULARY,
    SNOMED,
    STREETS,
    UCUM,
    Code,
    Measurement,
    Medicine,
    Town,
)
from careconnect_records.parsing.exact_json import JsonNumber

Resource = dict[str, Any]

_FIRST_NHS_NUMBER: Final = 999_000_000
# The letters of the inward half of a postcode.
_INWARD_LETTERS: Final = "ABDEFGHJLNPQRSTUWXYZ"


def resource(type_name: str, resource_id: str, **elements: Any) -> Resource:
    """Return a resource with its Care Connect profile, elements in the order given."""
    profile = f"{CARE_CONNECT}/StructureDefinition/CareConnect-{type_name}-1"
    return {"resourceType": type_name, "id": resource_id, "meta": {"profile": [profile]}, **elements}


def extension(name: str, kind: str, value: Any) -> dict[str, Any]:
    """Return a Care Connect extension with a value of the FHIR type `kind` (`CodeableConcept`, …)."""
    return {"url": f"{CARE_CONNECT}/StructureDefinition/Extension-CareConnect-{name}-1", f"value{kind}": value}


def coded(*codes: Code, text: str = "") -> dict[str, Any]:
    """Return a CodeableConcept."""
    concept: dict[str, Any] = {
        "coding": [{"system": code.system, "code": code.code, "display": code.display} for code in codes]
    }
    return concept | ({"text": text} if text else {})


def medicine_code(medicine: Medicine) -> dict[str, Any]:
    """Return a medicine as a CodeableConcept: the formulary's code, and the dm+d code if it has one."""
    coding = [{"system": FORMULARY, "code": medicine.key, "display": medicine.name}]
    if medicine.dm_d:
        coding.append({"system": SNOMED, "code": medicine.dm_d, "display": medicine.name})
    return {"coding": coding, "text": medicine.name}


def identifier(system: str, value: str) -> dict[str, Any]:
    """Return an Identifier."""
    return {"system": system, "value": value}


def named(family: str, given: Sequence[str], prefix: str, use: str = "official") -> dict[str, Any]:
    """Return a HumanName."""
    return {"use": use, "family": family, "given": list(given), "prefix": [prefix]}


def telecom(system: str, value: str, use: str) -> dict[str, Any]:
    """Return a ContactPoint."""
    return {"system": system, "value": value, "use": use}


def address(random: Random, town: Town, use: str) -> dict[str, Any]:
    """Return an invented address in an invented town."""
    inward = "".join((random.choice("123456789"), random.choice(_INWARD_LETTERS), random.choice(_INWARD_LETTERS)))
    return {
        "use": use,
        "type": "both",
        "line": [f"{random.randrange(1, 120)} {random.choice(STREETS)}"],
        "city": town.name,
        "district": town.district,
        "state": town.nation,
        "postalCode": f"{town.outward} {inward}",
        "country": "GB",
    }


def quantity(literal: str, unit: str, ucum: str) -> dict[str, Any]:
    """Return a Quantity with the value written as `literal`."""
    value = JsonNumber(literal) if "." in literal else int(literal)
    return {"value": value, "unit": unit, "system": UCUM, "code": ucum}


def reference_range(measurement: Measurement) -> Resource:
    """Return the element `referenceRange` of a measurement, or no element if it has no usual range."""
    if not measurement.usual:
        return {}
    low, high = (quantity(each, measurement.unit, measurement.ucum) for each in measurement.usual)
    return {"referenceRange": [{"low": low, "high": high}]}


def nhs_numbers() -> Iterator[str]:
    """Yield NHS numbers of the range 999, which is never issued, with check digit (modulus 11)."""
    for number in range(_FIRST_NHS_NUMBER, _FIRST_NHS_NUMBER + 1_000_000):
        digits = str(number)
        check = -sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
        # Numbers with the check digit 10 are invalid.
        if check < 10:
            yield f"{digits}{check}"


def london(day: date, minutes: int) -> str:
    """Return a day and minutes after midnight as a dateTime in London time: an hour ahead in summer."""
    summer = _last_sunday(day.year, 3) <= day < _last_sunday(day.year, 10)
    zone = timezone(timedelta(hours=1)) if summer else UTC
    return (datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minutes)).isoformat()


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, calendar.monthrange(year, month)[1])
    return last - timedelta(days=(last.weekday() + 1) % 7)
