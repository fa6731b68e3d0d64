"""HL7's own STU3 examples: all of the served types load, read back equal, and survive another library's XML.

The examples are those of npm's `hl7.fhir.r3.examples`; the XML is read by npm's `fhir`, which is given STU3's
types in its own form, as it ships those of R4.
"""

import copy
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

from careconnect.fhir.resource_types import RESOURCE_TYPES, resource_type
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.exact_json import json_text, parse_json
from careconnect_records.stu3.schema import model_of, shape_of
from careconnect_testing.http.api import Api
from careconnect_testing.http.client_service import Service
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.page.node_clients import FOLDER, Node
from careconnect_testing.records.generated import is_long_run

# Its own stack or records are made once a process.
pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.xdist_group("official-examples")]

EXAMPLES = FOLDER / "node_modules/hl7.fhir.r3.examples"
RELATIVE = re.compile(r"(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9.-]{1,64})(/_history/.+)?")
XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'

BROKEN = {
    # Its abatement is a string, and its clinicalStatus active.
    ("Condition", "f204"): "con-4",
    # Its contained Organization has a narrative.
    ("Patient", "without-id"): "dom-1",
}
"""The examples that break an invariant of STU3, with its key. HL7's other examples of the served types break none."""

Resource = dict[str, Any]
Bearer = Callable[[DemoClient], dict[str, str]]
Resources = dict[tuple[str, str], Resource]


@pytest.fixture(scope="module")
def examples(service: Service, record_tables: RecordTables, tmp_path_factory: pytest.TempPathFactory) -> Resources:
    """The examples of served types, loaded, by type and id."""
    found: Resources = {}
    for path in sorted(EXAMPLES.glob("*.json")):
        resource = parse_json(path.read_text(encoding="utf-8-sig"))
        if resource_type(resource.get("resourceType", "")) is not None:
            # The one Patient has no id, and so is no resource that a server holds yet.
            resource.setdefault("id", "without-id")
            found[resource["resourceType"], resource["id"]] = resource
    source = tmp_path_factory.mktemp("examples") / "examples.ndjson"
    source.write_text("".join(f"{json_text(resource)}\n" for resource in found.values()), encoding="utf-8")
    report = load_paths([source], record_tables, base_url=service.base, accept_invariants=True)
    assert not report.problems
    assert {key: each.count for key, each in report.accepted.items()} == dict.fromkeys(BROKEN.values(), 1)
    assert report.total.loaded == len(found)
    return found


@pytest.fixture
def writing(local_stack: LocalStack) -> Iterator[httpx.Client]:
    """A connection of a client of its own: all examples together draw half of a client's quota for a minute."""
    with httpx.Client(base_url=local_stack.base_url, timeout=30, trust_env=False) as connection:
        token = Api(local_stack, connection).register(f"examples-{uuid.uuid4()}", "user/*.read user/*.write")
        connection.headers["Authorization"] = f"Bearer {token}"
        yield connection


def test_there_are_examples_of_every_served_type(examples: Resources) -> None:
    assert {type_name for type_name, _ in examples} == {served.name for served in RESOURCE_TYPES}


def some(examples: Resources) -> Resources:
    """Return some of many types."""
    return dict(list(examples.items())[::8])


def part(examples: Resources) -> Resources:
    """Return the examples that are requested over HTTP: all in the long run, some in every run."""
    return examples if is_long_run() else some(examples)


def read(
    service: Service, headers: dict[str, str], examples: Resources, media_type: str
) -> Iterator[tuple[Resource, str]]:
    with httpx.Client(headers={**headers, "Accept": media_type}, timeout=30, trust_env=False) as client:
        for (type_name, resource_id), source in part(examples).items():
            answer = client.get(f"{service.fhir_base}/{type_name}/{resource_id}")
            assert answer.status_code == 200, f"{type_name}/{resource_id}: {answer.text}"
            yield source, answer.text


def test_every_example_reads_back_equal(service: Service, bearer: Bearer, examples: Resources) -> None:
    for source, text in read(service, bearer(service.secret_client), examples, "application/fhir+json"):
        assert without_server_meta(parse_json(text)) == without_server_meta(source)


