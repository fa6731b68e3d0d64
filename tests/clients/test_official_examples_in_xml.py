"""HL7's own STU3 examples, written as XML and read again by the code that writes and reads: nothing is lost."""

import re
from collections import Counter
from typing import Any

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES, resource_type
from careconnect_records.parsing.exact_json import json_text, parse_json
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.stu3.schema import model_of
from careconnect_records.stu3.validation import InvalidResourceError, faults_of, validate
from careconnect_records.stu3.xml_source import parse_xml_body
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.page.node_clients import FOLDER

pytestmark = [pytest.mark.clients, pytest.mark.slow]

EXAMPLES = FOLDER / "node_modules/hl7.fhir.r3.examples"
RELATIVE_LINK = re.compile(r'(?<=href=\\")(?!https?:|mailto:|tel:|#)')
PICTURE = re.compile(r"(?:background-image: ?url\([^)]*\)|float: right);?|<img [^>]*>")
"""What HL7's narratives of its own definitions have and a stored one may not: pages beside them, pictures."""

EACH = 20
"""Examples of a type that is not served: most of HL7's are profiles and value sets."""


@pytest.fixture(scope="module")
def examples() -> dict[str, bytes]:
    """Every example, by the name of its file."""
    if not EXAMPLES.is_dir():
        pytest.fail("HL7's examples are not installed: run `make setup`", pytrace=False)
    return {path.name: path.read_bytes() for path in sorted(EXAMPLES.glob("*.json"))}


def survives_xml(resource: dict[str, Any]) -> bool:
    """Say whether JSON, XML, JSON again is equal to the digit, and that JSON's XML to the letter."""
    xml = xml_text(resource)
    read = parse_xml_body(xml.encode())
    return json_text(read, sort_keys=True) == json_text(resource, sort_keys=True) and xml_text(read) == xml


def test_every_example_of_a_served_type_is_valid_and_survives_xml(examples: dict[str, bytes]) -> None:
    types: set[str] = set()
    refused = {}
    different = []
    for name, body in examples.items():
        resource = parse_json_body(body)
        if resource_type(resource.get("resourceType", "")) is None:
            continue
        faults, broken = faults_of(resource)
        assert faults == []
        if broken:
            refused[name] = [fault.text.partition(":")[0] for fault in broken]
        types.add(resource["resourceType"])
        if not survives_xml(resource):
            different.append(name)

    assert different == []
    assert refused == {"Condition-f204.json": ["con-4"], "Patient-null.json": ["dom-1"]}
    assert types == {served.name for served in RESOURCE_TYPES}


@pytest.mark.long
def test_valid_examples_of_every_other_type_survive_xml(examples: dict[str, bytes]) -> None:
    different, valid, invalid = [], Counter[str](), 0
    for name, body in examples.items():
        text = RELATIVE_LINK.sub("http://hl7.org/fhir/STU3/", body.decode("utf-8-sig"))
        resource = parse_json(PICTURE.sub("", text))
        type_name = resource.get("resourceType", "")
        if model_of(type_name) is None or resource_type(type_name) is not None or valid[type_name] == EACH:
            continue
        try:
            validate(resource)
        except InvalidResourceError:
            # A few break rules (txt-2, invariants of data types, a code with white space, what is missing).
            invalid += 1
            continue
        valid[type_name] += 1
        if not survives_xml(resource):
            different.append(name)

    assert different == []
    assert len(valid) >= 100
    assert invalid < 50 < 500 < valid.total()
