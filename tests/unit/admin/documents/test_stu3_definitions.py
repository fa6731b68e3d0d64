"""The table of what STU3 defines, made from a few definitions."""

import json
from pathlib import Path
from typing import Any

import pytest

from careconnect_admin.documents.stu3_definitions import MODULE, with_definitions, write_definitions

MADE_BY_HAND = ('"""A module."""\n\n_DEFINED: Final = """\\\n', '"""\n\nREST = 1\n')
EMPTY = "".join(MADE_BY_HAND)
LONG_NAMES = [f"a-rather-long-name-{number:02}" for number in range(8)]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder of definitions, in the form that HL7's have."""
    definitions: list[dict[str, Any]] = [
        {"id": "Resource-id", "code": "_id", "type": "token", "base": ["Resource"]},
        {"id": "DomainResource-text", "code": "_text", "type": "string", "base": ["DomainResource"]},
        {"id": "clinical-date", "code": "date", "type": "date", "base": ["Observation", "Slot", "Encounter"]},
        {"id": "Patient-gender", "code": "gender", "type": "token", "base": ["Patient"]},
        {"id": "Patient-active", "code": "active", "type": "token", "base": ["Patient"]},
        {"id": "Patient-name", "code": "name", "type": "string", "base": ["Patient"]},
        {"id": "organization-extensions-Organization-alias", "code": "alias", "type": "string"},
        {"id": "example-extension", "code": "part-agree", "type": "reference", "base": ["Patient"]},
        *({"id": name, "code": name, "type": "token", "base": ["Encounter"]} for name in LONG_NAMES),
    ]
    for definition in definitions:
        write(tmp_path / f"SearchParameter-{definition['id']}.json", definition)
    parameters = [("start", "in", "date"), ("return", "out", "Bundle")]
    operation = {"parameter": [{"name": name, "use": use, "type": type_} for name, use, type_ in parameters]}
    write(tmp_path / "OperationDefinition-Patient-everything.json", operation)
    write(tmp_path / "DataElement-SearchParameter.base.json", {"code": "none"})
    return tmp_path


def write(path: Path, resource: dict[str, Any]) -> None:
    # HL7's files begin with a byte order mark, some of them.
    path.write_text(json.dumps(resource), encoding="utf-8-sig")


def test_the_table_has_a_line_for_each_type_of_value(package: Path) -> None:
    before, after = MADE_BY_HAND
    head = "Encounter token "
    assert with_definitions(EMPTY, package) == (
        f"{before}"
        "Resource token _id\n"
        "DomainResource string _text\n"
        "Patient string name\n"
        "Patient token active gender\n"
        "Patient/$everything date start\n"
        "Observation date date\n"
        "Encounter date date\n"
        f"{head}{' '.join(LONG_NAMES[:4])}\n"
        f"{head}{' '.join(LONG_NAMES[4:])}\n"
        "Organization string alias\n"
        f"{after}"
    )


def test_a_table_that_is_there_is_made_anew(package: Path, tmp_path: Path) -> None:
    made = with_definitions(EMPTY, package)
    path = tmp_path / "module.py"
    path.write_text(made.replace("Patient string name", "Patient string nmae"), encoding="utf-8")
    write_definitions(package, path)

    assert path.read_text(encoding="utf-8") == made


def test_what_cannot_be_made_is_reported(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has lost its table"):
        with_definitions("", package)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no definitions of search parameters"):
        with_definitions(EMPTY, tmp_path / "empty")
    write(package / "SearchParameter-Patient-x.json", {"id": "Patient-x", "code": "x", "type": "token"})
    with pytest.raises(ValueError, match="Patient-x does not say what it is a parameter of"):
        with_definitions(EMPTY, package)


def test_the_module_has_a_table_to_make_anew(package: Path) -> None:
    module = MODULE.read_text(encoding="utf-8")
    made = with_definitions(module, package)

    assert "Patient token active gender\n" in made
    assert "Patient reference " in module
    assert "Patient reference " not in made