def test_every_example_survives_xml_read_by_another(
    service: Service, bearer: Bearer, examples: Resources, node: Node, tmp_path: Path
) -> None:
    xml = tmp_path / "xml"
    xml.mkdir()
    for source, text in read(service, bearer(service.secret_client), examples, "application/fhir+xml"):
        assert text.startswith(XML_DECLARATION)
        (xml / f"{source['resourceType']}-{source['id']}.xml").write_text(text, encoding="utf-8")
    definitions = tmp_path / "definitions.json"
    definitions.write_text(json.dumps(stu3_definitions(types_in(examples))), encoding="utf-8")

    node("xml-to-json.js", str(definitions), str(xml), str(tmp_path / "json"))

    different = {
        f"{type_name}/{resource_id}"
        for (type_name, resource_id), source in part(examples).items()
        if not is_same(source, tmp_path / "json" / f"{type_name}-{resource_id}.json")
    }
    # Its `active` has an extension and no value, on which `fhir` 4.12.0 fails.
    assert different == {"Patient/without-id"} & {f"{type_name}/{id_}" for type_name, id_ in part(examples)}


def is_same(source: Resource, converted: Path) -> bool:
    if not converted.exists():
        return False
    resource = parse_json(converted.read_text(encoding="utf-8"))
    return bool(comparable(without_server_meta(resource)) == comparable(without_server_meta(source)))


@pytest.mark.long
@pytest.mark.parametrize("media_type", ["application/fhir+json", "application/fhir+xml"])
def test_every_example_is_created_and_reads_back_equal_in_both_formats(
    service: Service, writing: httpx.Client, examples: Resources, media_type: str
) -> None:
    changed = 0
    is_json = media_type.endswith("json")
    # That XML says the same is proved of all without a server (`test_official_examples_in_xml.py`).
    for source in (part(examples) if is_json else some(examples)).values():
        resource = copy.deepcopy(source)
        changed += leave_out_absent(resource, examples)
        text = json_text(resource) if is_json else XML_DECLARATION + xml_text(resource)
        created = writing.post(
            f"{service.fhir_base}/{source['resourceType']}", content=text.encode(), headers={"Content-Type": media_type}
        )
        if key := BROKEN.get((source["resourceType"], source["id"])):
            assert (created.status_code, f"{key}: " in created.text) == (422, True)
            continue
        assert created.status_code == 201, f"{source['resourceType']}/{source['id']}: {created.text}"
        location = created.headers["Location"].partition("/_history/")[0]
        as_json = writing.get(location, headers={"Accept": "application/fhir+json"}).text
        as_xml = writing.get(location, headers={"Accept": "application/fhir+xml"}).text
        stored = parse_json(as_json)
        wanted = {**without_server_meta(resource), "id": stored["id"]}
        assert comparable(without_server_meta(stored)) == comparable(wanted)
        assert as_xml == XML_DECLARATION + xml_text(stored)
        if is_json:
            assert without_server_meta(stored) == wanted
        assert writing.delete(location).status_code == 204
    assert changed > 0


def leave_out_absent(resource: Resource, examples: Resources) -> bool:
    """Remove the references to resources that are not on the server, and return True if there were any."""
    absent = [
        holder
        for holder in references_in(resource)
        if (literal := RELATIVE.fullmatch(holder["reference"])) and (literal["type"], literal["id"]) not in examples
    ]
    for holder in absent:
        del holder["reference"]
        # An element that is required stays, and says something.
        holder.setdefault("display", "Not on this server")
    return bool(absent)


def references_in(node: Any) -> Iterator[Resource]:
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node
        for child in node.values():
            yield from references_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from references_in(child)


def without_server_meta(resource: Resource) -> Resource:
    """Return the resource without the version and time that the server sets."""
    kept = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return rest | ({"meta": kept} if kept else {})


def comparable(element: Any) -> Any:
    """Bring narratives into XML's canonical form, without the white space between elements that `fhir` drops."""
    if isinstance(element, dict):
        return {
            name: etree.canonicalize(value, strip_text=True) if name == "div" else comparable(value)
            for name, value in element.items()
        }
    return [comparable(each) for each in element] if isinstance(element, list) else element


def types_in(examples: Resources) -> set[str]:
    contained = (each["resourceType"] for source in examples.values() for each in source.get("contained", ()))
    return {type_name for type_name, _ in examples} | set(contained)


def stu3_definitions(type_names: set[str]) -> dict[str, Any]:
    """Return STU3's types, and those of their elements, in the form that the `fhir` package parses definitions into."""
    definitions: dict[str, Any] = {}
    waiting = [model_of(name) for name in type_names]
    while waiting:
        model = waiting.pop()
        if model is None or model.__name__ in definitions:
            continue
        elements = shape_of(model).values()
        definitions[model.__name__] = {
            "_properties": [
                {
                    "_name": element.name,
                    "_type": element.primitive or element.type_class.__name__,
                    "_multiple": element.repeats,
                }
                for element in elements
            ]
        }
        waiting += [element.type_class for element in elements if not element.primitive]
    return definitions
