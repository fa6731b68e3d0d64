"""Resources with rare values: one of every unusual kind that a search parameter can meet."""

from collections.abc import Iterator, Sequence
from typing import Any

from careconnect_records.parsing.exact_json import JsonNumber

Resource = dict[str, Any]

SNOMED, LOINC, UCUM = "http://snomed.info/sct", "http://loinc.org", "http://unitsofmeasure.org"


def awkward_values(base: str) -> Iterator[Resource]:
    """Yield resources of every type; `base` is the FHIR base, for absolute references."""
    yield from _directory(base)
    yield from _patients(base)
    yield from _episodes_and_encounters(base)
    yield from _observations(base)
    yield from _conditions(base)
    yield from _procedures(base)
    yield from _allergies()
    yield from _immunisations()
    yield from _goals(base)
    yield from _medications(base)


def _record(type_name: str, number: int, **elements: Any) -> Resource:
    """Return one resource without empty elements: STU3 has none."""
    return {"resourceType": type_name, "id": f"value-{number}", **_present({"meta": _meta(number), **elements})}


def _present(elements: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in elements.items() if value not in (None, [], {})}


def _meta(number: int) -> dict[str, Any]:
    """Return labels of several systems and of none, and up to two profiles."""
    tags: tuple[list[dict[str, str]], ...] = (
        [_coding("trial", "https://example.org/tags"), _coding("trial", "https://example.org/other-tags")],
        [_coding("trial")],
        [_coding("Trial", "https://example.org/tags"), _coding("a|b,c$d", "https://example.org/a|b")],
        [],
    )
    security = _coding(_chosen("RVN", number), "http://hl7.org/fhir/v3/Confidentiality")
    return _present(
        {
            "tag": _chosen(tags, number),
            "security": [security, _coding("local")][: number % 3],
            "profile": [f"https://example.org/profile/{number}", "https://example.org/a,b|1.0"][: number % 3],
        }
    )


def _refer(*references: str) -> list[dict[str, str]]:
    return [{"reference": reference} for reference in references]


def _to(reference: str) -> dict[str, str]:
    return {"reference": reference}


def _coding(code: str, system: str = "") -> dict[str, str]:
    return {"system": system, "code": code} if system else {"code": code}


def _concept(*codings: dict[str, str]) -> dict[str, Any]:
    return {"coding": list(codings)}


def _chosen(values: Sequence[Any], number: int) -> Any:
    return values[number % len(values)]


_LOGICAL = {"identifier": {"system": "https://example.org/people", "value": "p1"}, "display": "Somebody"}
"""A reference by identifier alone, which search cannot find."""

_ELSEWHERE = "https://elsewhere.example/fhir"


