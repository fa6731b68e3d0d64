"""The one table stands alone: a new search parameter is one row of it and a reindex, and no other code names one."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careconnect.fhir.resource_types import COMMON_PARAMETERS, DATA_TABLES, RESOURCE_TYPES, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.parts.stores import load, reader_in_memory
from careconnect_testing.records.few_records import write_records

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
TYPES = "layers/common/careconnect/fhir/resource_types"
TABLE = f"{TYPES}/record_types.py"
PACKAGES = (
    "layers/common/careconnect",
    "layers/records/careconnect_records",
    "functions/fhir/fhir_reader",
    "functions/discovery/service_discovery",
    "tools/careconnect_admin",
    "tests/support/careconnect_testing",
)
# STU3 defines it and no row has it; the values are of another path than its own.
NAME = "phonetic"
ROW = f'        string("{NAME}", "address.district"),\n'
SEARCHES = (f"Patient?{NAME}=leé", f"Patient?{NAME}:contains=ed", f"Patient?{NAME}=york", f"Patient?_sort={NAME}")
CHAIN = f"Observation?patient.{NAME}=leeds"
RECORDS: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "1", "address": [{"district": "Leeds"}]},
    {"resourceType": "Patient", "id": "2", "address": [{"district": "Bath"}]},
    {"resourceType": "Patient", "id": "3"},
    {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/1"},
    },
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("grown")


@pytest.fixture(scope="module")
def reported(folder: Path) -> dict[str, Any]:
    """Return the answers of a project copy with one more row in its table, for records loaded without that row."""
    tables = folder / "tables.json"
    with reader_in_memory() as reader:
        load(reader, write_records(folder, RECORDS))
        scanned = {table: reader.client.scan(TableName=reader.tables.name(table))["Items"] for table in DATA_TABLES}
        items = {
            table: [item for item in each if "values" in item or "body" in item] for table, each in scanned.items()
        }
        tables.write_text(json.dumps(items), encoding="utf-8")
    shutil.copytree(
        PROJECT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "node_modules", "docs"), dirs_exist_ok=True
    )
    table = folder / TABLE
    head, patient, rest = table.read_text(encoding="utf-8").partition('        "Patient",\n')
    table.write_text(head + patient + ROW + rest, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "careconnect_testing.records.grown_table", tables, folder, *SEARCHES, CHAIN],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str((folder / package).parent) for package in PACKAGES)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answered: dict[str, Any] = json.loads(ended.stdout)
    assert Path(answered["table"]) == table
    return answered


def test_the_table_has_no_such_row_yet() -> None:
    patient = resource_type("Patient")

    assert patient is not None
    assert patient.parameter(NAME) is None


def test_a_new_row_finds_nothing_until_the_tables_are_reindexed(reported: dict[str, Any]) -> None:
    before = reported["before"]

    assert sorted(before[SEARCHES[3]]["found"]) == ["Patient/1", "Patient/2", "Patient/3"]
    assert [before[search]["found"] for search in (*SEARCHES[:3], CHAIN)] == [[], [], [], []]


def test_a_new_row_and_a_reindex_are_a_search_parameter(reported: dict[str, Any]) -> None:
    answers = [reported["after"][search] for search in (*SEARCHES, CHAIN)]

    assert [each["found"] for each in answers] == [
        ["Patient/1"],
        ["Patient/1"],
        [],
        ["Patient/2", "Patient/1", "Patient/3"],
        ["Observation/o"],
    ]
    assert all(each["status"] == 200 and NAME in each["self"] for each in answers)


def test_a_new_row_is_in_every_document(reported: dict[str, Any], folder: Path) -> None:
    assert reported
    (rest,) = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))["rest"]
    stated = {one["name"]: one for each in rest["resource"] if each["type"] == "Patient" for one in each["searchParam"]}
    described = json.loads((folder / "openapi.json").read_text(encoding="utf-8"))["paths"][f"{FHIR_PATH}/Patient"]
    offered = {one.get("name"): one for one in described["get"]["parameters"]}
    collection = json.loads((folder / "postman/collection.json").read_text(encoding="utf-8"))
    (requests,) = (each["item"] for each in collection["item"] if each["name"] == "Patient")
    (request,) = (each["request"] for each in requests if each["name"] == f"Search by {NAME}")
    reference = (folder / "api.md").read_text(encoding="utf-8").splitlines()
    row = next(line for line in reference if line.startswith("| Patient | `"))

    for text in (stated[NAME]["documentation"], offered[NAME]["description"], request["description"]):
        assert all(f"`:{modifier}`" in text for modifier in ("exact", "contains", "missing"))
    assert request["url"]["query"][0]["key"] == NAME
    assert f"`{NAME}` (string)" in row


# ---------------------------------------------------------------- no other code names a type or a parameter

READERS = sorted(
    path
    for package in (
        *PACKAGES[:4],
        "functions/audit/access_auditor",
        "tools/careconnect_admin/loading",
        "tools/careconnect_admin/documents",
    )
    for path in (PROJECT / package).rglob("*.py")
    if not path.is_relative_to(PROJECT / TYPES)
)
TYPE_NAMES = {served.name for served in RESOURCE_TYPES}
PARAMETER_NAMES = {each.name for served in RESOURCE_TYPES for each in (*COMMON_PARAMETERS, *served.parameters)}
# Documents to read show examples of one patient; the schema and the invariants are STU3 rules that fhir.resources
# lacks; a role in an event is called Patient, too.
OTHERS_NAMES = ("schema.py", "invariants.py", "event_resource.py")
FOR_MACHINES = ("openapi", "capability_statement.py")
WITHOUT_EXAMPLES = [
    path
    for path in READERS
    if path.name not in OTHERS_NAMES
    if "documents" not in path.parts or not {*path.parts}.isdisjoint(FOR_MACHINES)
]


def of_project(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def compared(path: Path) -> Iterator[str]:
    """Yield the texts that a module compares with something's `name`, or asks a type's parameters for."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parameter":
            sides = [node.func, *node.args]
        if any(isinstance(side, ast.Attribute) and side.attr in ("name", "parameter") for side in sides):
            yield from (text for side in sides for text in texts(side))


def texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_the_check_sees_what_it_is_to_see(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'if one.name in ("patient", "subject"): pass\nif "_id" == it.name: pass\nserved.parameter("code")\n',
        encoding="utf-8",
    )

    assert sorted(compared(module)) == ["_id", "code", "patient", "subject"]


def test_no_module_asks_for_a_type_or_a_parameter_by_name() -> None:
    names = TYPE_NAMES | PARAMETER_NAMES

    assert {of_project(path): found for path in READERS if (found := names & set(compared(path)))} == {}


def test_no_module_holds_a_types_name() -> None:
    names = TYPE_NAMES | {f"{name}/" for name in TYPE_NAMES}
    held = {of_project(path): names & set(texts(ast.parse(path.read_text("utf-8")))) for path in WITHOUT_EXAMPLES}

    assert {path: found for path, found in held.items() if found} == {}
