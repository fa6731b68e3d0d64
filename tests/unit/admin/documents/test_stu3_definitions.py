"""The data file of STU3's definitions, generated from a few of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.fhir.resource_types.stu3 import PATH
from careconnect_admin.documents.stu3_definitions import definitions, invariants, write_definitions

PROFILE = "http://hl7.org/fhir/StructureDefinition/"
PARAMETERS: list[dict[str, Any]] = [
    {"id": "Resource-id", "code": "_id", "type": "token", "base": ["Resource"], "xpath": "f:Resource/f:id"},
    {"id": "DomainResource-text", "code": "_text", "type": "string", "base": ["DomainResource"]},
    {
        "id": "clinical-date",
        "code": "date",
        "type": "date",
        "base": ["Observation", "Slot", "Encounter"],
        "xpath": "f:Encounter/f:period | f:Observation/f:effectiveDateTime | f:Observation/f:effectivePeriod",
    },
    {"id": "Patient-gender", "code": "gender", "type": "token", "base": ["Patient"], "xpath": "f:Patient/f:gender"},
    {
        "id": "Patient-email",
        "code": "email",
        "type": "token",
        "base": ["Patient"],
        "xpath": "f:Patient/f:telecom[system/@value='email']",
    },
    {"id": "organization-extensions-Organization-alias", "code": "alias", "type": "string"},
    {"id": "example-extension", "code": "part-agree", "type": "reference", "base": ["Patient"]},
    {
        "id": "Encounter-participant",
        "code": "participant",
        "type": "reference",
        "base": ["Encounter"],
        "xpath": "f:Encounter/f:participant/f:individual",
        "target": ["RelatedPerson", "Practitioner"],
    },
    {
        "id": "AuditEvent-entity",
        "code": "entity",
        "type": "reference",
        "base": ["AuditEvent"],
        "xpath": "f:AuditEvent/f:entity/f:reference",
        "target": ["Account", "Patient"],
    },
]
ELEMENTS: dict[str, list[dict[str, Any]]] = {
    "Observation": [
        {"path": "Observation.status", "min": 1, "isSummary": True, "type": [{"code": "code"}]},
        {"path": "Observation.comment", "min": 0, "type": [{"code": "string"}]},
        {"path": "Observation.component", "min": 0, "isSummary": True, "type": [{"code": "BackboneElement"}]},
        {"path": "Observation.component.code", "min": 1, "isSummary": True, "type": [{"code": "CodeableConcept"}]},
        {
            "path": "Observation.effective[x]",
            "min": 1,
            "isSummary": False,
            "type": [{"code": "dateTime"}, {"code": "Period"}],
        },
        {"path": "Observation.component.referenceRange", "min": 0, "contentReference": "#Observation.referenceRange"},
    ],
    "Encounter": [
        {
            "path": "Encounter.participant.individual",
            "min": 0,
            "type": [
                {"code": "Reference", "targetProfile": f"{PROFILE}{name}"}
                for name in ("Practitioner", "Device", "RelatedPerson")
            ],
        }
    ],
    "AuditEvent": [
        {
            "path": "AuditEvent.entity.reference",
            "min": 0,
            "type": [{"code": "Reference", "targetProfile": f"{PROFILE}Resource"}],
        }
    ],
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder of definitions, in the form that HL7's have."""
    folder = tmp_path / "package"
    folder.mkdir()
    for definition in PARAMETERS:
        write(folder / f"SearchParameter-{definition['id']}.json", definition)
    for name in (*(each.name for each in SERVED_TYPES), "Slot"):
        write_structure(folder, name, ELEMENTS.get(name, []))
    write_structure(folder, "DomainResource", [], abstract=True)
    write_structure(folder, "bodyheight", [], derivation="constraint")
    write_structure(folder, "Period", [], kind="complex-type")
    parameters = [("start", "in", "date"), ("return", "out", "Bundle")]
    operation = {"parameter": [{"name": name, "use": use, "type": type_} for name, use, type_ in parameters]}
    write(folder / "OperationDefinition-Patient-everything.json", operation)
    write(folder / "DataElement-SearchParameter.base.json", {"code": "none"})
    return folder


def write_structure(folder: Path, name: str, elements: list[dict[str, Any]], **other: Any) -> None:
    head = {"name": name, "kind": "resource", "derivation": "specialization", "abstract": False}
    snapshot = {"element": [{"path": name, "min": 0}, *elements]}
    write(folder / f"StructureDefinition-{name}.json", {**head, "snapshot": snapshot, **other})


def write(path: Path, resource: dict[str, Any]) -> None:
    # HL7's files begin with a byte order mark, some of them.
    path.write_text(json.dumps(resource), encoding="utf-8-sig")