def _directory(base: str) -> Iterator[Resource]:
    addresses: tuple[dict[str, Any], ...] = (
        {"line": ["Unit 4", "King's Mill,  High Row"], "city": "Harrow-on-the-Hill", "postalCode": "HA1 3HP"},
        {"city": "Łódź", "district": "Śródmieście", "state": "Łódzkie", "country": "PL"},
        {"text": "The Old Post Office, Ærø Street, LEEDS"},
        {"line": ["leeds road"], "city": "Bradford", "district": "Leeds and Bradford", "country": "GB"},
    )
    telecom: tuple[dict[str, str], ...] = (
        {"system": "phone", "value": "0113 496 0000 ext. 12"},
        {"system": "phone", "value": "(0113) 496 0000"},
        {"system": "other", "value": "sip:+44-113@Example.ORG"},
        {"system": "email", "value": "front.desk@example.org"},
        {"system": "email", "value": "FRONT-desk@example.org"},
        {"system": "fax", "value": "(0113) 496-0001"},
        {"system": "sms"},
    )
    for number in range(4):
        yield _record(
            "Organization",
            number,
            name=f"Värde {number}",
            active=_chosen((True, False, None), number),
            type=[_concept(_coding("prov", "http://hl7.org/fhir/organization-type"), _coding("dept"))][: number % 2],
            # A chain of three Organizations, and one that is part of itself.
            partOf=_to(f"Organization/value-{min(number + 1, 3)}"),
            address=[addresses[number], addresses[3 - number]],
        )
        yield _record(
            "Location",
            number,
            name=f"Rum {number}",
            status=_chosen(("active", "suspended", None, "inactive"), number),
            type=_concept(_coding("CARD", "http://hl7.org/fhir/v3/RoleCode"), _coding(f"R{number}"))
            if number
            else None,
            managingOrganization=_to(f"{base}/Organization/value-{number}") if number else None,
            partOf=_to(f"Location/value-{number // 2}") if number else None,
            address=addresses[number],
        )
        yield _record(
            "Practitioner",
            number,
            active=_chosen((None, True, False), number),
            name=[{"family": f"Ødegård {number}", "given": ["Åse", "Mary Ann"]}, {"text": "Known otherwise"}],
            telecom=[telecom[number], telecom[number + 2]],
            address=[addresses[number]] if number else None,
        )
        yield _record(
            "PractitionerRole",
            number,
            active=_chosen((True, None, False), number),
            practitioner=_to(f"Practitioner/value-{number}") if number else _LOGICAL,
            organization=_to(f"Organization/value-{number % 3}"),
            location=_refer("Location/value-1", f"{base}/Location/value-{number}")[: number % 3],
            healthcareService=_refer(f"HealthcareService/value-{number}", "HealthcareService/value-0")[: number % 3],
            code=[_concept(_coding("R0260", "https://example.org/roles")), _concept(_coding("R0260"))],
            specialty=[
                _concept(_coding("394579002", SNOMED), _coding("CARD")),
                _concept(_coding(f"39458{number}006", SNOMED)),
                {"text": "words alone"},
            ][: number + 1],
        )
        yield _record(
            "HealthcareService",
            number,
            active=_chosen((False, True, None), number),
            name=f"Tjänst {number}",
            providedBy=_to(f"Organization/value-{number}"),
            type=[_concept(_coding("394579002", SNOMED)), _concept(_coding("CARD"))][: number % 3],
            characteristic=[_concept(_coding("wheelchair", "https://example.org/access"), _coding("lift"))][
                : number % 2
            ],
            location=_refer("Location/value-0", f"Location/value-{number}")[: number % 3],
        )


def _patients(base: str) -> Iterator[Resource]:
    deaths: tuple[dict[str, Any], ...] = (
        {"deceasedBoolean": True},
        {"deceasedBoolean": False},
        {"deceasedDateTime": "2019"},
        {"deceasedDateTime": "2019-12-31T23:30:00-05:00"},
        {},
        {"deceasedDateTime": "2020-01"},
    )
    practitioners = (
        _refer("Practitioner/value-0", "Organization/value-0"),
        _refer("Organization/value-1"),
        _refer("#gp"),
        _refer(f"{base}/Practitioner/value-1"),
        [_LOGICAL],
        _refer(f"{_ELSEWHERE}/Practitioner/value-0", "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"),
    )
    for number, death in enumerate(deaths):
        yield _record(
            "Patient",
            number,
            contained=[{"resourceType": "Practitioner", "id": "gp"}] if number == 2 else None,
            active=_chosen((True, False, None), number),
            name=[{"family": f"Värdefull {number}"}],
            birthDate=_chosen(("1950-02-28", "1950-02", None), number),
            telecom=[
                {"system": "email", "value": f"First.Last+{number}@Example.org"},
                {"system": "phone", "value": f"+44 (0)7700 90000{number}"},
                {"system": "url", "value": "https://example.org/~first"},
            ][: number % 4],
            address=[
                {"line": [f"{number} Sjögatan", "  Hus   B "], "city": "Göteborg", "district": "Västra Götaland"},
                {
                    "city": "Leeds",
                    "state": _chosen(("West Yorkshire", "Västra"), number),
                    "country": _chosen(("GB", "SE"), number),
                },
            ][: number % 3],
            communication=[
                {"language": _concept(_coding("sv", "urn:ietf:bcp:47"), _coding("swe"))},
                {"language": _concept(_coding("en", "urn:ietf:bcp:47"))},
            ][: number % 3],
            generalPractitioner=practitioners[number],
            managingOrganization=_to(f"Organization/value-{number % 3}") if number else None,
            **death,
        )


