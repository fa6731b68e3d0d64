"""The project's own sample records."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_admin.commands.service.sample import sample
from careconnect_admin.sample.records import SAMPLE, sample_resources, story_tellers
from careconnect_records.stu3.validation import validate

_NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


@pytest.fixture(scope="module")
def resources() -> list[dict[str, Any]]:
    return list(sample_resources())


def references_in(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from references_in(item)
    elif isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for child in node.values():
            yield from references_in(child)


def is_nhs_number(text: str) -> bool:
    """Check the NHS number's tenth digit, worked out apart from the code (NHS Data Dictionary: modulus 11)."""
    total = sum((10 - place) * int(digit) for place, digit in enumerate(text[:9]))
    return len(text) == 10 and (11 - total % 11) % 11 == int(text[9])


def test_a_file_holds_the_resources_of_one_type() -> None:
    for path in SAMPLE.iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()
        assert {json.loads(line)["resourceType"] for line in lines} == {path.stem}


def test_every_resource_is_valid_and_claims_the_profile_of_its_type(resources: list[dict[str, Any]]) -> None:
    for resource in resources:
        validate(resource)
        (profile,) = resource["meta"]["profile"]
        name = resource["resourceType"]
        # Care Connect has no profile of some types, which then claim STU3's own.
        assert profile in (
            f"https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-{name}-1",
            f"http://hl7.org/fhir/StructureDefinition/{name}",
        )


def test_every_served_type_is_there_and_every_reference_leads_somewhere(resources: list[dict[str, Any]]) -> None:
    names = [f"{resource['resourceType']}/{resource['id']}" for resource in resources]
    assert len(names) == len(set(names))
    assert {name.partition("/")[0] for name in names} == {served.name for served in RESOURCE_TYPES}
    # Devices are on a server of their own, which is the only one besides.
    elsewhere = {reference for reference in references_in(resources) if reference.startswith("https://")}
    assert {reference.rpartition("/")[0] for reference in elsewhere} == {"https://devices.example.org/fhir/Device"}
    assert set(references_in(resources)) - elsewhere <= set(names)


def test_every_patient_has_a_record_of_every_clinical_type(resources: list[dict[str, Any]]) -> None:
    held: Counter[tuple[str, str]] = Counter()
    for resource in resources:
        about = resource.get("subject") or resource.get("patient")
        if about:
            held[about["reference"], resource["resourceType"]] += 1
    types = {each.name for each in RESOURCE_TYPES if each.patient_parameter}
    for patient in (f"Patient/{each['id']}" for each in resources if each["resourceType"] == "Patient"):
        assert {name for about, name in held if about == patient} == types


def test_patient_4_is_somebody_that_documents_can_rely_on(resources: list[dict[str, Any]]) -> None:
    (patient,) = [each for each in resources if each["resourceType"] == "Patient" and each["id"] == "4"]
    assert patient["name"][0] == {"use": "official", "family": "Muñoz", "given": ["Sofía", "Elena"], "prefix": ["Ms"]}
    assert patient["birthDate"] == "1971-08-23"
    assert patient["gender"] == "female"
    record = [each for each in resources if "Patient/4" in references_in(each)]
    assert len(record) >= 20


def of_patient(resources: list[dict[str, Any]], number: int, type_name: str) -> list[dict[str, Any]]:
    return [
        each
        for each in resources
        if each["resourceType"] == type_name and each["subject"] == {"reference": f"Patient/{number}"}
    ]


@pytest.mark.parametrize("number", [4, 5, 6])
def test_a_story_has_vital_signs_of_every_month_of_two_years(resources: list[dict[str, Any]], number: int) -> None:
    months: dict[str, set[str]] = {"blood-pressure": set(), "weight": set()}
    for each in of_patient(resources, number, "Observation"):
        for name, found in months.items():
            if each["id"].endswith(f"-{name}"):
                found.add(each["effectiveDateTime"][:7])
    years = [(2022, range(7, 13)), (2023, range(1, 13)), (2024, range(1, 7))]
    expected = {f"{year}-{month:02d}" for year, of_year in years for month in of_year}
    assert len(expected) == 24
    assert months == {"blood-pressure": expected, "weight": expected}


@pytest.mark.parametrize("number", [4, 5, 6])
def test_no_vital_sign_of_a_story_stands_out(resources: list[dict[str, Any]], number: int) -> None:
    measured = sorted(of_patient(resources, number, "Observation"), key=lambda each: str(each["effectiveDateTime"]))
    weights = [float(each["valueQuantity"]["value"]) for each in measured if "29463-7" in str(each["code"])]
    pressures = [
        [part["valueQuantity"]["value"] for part in each["component"]] for each in measured if "component" in each
    ]

    assert len(weights) > 24
    assert len(pressures) > 26
    # Five nights in hospital cost three kilograms.
    assert max(abs(later - earlier) for earlier, later in itertools.pairwise(weights)) < 5
    assert all(systolic * 0.5 < diastolic < systolic * 0.7 for systolic, diastolic in pressures)


def test_a_story_has_a_medicine_changed_for_another(resources: list[dict[str, Any]]) -> None:
    requests = {each["id"]: each for each in of_patient(resources, 4, "MedicationRequest")}
    before, after = requests["4-ramipril"], requests["4-losartan"]
    assert (before["status"], after["status"]) == ("stopped", "active")
    assert after["priorPrescription"] == {"reference": "MedicationRequest/4-ramipril"}
    assert before["dispenseRequest"]["validityPeriod"]["end"] == after["authoredOn"]
    systolic = [
        int(each["component"][0]["valueQuantity"]["value"])
        for each in sorted(of_patient(resources, 4, "Observation"), key=lambda each: str(each["effectiveDateTime"]))
        if each["id"].endswith("-blood-pressure")
    ]
    assert min(systolic[:6]) > max(systolic[-6:])


