"""Everything that is loaded reads back equal, in both formats, and two loaders at once lose nothing.

Over the emulator, whose tables take several writers: the project's sample, and the records of REAL_DATA if it
is given.
"""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.STU3 import get_fhir_model_class
from lxml import etree

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.fhir.resource_types import DATA_TABLES, Table, resource_type
from careconnect.storage.keys import CURSOR_KEY
from careconnect.storage.traces import is_trace
from careconnect_admin.loading.load import TypeCounts, load_paths
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_admin.sample.records import SAMPLE
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.exact_json import JsonNumber, json_text, parse_json
from careconnect_testing.aws.tables import create_table
from careconnect_testing.records.real_data import real_data

pytestmark = pytest.mark.integration

Items = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator without a stack: these tests need no more than tables."""
    with Emulator(tmp_path_factory.mktemp("emulator") / "emulator.log") as emulator:
        yield emulator


@pytest.fixture
def tables(emulator: Emulator) -> Iterator[RecordTables]:
    """Empty tables, gone after the test."""
    client = emulator.client("dynamodb")
    names = [f"read-back-{each}" for each in OUTPUTS]
    for resource, name in zip(OUTPUTS, names, strict=True):
        create_table(client, resource, name)
    yield RecordTables(client, *names)
    for name in names:
        client.delete_table(TableName=name)


@pytest.fixture(params=[None, *filter(None, [real_data()])], ids=lambda given: given.name if given else "sample")
def folder(request: pytest.FixtureRequest) -> Path:
    given: Path | None = request.param
    return given or SAMPLE


def items_of(tables: RecordTables, table: Table) -> Items:
    pages = tables.client.get_paginator("scan").paginate(TableName=tables.name(table))
    found = {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}
    found.pop(CURSOR_KEY)
    return found


def sources_in(folder: Path) -> list[dict[str, Any]]:
    lines = (line for path in sorted(folder.glob("*.ndjson")) for line in path.read_bytes().splitlines())
    return [parse_json(line.decode()) for line in lines]


def without_version(resource: dict[str, Any]) -> dict[str, Any]:
    meta = {name: value for name, value in resource["meta"].items() if name not in ("versionId", "lastUpdated")}
    bare = {name: value for name, value in resource.items() if name != "meta"}
    return bare | ({"meta": meta} if meta else {})


def without_narrative(resource: Any) -> Any:
    """Return a model without its narrative, in which the library writes some characters in another way."""
    return resource.model_copy(update={"text": None})


def leaves_of_json(node: Any, name: str = "") -> Iterator[str]:
    """Yield every primitive of a resource as XML would write it, narratives left out."""
    if isinstance(node, dict):
        for key, child in node.items():
            if key not in ("div", "resourceType"):
                yield from leaves_of_json(child, key)
    elif isinstance(node, list):
        for child in node:
            yield from leaves_of_json(child, name)
    elif isinstance(node, bool):
        yield str(node).lower()
    elif node is not None:
        yield node.literal if isinstance(node, JsonNumber) else str(node)


def leaves_of_xml(root: Any) -> Iterator[str]:
    for element in root.iter("{http://hl7.org/fhir}*"):
        yield from element.attrib.values()


@pytest.mark.long
def test_everything_reads_back_equal_in_both_formats(folder: Path, tables: RecordTables) -> None:
    sources = sources_in(folder)
    report = load_paths([folder], tables)
    assert not report.problems
    assert report.total == TypeCounts(loaded=len(sources))
    assert {name: each.present for name, each in report.counts.items()} == Counter(
        source["resourceType"] for source in sources
    )

    stored = {table: items_of(tables, table) for table in DATA_TABLES}
    for source in sources:
        served = resource_type(source["resourceType"])
        assert served is not None
        key = f"{served.name}/{source['id']}"
        body = parse_json(stored[served.table][key, "#json"]["body"]["S"])
        xml = resource_xml(stored[served.table][key, "#json"]["body"]["S"]).encode()

        assert list(body)[:3] == ["resourceType", "id", "meta"]
        assert json_text(without_version(body), sort_keys=True) == json_text(source, sort_keys=True), key
        # To the letter, as one reads it; and as a library of others reads it, structure and types included.
        assert Counter(leaves_of_xml(etree.fromstring(xml))) == Counter(leaves_of_json(body)), key
        model = get_fhir_model_class(served.name)
        assert without_narrative(model.model_validate_xml(xml)) == without_narrative(model.model_validate(body)), key
        narrative = body.get("text", {}).get("div", "")
        assert narrative in xml.decode(), key

    again = load_paths([folder], tables)
    assert again.total == TypeCounts(unchanged=len(sources))
    assert {table: items_of(tables, table) for table in DATA_TABLES} == stored


@pytest.mark.long
def test_index_entries_are_those_of_the_index_records(folder: Path, tables: RecordTables) -> None:
    load_paths([folder], tables)
    for table in DATA_TABLES:
        items = items_of(tables, table)
        listed = {
            (pk, sk)
            for (_, sort_key), item in items.items()
            if sort_key == "#index"
            for pk, sk in json.loads(item["entries"]["S"])
        }
        assert listed == {key for key in items if not key[1].startswith("#")}


def test_two_loaders_at_once_lose_nothing(tmp_path: Path, tables: RecordTables) -> None:
    """Each of two loads changes every resource while the other does: both changes become versions."""
    people, loaders = 60, ("ana", "bea")
    for loader in loaders:
        lines = [
            json.dumps({"resourceType": "Patient", "id": str(number), "name": [{"family": f"{loader}{number}"}]})
            for number in range(people)
        ]
        (tmp_path / f"{loader}.ndjson").write_text("\n".join(lines), encoding="utf-8")
    with ThreadPoolExecutor() as executor:
        loads = [
            executor.submit(load_paths, [tmp_path / f"{loader}.ndjson"], tables, clock=lambda: datetime.now(UTC))
            for loader in loaders
        ]
        assert [load.result().total for load in loads] == [TypeCounts(loaded=people)] * 2

    items = items_of(tables, Table.RECORD)
    for number in range(people):
        index = items[f"Patient/{number}", "#index"]
        assert index["version"] == {"N": "2"}
        (family,) = json.loads(index["values"]["S"])["name"]
        assert f'"family":"{family}"' in items[f"Patient/{number}", "#json"]["body"]["S"]
    # Of each patient one entry of the type, of the name, and of the last change: of the version before a trace is left.
    assert sum(is_trace(item) for item in items.values()) == people
    assert sum(not sort_key.startswith("#") for _, sort_key in items) == (3 + 1) * people