def _episodes_and_encounters(base: str) -> Iterator[Resource]:
    people = (
        "Practitioner/value-1",
        "RelatedPerson/value-1",
        f"{base}/Practitioner/value-2",
        f"{_ELSEWHERE}/Practitioner/value-1",
    )
    for number in range(4):
        yield _record(
            "EpisodeOfCare",
            number,
            status=_chosen(("active", "waitlist", "finished"), number),
            patient=_to(f"Patient/value-{number}"),
            type=[_concept(_coding("hacc", "http://hl7.org/fhir/episodeofcare-type")), _concept(_coding("pac"))][
                : number % 3
            ],
            managingOrganization=_to(f"Organization/value-{number}") if number else None,
            diagnosis=[{"condition": _to(f"Condition/value-{each}")} for each in range(number)],
            period=_chosen(({"start": "2001-05"}, {"start": "1999", "end": "2012-12-01"}, None), number),
        )
        yield _record(
            "Encounter",
            number,
            status=_chosen(("finished", "in-progress", "planned"), number),
            subject=_to(f"Patient/value-{number % 3}"),
            reason=[_concept(_coding("25064002", SNOMED), _coding("head")), _concept(_coding("25064002"))][
                : number % 3
            ],
            episodeOfCare=_refer(f"EpisodeOfCare/value-{number}"),
            location=[{"location": _to(f"Location/value-{each}")} for each in range(number)],
            serviceProvider=_to(f"Organization/value-{number}") if number != 1 else None,
            participant=[
                {"individual": _to(people[number])},
                {"individual": _to(people[0])},
                {"type": [{"text": "nobody"}]},
            ][: number % 3 + 1],
            period=_chosen(({"start": "2003-01-01T08:00:00Z"}, {"start": "2000", "end": "2004"}, None), number),
        )


def _observations(base: str) -> Iterator[Resource]:
    for number, (value, unit, code, system) in enumerate(
        (
            ("5.4", "kg", "kg", UCUM),
            ("5.40", "kg", "kg", UCUM),
            ("-2.50", "mmol/l", "", ""),
            ("1.5e3", "copies", "{copies}", UCUM),
            ("0.0", "", "", ""),
            ("123456789.012345678", "kg", "", ""),
            ("-1E-3", "", "kg", "https://example.org/units"),
            ("100", "mm|Hg, $", "mm[Hg]", UCUM),
            ("5.35", "", "", UCUM),
            ("5.45", "g", "kg", ""),
            ("", "kg", "kg", UCUM),
        )
    ):
        parts = {"value": _number(value) if value else None, "unit": unit, "code": code, "system": system}
        yield _record(
            "Observation",
            number,
            status=_chosen(("final", "amended", "entered-in-error"), number),
            code=_concept(_coding(_chosen(("27113001", "365761000"), number), SNOMED), _coding("weight")),
            subject=_to(f"Patient/value-{number % 6}"),
            valueQuantity={name: part for name, part in parts.items() if part},
            effectivePeriod=_chosen(
                (
                    {"start": "2001-01-01", "end": "2003-01-01"},
                    {"start": "2002-06-01"},
                    {"end": "2002"},
                    {"start": "2002-06-01T00:00:00Z", "end": "2002-06-01T00:00:00Z"},
                ),
                number,
            ),
        )
    yield from _observations_of_other_kinds(base)


def _number(text: str) -> int | JsonNumber:
    return int(text) if text.isdigit() else JsonNumber(text)


def _observations_of_other_kinds(base: str) -> Iterator[Resource]:
    def component(code: str, value: int | None, *others: dict[str, str]) -> Resource:
        quantity = {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}
        return {
            "code": _concept(_coding(code, LOINC), *others),
            **({"valueQuantity": quantity} if value is not None else {}),
        }

    components = (
        [component("8480-6", 120, _coding("systolic")), component("8462-4", 80, _coding("diastolic"))],
        [component("8480-6", 80), component("8480-6", 150), component("8462-4", 120)],
        [component("8480-6", None), component("8462-4", 0)],
    )
    values: tuple[dict[str, Any], ...] = (
        {"valueString": "Très  bien, $5 | \\ok"},
        {"valueString": "Négatif"},
        {"valueCodeableConcept": _concept(_coding("112144000", SNOMED), _coding("A+"))},
        {"valueCodeableConcept": {"text": "words alone"}},
        {"valueCodeableConcept": _concept(_coding("A+", "https://example.org/groups"))},
        {},
    )
    performers = (
        _refer("Practitioner/value-1", "Organization/value-1"),
        _refer("Patient/value-1"),
        _refer("RelatedPerson/value-1", f"{base}/Organization/value-2"),
        [_LOGICAL],
        _refer("#doctor", "Practitioner/value-2"),
        _refer(f"{_ELSEWHERE}/Practitioner/value-1"),
    )
    contexts = ("Encounter/value-1", "EpisodeOfCare/value-1", f"{base}/Encounter/value-2", "EpisodeOfCare/value-2")
    for number, value in enumerate(values):
        yield _record(
            "Observation",
            20 + number,
            contained=[{"resourceType": "Practitioner", "id": "doctor"}] if number == 4 else None,
            status=_chosen(("preliminary", "final"), number),
            code=_concept(_coding("85354-9", LOINC), _coding("75367002", SNOMED)),
            subject=_to(f"Patient/value-{number}"),
            context=_to(_chosen(contexts, number)) if number < 5 else None,
            performer=performers[number],
            method=_chosen((_concept(_coding("37931006", SNOMED), _coding("Cuff")), {"text": "by hand"}, None), number),
            device=_to(_chosen(("Device/value-1", "DeviceMetric/value-1"), number)) if number < 4 else None,
            component=_chosen(components, number),
            effectiveDateTime=_chosen(("2002-06-01", "2002-06-01T08:00:00+01:00"), number),
            **value,
        )