def test_a_story_has_one_active_dose_twice_the_one_before(resources: list[dict[str, Any]]) -> None:
    for type_name, dosage in (("MedicationRequest", "dosageInstruction"), ("MedicationStatement", "dosage")):
        metformin = [each for each in of_patient(resources, 5, type_name) if "Metformin" in str(each)]
        doses = {each["status"]: each[dosage][0]["text"] for each in metformin}
        assert len(metformin) == len(doses)
        assert doses == {"completed": "one tablet, once a day", "active": "one tablet, twice a day"}
    statements = of_patient(resources, 5, "MedicationStatement")
    periods = {each["status"]: each["effectivePeriod"] for each in statements if "Metformin" in str(each)}
    assert periods["completed"]["end"] == periods["active"]["start"]


def test_a_story_has_a_diabetes_that_comes_under_control(resources: list[dict[str, Any]]) -> None:
    measured = [each for each in of_patient(resources, 5, "Observation") if "4548-4" in str(each["code"])]
    values = [
        float(each["valueQuantity"]["value"]) for each in sorted(measured, key=lambda each: each["effectiveDateTime"])
    ]
    assert max(later - earlier for earlier, later in itertools.pairwise(values)) < 0.3
    assert values[0] - values[-1] > 1
    assert all(each["referenceRange"] for each in measured)


def test_a_story_has_an_admission(resources: list[dict[str, Any]]) -> None:
    (stay,) = [each for each in of_patient(resources, 6, "Encounter") if each["id"] == "6-admission"]
    assert stay["class"]["code"] == "IMP"
    context = {"reference": "Encounter/6-admission"}
    measured = [each for each in of_patient(resources, 6, "Observation") if each.get("context") == context]
    assert len(measured) == 12
    assert all(
        stay["period"]["start"][:10] <= each["effectiveDateTime"][:10] <= stay["period"]["end"][:10]
        for each in measured
    )


def test_stories_are_reported_by_name_and_nhs_number(resources: list[dict[str, Any]]) -> None:
    printed = list(story_tellers())
    assert [(each.patient_id, each.name) for each in printed][:2] == [("4", "Sofía Elena Muñoz"), ("5", "Goran Antić")]
    for each in printed:
        (patient,) = [r for r in resources if r["resourceType"] == "Patient" and r["id"] == each.patient_id]
        assert {"system": _NHS_NUMBER, "value": each.nhs_number}.items() <= patient["identifier"][0].items()
        assert each.title


def test_nothing_is_later_than_the_samples_last_month(resources: list[dict[str, Any]]) -> None:
    dates = [each["effectiveDateTime"] for each in resources if each["resourceType"] == "Observation"]
    assert max(dates)[:7] == "2024-06"


def test_nhs_numbers_are_valid_distinct_and_never_issued(resources: list[dict[str, Any]]) -> None:
    patients = [each for each in resources if each["resourceType"] == "Patient"]
    numbers = [each["value"] for one in patients for each in one["identifier"] if each["system"] == _NHS_NUMBER]
    assert len(numbers) == len(set(numbers)) == len(patients)
    assert all(number.startswith("999") and is_nhs_number(number) for number in numbers)
    assert is_nhs_number("9434765919")  # the NHS's own example
    assert not is_nhs_number("9434765918")


def test_nothing_in_it_can_be_anybodys(resources: list[dict[str, Any]]) -> None:
    """Telephone numbers are Ofcom's for fiction, mailboxes are at example.org, and no postcode area begins with X."""
    fiction = ("01632 960", "0113 496 0", "0117 496 0", "029 2018 0", "07700 900")
    for resource in resources:
        for contact in resource.get("telecom", ()):
            assert contact["value"].startswith(fiction) or contact["value"].endswith("@example.org")
        addresses = resource.get("address", [])
        for address in addresses if isinstance(addresses, list) else [addresses]:
            assert address["postalCode"].startswith("X")


def test_it_shows_what_readers_must_cope_with(resources: list[dict[str, Any]]) -> None:
    text = json.dumps(resources, ensure_ascii=False, default=str)
    patients = [each for each in resources if each["resourceType"] == "Patient"]
    assert "Muñoz" in text
    assert "Antić" in text
    assert any("_birthDate" in each for each in patients)
    assert any("deceasedDateTime" in each for each in patients)
    assert any(len(each["name"]) == 3 for each in patients)
    values = [each["valueQuantity"]["value"] for each in resources if "valueQuantity" in each]
    assert any(getattr(value, "literal", "").endswith("0") for value in values)
    assert {each["status"] for each in resources if each["resourceType"] == "MedicationRequest"} == {
        "active",
        "completed",
        "stopped",
    }


def test_the_command_writes_the_files_and_prints_the_counts(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(sample)
    result = CliRunner().invoke(app, [str(tmp_path / "new" / "folder")])
    assert result.exit_code == 0
    counts = {line.split()[0]: int(line.split()[1].replace(",", "")) for line in result.stdout.splitlines()}
    assert counts == Counter(each["resourceType"] for each in sample_resources())
    for name, count in counts.items():
        assert len((tmp_path / "new" / "folder" / f"{name}.ndjson").read_bytes().splitlines()) == count
