"""The records for search tests: those of REAL_DATA if given, the sample, and unusual cases."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from careconnect.fhir.resource_types import RESOURCE_TYPES, Table
from careconnect_admin.loading.load import load_paths
from careconnect_admin.sample.records import sample_resources
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.exact_json import json_text, parse_json
from careconnect_testing.parts.clock import Clock
from careconnect_testing.records.awkward_values import awkward_values
from careconnect_testing.records.generated import is_long_run
from careconnect_testing.records.real_data import real_data

Resource = dict[str, Any]

LOADED_AT = (
    datetime(2023, 11, 5, 8, 30, 0, 123_000, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(2024, 4, 1, tzinfo=UTC),
)
"""A third of the records is loaded at each time, so that `_lastUpdated` has different values."""


_DIRECTORY = {each.name for each in RESOURCE_TYPES if each.table is Table.DIRECTORY}

EXAMPLE_CODES = ("27113001", "364075005")
"""The codes of Patient/example-1's observations: with even numbers, and with odd ones."""


def corpus(base: str) -> list[Resource]:
    """Return the records as sources, with the `meta.lastUpdated` that the load will set; `base` is the FHIR base."""
    records: dict[tuple[str, str], Resource] = {}
    for resource in (*_real(), *_sample(), *_awkward(base), *awkward_values(base), *_example()):
        records.setdefault((resource["resourceType"], resource["id"]), resource)
    return [
        {**resource, "meta": {**resource.get("meta", {}), "lastUpdated": _instant(position)}}
        for position, resource in enumerate(records.values())
    ]


def load_corpus(resources: list[Resource], tables: RecordTables, folder: Path, base_url: str) -> None:
    """Load the records, each at its own time."""
    for batch, instant in enumerate(LOADED_AT):
        path = folder / f"{batch}.ndjson"
        lines = (json_text(resource) for resource in resources[batch :: len(LOADED_AT)])
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        # What is stored may break invariants, and is found all the same.
        report = load_paths([path], tables, clock=Clock.at(instant).utc, base_url=base_url, accept_invariants=True)
        assert not report.problems, report.problems[:3]


def _instant(position: int) -> str:
    instant = LOADED_AT[position % len(LOADED_AT)]
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sample() -> Iterator[Resource]:
    """Yield the sample: in every run the directory and a part of the records, in the long run all of it."""
    for number, resource in enumerate(sample_resources()):
        if is_long_run() or number % 5 == 0 or resource["resourceType"] in _DIRECTORY:
            yield resource


def _real() -> Iterator[Resource]:
    folder = real_data()
    for path in sorted(folder.glob("*.ndjson")) if folder else ():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield parse_json(line)


def _example() -> Iterator[Resource]:
    """Yield the record of Patient/example-1, for which examples are documented with their responses."""
    patient = {"reference": "Patient/example-1"}
    yield {
        "resourceType": "Patient",
        "id": "example-1",
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990548609"}],
        "name": [{"use": "official", "family": "Muñoz García", "given": ["José", "Ángel"], "prefix": ["Mr"]}],
        "telecom": [{"system": "phone", "value": "0113 496 0123"}],
        "gender": "male",
        "birthDate": "1970-06-15",
        "address": [{"postalCode": "LS6 2AB"}],
        "managingOrganization": {"reference": "Organization/example-1"},
    }
    yield {"resourceType": "Organization", "id": "example-1", "name": "Example Surgery"}
    for number in range(1, 4):
        yield {
            "resourceType": "Encounter",
            "id": f"example-{number}",
            "status": "finished",
            "subject": patient,
            "period": {"start": f"2018-0{number}-10T09:00:00Z", "end": f"2018-0{number}-10T09:20:00Z"},
        }
    for number in range(1, 48):
        # Two at the same time, so that an order has ties to break.
        hour = number // 2
        yield {
            "resourceType": "Observation",
            "id": f"example-{number:03}",
            "status": "final",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": EXAMPLE_CODES[number % 2]}]},
            "subject": patient,
            "context": {"reference": "Encounter/example-1"},
            "effectiveDateTime": f"2018-01-{10 + hour // 12}T{hour % 12:02}:30:00Z",
            "valueQuantity": {"value": number, "unit": "1"},
        }
    for number in range(1, 3):
        yield {
            "resourceType": "Condition",
            "id": f"example-{number}",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": "195967001"}]},
            "subject": patient,
            "context": {"reference": "Encounter/example-1"},
            "assertedDate": f"2018-01-1{number}",
        }