def _conditions(base: str) -> Iterator[Resource]:
    onsets: tuple[dict[str, Any], ...] = (
        {"onsetDateTime": "2000-02"},
        {"onsetPeriod": {"start": "1999-12-31T23:59:59Z"}},
        {"onsetPeriod": {"end": "2000-02-29"}},
        {"onsetString": "childhood"},
        {},
    )
    abatements: tuple[dict[str, Any], ...] = (
        {"abatementPeriod": {"start": "2001", "end": "2010"}},
        {"abatementDateTime": "2004-02-29T12:00:00+01:00"},
        {"abatementString": "gone"},
        {"abatementBoolean": True},
        {"abatementDateTime": "2004"},
    )
    asserters = (
        _to("Practitioner/value-1"),
        _to("Patient/value-1"),
        _to("RelatedPerson/value-1"),
        _LOGICAL,
        _to(f"{base}/Practitioner/value-2"),
    )
    contexts = ("Encounter/value-0", "EpisodeOfCare/value-0", f"{base}/EpisodeOfCare/value-1")
    for number, (onset, abatement) in enumerate(zip(onsets, abatements, strict=True)):
        yield _record(
            "Condition",
            number,
            clinicalStatus="resolved" if abatement else "active",
            verificationStatus=_chosen(("confirmed", "refuted", "provisional"), number),
            severity=_concept(_coding("24484000", SNOMED), _coding("severe")) if number % 2 else None,
            code=_concept(_coding("195967001", SNOMED)),
            bodySite=[_concept(_coding("39607008", SNOMED)), _concept(_coding("39607008"))][: number % 3],
            subject=_to(f"Patient/value-{number}"),
            context=_to(_chosen(contexts, number)) if number else None,
            asserter=asserters[number],
            **onset,
            **abatement,
        )


def _procedures(base: str) -> Iterator[Resource]:
    performers: tuple[list[str], ...] = (
        ["Practitioner/value-1", "Device/value-1"],
        ["Patient/value-1"],
        [f"{base}/Organization/value-1", "RelatedPerson/value-1"],
        [],
    )
    periods: tuple[dict[str, Any], ...] = (
        {"performedPeriod": {"start": "2000-01-01"}},
        {"performedPeriod": {"start": "2000-01-01", "end": "2009-12-31"}},
        {"performedPeriod": {"start": "2001-01-01", "end": "2002-01-02"}},
        {"performedDateTime": "2001-01-01"},
    )
    for number, period in enumerate(periods):
        yield _record(
            "Procedure",
            number,
            status=_chosen(("completed", "in-progress"), number),
            category=_concept(_coding("387713003", SNOMED), _coding("surgery")) if number % 2 else None,
            code=_concept(_coding("29303009", SNOMED)),
            subject=_to(f"Patient/value-{number}"),
            context=_to(_chosen(("Encounter/value-1", "EpisodeOfCare/value-1"), number)) if number < 3 else None,
            performer=[{"actor": _to(each)} for each in performers[number]],
            **period,
        )


def _allergies() -> Iterator[Resource]:
    reactions: tuple[list[Resource], ...] = (
        [
            {"onset": "2005-05-05", "manifestation": [_concept(_coding("247472004", SNOMED), _coding("wheal"))]},
            {"onset": "2006", "manifestation": [_concept(_coding("39579001", SNOMED)), {"text": "faint"}]},
        ],
        [{"manifestation": [_concept(_coding("247472004"))]}],
        [],
    )
    for number, reaction in enumerate(reactions):
        yield _record(
            "AllergyIntolerance",
            number,
            clinicalStatus=_chosen(("active", "resolved"), number),
            verificationStatus="confirmed",
            type=_chosen(("allergy", "intolerance", None), number),
            category=["food", "medication", "environment"][number:],
            criticality=_chosen(("high", None, "low"), number),
            code=_concept(_coding("300913006", SNOMED)),
            patient=_to(f"Patient/value-{number}"),
            recorder=_chosen((_to("Practitioner/value-1"), _to("Patient/value-1"), None), number),
            reaction=reaction,
        )