def test_each_type_has_its_elements_and_its_parameters(package: Path) -> None:
    data = json.loads(definitions(package))["definitions"]

    assert list(data) == [
        *("Resource", "DomainResource", "Patient", "Patient/$everything"),
        *(each.name for each in SERVED_TYPES if each.name != "Patient"),
    ]
    assert data["Observation"] == {
        "summary": ["status", "component"],
        "mandatory": ["status", "effectiveDateTime", "effectivePeriod"],
        "parameters": {"date": {"type": "date", "paths": ["effectiveDateTime", "effectivePeriod"]}},
    }
    assert data["Resource"] == {"parameters": {"_id": {"type": "token", "paths": ["id"]}}}
    assert data["DomainResource"] == {"parameters": {"_text": {"type": "string"}}}
    assert data["Patient/$everything"] == {"parameters": {"start": {"type": "date"}}}
    assert data["Organization"]["parameters"] == {"alias": {"type": "string"}}


def test_a_path_that_holds_a_condition_is_left_out(package: Path) -> None:
    assert json.loads(definitions(package))["definitions"]["Patient"]["parameters"] == {
        "email": {"type": "token"},
        "gender": {"type": "token", "paths": ["gender"]},
    }


def test_the_targets_of_a_reference_are_in_the_order_of_its_element(package: Path) -> None:
    data = json.loads(definitions(package))["definitions"]

    assert data["Encounter"]["parameters"]["participant"]["targets"] == ["Practitioner", "RelatedPerson"]
    assert data["AuditEvent"]["parameters"]["entity"] == {"type": "reference", "paths": ["entity.reference"]}


def test_the_names_of_types_are_those_of_resources_that_there_can_be(package: Path) -> None:
    assert json.loads(definitions(package))["resource_names"] == sorted([*(t.name for t in SERVED_TYPES), "Slot"])


def test_each_definition_has_a_line_for_each_of_its_members(package: Path) -> None:
    text = definitions(package)

    assert text.endswith("\n}\n")
    assert '\n  "Patient": {\n   "summary": [],\n   "mandatory": [],\n   "parameters": {\n    "email": {' in text


def test_writing_replaces_the_files(package: Path, tmp_path: Path) -> None:
    path, path_of_invariants = tmp_path / "data.json", tmp_path / "invariants.json"
    path.write_text("{}", encoding="utf-8")
    write_definitions(package, path, path_of_invariants)

    assert path.read_text(encoding="utf-8") == definitions(package)
    assert path_of_invariants.read_text(encoding="utf-8") == invariants(package)


def test_the_invariants_of_level_error_have_a_place_each(package: Path) -> None:
    def constraint(key: str, **other: str) -> dict[str, str]:
        return {"key": key, "severity": "error", "human": f"Text of {key}", "expression": f"{key}.exists()", **other}

    inherited = constraint("ele-1", source="Element")
    low = {"code": "Quantity", "profile": f"{PROFILE}Simple"}
    elements: dict[str, list[dict[str, Any]]] = {
        "Observation": [
            {"path": "Observation.component", "constraint": [inherited, constraint("obs-3")]},
            {"path": "Observation.value[x]", "type": [{"code": "Range"}, low]},
            {"path": "Observation.related", "constraint": [{**constraint("obs-8"), "severity": "warning"}]},
        ],
        "Range": [{"path": "Range.low", "type": [low], "constraint": [inherited]}],
        "AuditEvent": [{"path": "AuditEvent.entity", "constraint": [constraint("sev-1")]}],
    }
    for name, own in elements.items():
        write_structure(package, name, own)
    simple = {"snapshot": {"element": [{"path": "Quantity", "constraint": [inherited, constraint("sqty-1")]}]}}
    write(package / "StructureDefinition-Simple.json", simple)

    found = json.loads(invariants(package))
    assert {key: each["places"] for key, each in found.items()} == {
        "ele-1": ["Element"],
        "obs-3": ["Observation.component"],
        "sqty-1": ["Observation.valueQuantity", "Range.low"],
    }
    assert found["obs-3"] | {"places": []} == {"text": "Text of obs-3", "expression": "obs-3.exists()", "places": []}


def test_the_data_file_has_that_form() -> None:
    text = PATH.read_text(encoding="utf-8")

    assert '\n  "Patient": {\n   "summary": ["id", ' in text


def test_a_package_without_definitions_is_reported(package: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no definitions of search parameters"):
        definitions(tmp_path / "empty")
    write(package / "SearchParameter-Patient-x.json", {"id": "Patient-x", "code": "x", "type": "token"})
    with pytest.raises(ValueError, match="Patient-x does not say which type it is a parameter of"):
        definitions(package)