def _awkward(base: str) -> Iterator[Resource]:
    """Yield resources with rare values: open periods, odd characters, codes of two systems or of none."""
    yield {
        "resourceType": "Patient",
        "id": "awkward.1",
        "identifier": [
            {"system": "https://example.org/a|b", "value": "x,y$z\\w|v"},
            {"value": "no-system"},
            {"system": "https://example.org/no-value"},
        ],
        "name": [
            {"family": "Ångström de la Cruz", "given": ["Łucja", "Anne Marie"], "prefix": ["Dr"]},
            {"text": "The Artist, formerly known", "suffix": ["OBE"]},
        ],
        "telecom": [
            {"system": "phone", "value": "+44 (0)113 496-0999", "use": "mobile"},
            {"system": "email", "value": "Anna.Angstrom@Example.ORG"},
            {"system": "url", "value": "https://example.org"},
        ],
        "gender": "other",
        "birthDate": "1980",
        "address": [{"postalCode": "LS1 4AP"}, {"postalCode": "LS22"}, {"city": "Leeds"}],
    }
    yield {
        "resourceType": "Patient",
        "id": "awkward-2",
        "name": [{"family": "ÅNGSTRÖM", "given": ["anne"]}, {"family": "  Van   der  Berg "}],
        "gender": "unknown",
        "birthDate": "1980-02",
    }
    periods: tuple[dict[str, str] | None, ...] = (
        {"start": "2016-12-31T23:30:00-05:00"},
        {"end": "2017-06"},
        {"start": "2017", "end": "2017"},
        {"start": "2017-02-28T12:00:00.250Z", "end": "2017-03-01"},
        {"start": "0001-01-01", "end": "9999-12-31"},
        None,
    )
    for number, period in enumerate(periods):
        yield {
            "resourceType": "Encounter",
            "id": f"awkward-{number}",
            "status": "finished",
            "class": {"system": "http://hl7.org/fhir/v3/ActCode", "code": "AMB" if number % 2 else "IMP"},
            "type": [{"coding": [{"system": "http://snomed.info/sct", "code": str(11429006 + number)}]}],
            "subject": {"reference": "Patient/awkward.1"},
            "episodeOfCare": [{"reference": "EpisodeOfCare/awkward-1"}, {"reference": f"EpisodeOfCare/e{number}"}],
            **({"period": period} if period else {}),
        }
    for number, period in enumerate(periods):
        yield {
            "resourceType": "EpisodeOfCare",
            "id": f"awkward-{number}",
            "status": "active" if number % 2 else "finished",
            "patient": {"reference": f"{base}/Patient/awkward.1"},
            **({"period": period} if period else {}),
        }
    dates = ("2017", "2017-10", "2017-10-29", "2017-10-29T01:30:00+01:00", "2017-10-29T00:30:00Z", None)
    for number, date in enumerate(dates):
        codings: list[dict[str, str]] = [
            {"system": "http://snomed.info/sct", "code": "364075005"},
            {"system": "http://loinc.org", "code": "8867-4"},
            {"code": "364075005"},
        ]
        yield {
            "resourceType": "Observation",
            "id": f"awkward-{number}",
            "status": "final",
            "category": [{"coding": [{"code": "vital-signs"}]}] if number % 2 else [],
            "code": {"coding": codings[number % 3 :]} if number < 5 else {"text": "words alone"},
            "subject": {"reference": f"{base}/Patient/awkward.1" if number % 2 else "Patient/awkward-2"},
            "context": {"reference": "Encounter/awkward-0"},
            **({"effectiveDateTime": date} if date else {}),
        } | ({} if number % 2 else {"category": [{"text": "no code"}]})
    yield {
        "resourceType": "Observation",
        "id": "awkward-elsewhere",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": "https://elsewhere.example/fhir/Patient/awkward.1"},
        "effectivePeriod": {"start": "2017-10-29T00:30:00Z", "end": "2017-10-29T00:30:00Z"},
    }
    for number, name in enumerate(("Straße & Søn, $1 | \\2", "Ćwikła", "ćwikla north", "North")):
        yield {
            "resourceType": "Organization",
            "id": f"awkward-{number}",
            "name": name,
            "alias": ["Nord", name.upper()],
            "address": [{"postalCode": f"ZE{number} 9ZZ"}],
        }
    for number in range(4):
        yield {
            "resourceType": "HealthcareService",
            "id": f"awkward-{number}",
            "identifier": [{"system": "https://example.org/service", "value": f"s{number}"}],
            "providedBy": {"reference": f"Organization/awkward-{number % 2}"},
            **({"name": f"Clinic {number}"} if number else {}),
        }
    for number in range(3):
        yield {
            "resourceType": "MedicationRequest",
            "id": f"awkward-{number}",
            "status": "active",
            "intent": ("plan", "order", "proposal")[number],
            "medicationCodeableConcept": {
                "coding": [{"system": "http://snomed.info/sct", "code": f"32267900{number}"}]
            },
            "subject": {"reference": "Patient/awkward.1"},
            "authoredOn": f"2018-0{number + 1}",
        }
        yield {
            "resourceType": "MedicationStatement",
            "id": f"awkward-{number}",
            "status": "active",
            "taken": "y",
            "medicationCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "322679003"}]},
            "subject": {"reference": "Patient/awkward.1"},
            "effectiveDateTime": f"2018-0{number + 1}-15",
        }