def _immunisations() -> Iterator[Resource]:
    for number, lot in enumerate(("LÖT 47-a", "lot 47", None, "  AB,12|$ ")):
        yield _record(
            "Immunization",
            number,
            status=_chosen(("completed", "entered-in-error"), number),
            notGiven=bool(number % 2),
            vaccineCode=_concept(_coding("38598009", SNOMED)),
            patient=_to(f"Patient/value-{number}"),
            primarySource=True,
            date=_chosen(("2007-07-07", None), number),
            manufacturer=_to(f"Organization/value-{number}") if number else None,
            location=_to(f"Location/value-{number}") if number != 1 else None,
            lotNumber=lot,
            reaction=[{"date": "2007-07-08"}, {"date": "2008-01-01T00:00:00Z"}, {"reported": True}][: number % 4],
        )


def _goals(base: str) -> Iterator[Resource]:
    subjects = ("Patient/value-1", f"{base}/Patient/value-2", "Organization/value-1", f"{_ELSEWHERE}/Patient/value-1")
    for number, subject in enumerate(subjects):
        yield _record(
            "Goal",
            number,
            status=_chosen(("proposed", "achieved"), number),
            category=[_concept(_coding("dietary"), _coding("273249006", SNOMED)), {"text": "words alone"}][
                number % 3 :
            ],
            description={"text": "walk"},
            subject=_to(subject),
            startDate=_chosen(("2004-02", None, "2004-02-29"), number),
            startCodeableConcept=_concept(_coding("32485007", SNOMED)) if number == 1 else None,
            target=_chosen(({"dueDate": "2005"}, {"dueDuration": {"value": 6, "unit": "mo"}}, None), number),
        )


def _medications(base: str) -> Iterator[Resource]:
    agents = ("Practitioner/value-1", "Organization/value-1", "Device/value-1", f"{base}/Patient/value-1")
    sources = ("Patient/value-1", "Practitioner/value-1", "RelatedPerson/value-1", "Organization/value-1")
    contexts = ("Encounter/value-1", "EpisodeOfCare/value-1", f"{base}/Encounter/value-2")
    for number in range(4):
        yield _record(
            "Medication",
            number,
            code=_concept(_coding("322236009", SNOMED)),
            form=_concept(_coding("385055001", SNOMED), _coding("tablet")) if number else None,
            manufacturer=_to(f"Organization/value-{number}") if number % 2 else None,
            ingredient=[
                {"itemCodeableConcept": _concept(_coding("387517004", SNOMED), _coding("para"))},
                {"itemReference": _to("Medication/value-0")},
                {"itemCodeableConcept": _concept(_coding("387517004"))},
            ][: number % 4],
        )
        yield _record(
            "MedicationRequest",
            number,
            status="active",
            intent="order",
            category=_concept(
                _coding(_chosen(("outpatient", "inpatient"), number), "http://hl7.org/fhir/medication-request-category")
            )
            if number
            else None,
            medicationReference=_to(f"Medication/value-{number}"),
            subject=_to(f"Patient/value-{number}"),
            context=_to(_chosen(contexts, number)) if number else None,
            authoredOn=_chosen(("2009-09-09", None), number),
            requester={"agent": _to(agents[number])} if number != 2 else None,
            dosageInstruction=[
                {"timing": {"event": ["2009-09-10", "2010-01-01T08:00:00Z"]}},
                {"timing": {"event": ["2011"]}},
                {"text": "as needed"},
            ][: number % 4],
        )
        yield _record(
            "MedicationStatement",
            number,
            status="active",
            taken="y",
            category=_concept(
                _coding(
                    _chosen(("community", "inpatient"), number), "http://hl7.org/fhir/medication-statement-category"
                )
            )
            if number
            else None,
            medicationReference=_to(f"Medication/value-{number}"),
            subject=_to(f"Patient/value-{number}"),
            context=_to(_chosen(contexts, number)) if number else None,
            informationSource=_to(sources[number]) if number != 2 else None,
            effectivePeriod=_chosen(({"start": "2008"}, {"start": "2001", "end": "2009"}, {"end": "2009"}), number),
        )
