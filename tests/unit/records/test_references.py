"""What a resource refers to: where each Reference stands, what it may point at, and what it points at."""

from typing import Any

import pytest

from careconnect_records.items.references import LocalTarget, fhir_base_of, is_elsewhere, references_of, target_of

BASE = "https://care.example/careconnect-ri/STU3"


def found(resource: dict[str, Any]) -> dict[str, str]:
    return {each.expression: each.text for each in references_of(resource)}


def test_references_are_found_wherever_they_stand() -> None:
    extension = [{"url": "https://example.org/by", "valueReference": {"reference": "Practitioner/e"}}]
    resource = {
        "resourceType": "Observation",
        "contained": [{"resourceType": "Patient", "id": "p", "managingOrganization": {"reference": "Organization/c"}}],
        "extension": extension,
        "status": "final",
        "_status": {"extension": extension},
        "code": {"text": "x"},
        "subject": {"reference": "#p", "identifier": {"assigner": {"reference": "Organization/i"}}},
        "context": {"display": "named alone"},
        "performer": [{"reference": "Practitioner/1"}, {"reference": "Organization/2"}],
        "related": [{"target": {"reference": "Observation/3"}}],
    }

    assert found(resource) == {
        "Observation.contained[0].managingOrganization": "Organization/c",
        "Observation.extension[0].valueReference": "Practitioner/e",
        "Observation.status.extension[0].valueReference": "Practitioner/e",
        "Observation.subject": "#p",
        "Observation.subject.identifier.assigner": "Organization/i",
        "Observation.performer[0]": "Practitioner/1",
        "Observation.performer[1]": "Organization/2",
        "Observation.related[0].target": "Observation/3",
    }


def test_a_reference_in_the_extension_of_one_repetition_of_a_primitive_is_found() -> None:
    beside = {"extension": [{"url": "https://example.org/by", "valueReference": {"reference": "Practitioner/e"}}]}
    name = [{"given": ["Ann", "Bee"], "_given": [None, beside]}]

    assert found({"resourceType": "Patient", "name": name}) == {
        "Patient.name[0].given[1].extension[0].valueReference": "Practitioner/e"
    }


def test_what_is_beside_a_primitive_and_no_object_holds_no_reference() -> None:
    assert found({"resourceType": "Observation", "_status": "Patient/4", "_comment": ["Patient/4", None]}) == {}


def test_stu3_references_2_26_1_an_element_says_what_it_may_point_at() -> None:
    resource = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/4"},
        "extension": [{"url": "https://example.org/any", "valueReference": {"reference": "Patient/4"}}],
        "evidence": [{"detail": [{"reference": "Observation/1"}]}],
    }
    *any_of, subject = sorted(references_of(resource), key=lambda each: len(each.targets))

    assert [(each.targets, each.allows("Device")) for each in any_of] == [(frozenset(), True)] * 2
    assert set(subject.targets) == {"Patient", "Group"}
    assert subject.allows("Patient")
    assert not subject.allows("Encounter")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("Patient/4", LocalTarget("Patient", "4")),
        (f"{BASE}/Patient/4", LocalTarget("Patient", "4")),
        ("Patient/4/_history/2", LocalTarget("Patient", "4")),
        ("Device/4", LocalTarget("Device", "4")),
        ("https://other.example/Patient/4", None),
        ("#p", None),
        ("urn:uuid:9c8ab8ae-1d4d-4b8e-9f5e-5d0ad6cdb1c2", None),
        ("Patient?identifier=a|b", None),
        ("Patient", None),
    ],
)
def test_a_reference_to_this_server_has_a_target(text: str, target: LocalTarget | None) -> None:
    assert target_of(text, BASE) == target


def test_a_target_is_keyed_as_its_items_are() -> None:
    assert LocalTarget("Patient", "4").key == "Patient/4"


@pytest.mark.parametrize(
    ("text", "elsewhere"),
    [
        ("https://other.example/Patient/4", True),
        ("urn:uuid:9c8ab8ae-1d4d-4b8e-9f5e-5d0ad6cdb1c2", False),
        ("URN:OID:1.2.3", False),
        ("urn:nhs:9", True),
        (f"{BASE}/Patient?x", False),
        (f"{BASE.upper()}/Patient/4", False),
        ("Patient?identifier=urn:x:1", False),
        ("urn:x y", False),
        ("#a:b", False),
        ("Patient/4", False),
        ("nothing at all", False),
    ],
)
def test_what_another_server_keeps_is_reported_from_what_nobody_does(text: str, elsewhere: bool) -> None:
    assert is_elsewhere(text, BASE) is elsewhere


def test_the_fhir_base_stands_below_the_root_url() -> None:
    assert fhir_base_of("https://care.example/") == BASE
