"""Parts of resources, and resources laid out to be read (STU3 Search §2.21.1.10; `fhir.md`, Formats)."""

import json
import re
from typing import Any

import pytest
from fhir.resources.STU3 import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.rendering.indentation import pretty_json
from careconnect.fhir.rendering.views import View, show
from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.fhir.resource_types import RESOURCE_TYPES, resource_type
from careconnect_testing.parts.stores import Reader
from careconnect_testing.records.few_records import NARRATIVE, few_records
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.running.cases import each_of

FHIR = "{http://hl7.org/fhir}"
SUBSETTED = {"system": "http://hl7.org/fhir/v3/ObservationValue", "code": "SUBSETTED"}
ALWAYS = {"resourceType", "id", "meta"}


def elements_of_xml(text: str) -> list[str]:
    return [child.tag.removeprefix(FHIR) for child in etree.fromstring(text.encode())]


PATIENT = {"text", "identifier", "active", "name", "telecom", "gender", "birthDate", "address"} | {
    "generalPractitioner",
    "managingOrganization",
}

VIEWS: list[tuple[str, set[str]]] = [
    ("_summary=true", PATIENT - {"text", "generalPractitioner"}),
    ("_summary=text", {"text"}),
    ("_summary=data", PATIENT - {"text"}),
    ("_elements=gender", {"gender"}),
    ("_elements=gender,name", {"gender", "name"}),
    ("_elements= gender , name ", {"gender", "name"}),
    ("_elements=nonsense", set()),
    ("_elements=gender&_summary=text", {"gender"}),
]


@pytest.mark.parametrize(("query", "kept"), VIEWS)
def test_a_view_keeps_these_elements_and_says_that_it_is_a_part(reader: Reader, query: str, kept: set[str]) -> None:
    answer = reader.get("Patient/4", query)
    assert answer.json.keys() == kept | ALWAYS
    assert answer.json["meta"]["tag"] == [SUBSETTED]
    assert answer.json["meta"]["versionId"] == "1"
    in_bundle = reader.get("Patient", f"_id=4&{query}").json["entry"][0]["resource"]
    assert in_bundle == answer.json

    as_xml = reader.get("Patient/4", f"{query}&_format=xml").text
    assert set(elements_of_xml(as_xml)) == kept | ALWAYS - {"resourceType"}
    assert '<tag><system value="http://hl7.org/fhir/v3/ObservationValue"' in as_xml
    valid_json(answer.text, "Patient")
    valid_xml(as_xml, "Patient")


@pytest.mark.parametrize("query", ["", "_summary=false", "_elements=", "_summary="])
def test_a_whole_resource_is_not_marked(reader: Reader, query: str) -> None:
    assert "tag" not in reader.get("Patient/4", query).json["meta"]


@each_of("query", ["_summary=true", "_summary=text", "_elements=id"])
@each_of("source", few_records())
def test_a_part_of_any_resource_is_valid_and_has_what_is_mandatory(
    reader: Reader, source: dict[str, Any], query: str
) -> None:
    name = source["resourceType"]
    answer = reader.get(f"{name}/{source['id']}", query)

    served = resource_type(name)
    assert served is not None
    assert answer.json.keys() >= served.mandatory & source.keys()
    valid_json(answer.text, name)
    valid_xml(reader.get(f"{name}/{source['id']}", f"{query}&_format=xml").text, name)


@pytest.mark.parametrize("element", ["effective", "effective[x]", "effectiveDateTime"])
def test_a_choice_of_types_goes_by_its_own_name(reader: Reader, element: str) -> None:
    assert "effectiveDateTime" in reader.get("Observation/o1", f"_elements={element}").json


def test_parts_keep_their_digits_and_letters(reader: Reader) -> None:
    assert '"value":36.10' in reader.get("Observation/o1", "_elements=value").text
    assert "°C" in reader.get("Observation/o1", "_summary=true").text
    assert "Muñoz" in reader.get("Patient/5", "_elements=name&_format=xml").text


def test_what_stands_beside_a_primitive_stays_with_it() -> None:
    patient = resource_type("Patient")
    assert patient is not None
    body = '{"resourceType":"Patient","id":"1","_birthDate":{"extension":[]},"_gender":{"id":"a"},"gender":"male"}'

    shown = json.loads(show(body, patient, View(Format.JSON, elements=("gender",))))
    assert shown.keys() == {"resourceType", "id", "meta", "gender", "_gender"}
    assert shown["meta"] == {"tag": [SUBSETTED]}


MARK = json.dumps(SUBSETTED, separators=(",", ":"))


@pytest.mark.parametrize(
    ("members", "shown"),
    [
        ('"id":"1",', f'"id":"1","meta":{{"tag":[{MARK}]}},'),
        ("", f'"meta":{{"tag":[{MARK}]}},'),
        ('"id":"1","meta":{"tag":[{"code":"a"}]},', f'"id":"1","meta":{{"tag":[{{"code":"a"}},{MARK}]}},'),
        (
            '"meta":{"extension":[{"valueDecimal":1.10}]},',
            f'"meta":{{"extension":[{{"valueDecimal":1.10}}],"tag":[{MARK}]}},',
        ),
    ],
)
def test_the_cutoff_stands_at_its_place_and_leaves_what_is_beside_it(members: str, shown: str) -> None:
    patient = resource_type("Patient")
    assert patient is not None
    body = f'{{"resourceType":"Patient",{members}"gender":"male","active":true}}'

    part = show(body, patient, View(Format.JSON, elements=("gender",)))
    assert part == f'{{"resourceType":"Patient",{shown}"gender":"male"}}'


def test_every_summary_and_mandatory_element_is_one_of_its_type() -> None:
    for each in RESOURCE_TYPES:
        fields = {field.alias or name for name, field in get_fhir_model_class(each.name).model_fields.items()} | {
            "resourceType"
        }
        assert each.summary <= fields, each.name
        assert each.mandatory <= each.summary, each.name


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES, st.booleans())
def test_pretty_json_is_the_same_json_and_laid_out_as_pythons(value: Any, ascii_only: bool) -> None:
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_only)

    assert pretty_json(compact) == json.dumps(value, indent=2, ensure_ascii=ascii_only)


@pytest.mark.parametrize("number", ["1.10", "1.0e-3", "-0.00", "36.100", "1E+2", "12345678901234567890.10"])
def test_pretty_json_keeps_a_numbers_digits(number: str) -> None:
    assert pretty_json(f'{{"value":{number}}}') == f'{{\n  "value": {number}\n}}'


@pytest.mark.parametrize("query", ["", "_pretty=true", "_format=xml", "_format=xml&_pretty=true"])
@pytest.mark.parametrize(
    "path", ["Patient?_id=4,5", "Patient/4/_history", "Patient?_summary=count", "Patient?_id=x&y=1"]
)
def test_a_bundle_is_one_text_in_any_form(reader: Reader, path: str, query: str) -> None:
    path, _, asked = path.partition("?")
    read_all = reader.get(path, asked).text
    shown = reader.get(path, f"{asked}&{query}").text
    # What its own link says of the form.
    shown = re.sub(r"(&amp;|[?&])_(format|pretty)=\w+", "", shown)

    pretty = "pretty" in query
    if "xml" in query:
        assert shown == '<?xml version="1.0" encoding="UTF-8"?>' + resource_xml(read_all, pretty=pretty)
    else:
        assert shown == (pretty_json(read_all) if pretty else read_all)


def test_a_pretty_answer(reader: Reader) -> None:
    text = reader.get("Observation/o1", "_pretty=true").text
    assert text.startswith('{\n  "resourceType": "Observation",\n  "id": "o1",\n  "meta": {\n    "versionId": "1",')
    assert '"value": 36.10' in text
    assert reader.get("Observation/o1", "_pretty=false").text == reader.get("Observation/o1").text
    bundle = reader.get("Patient", "_pretty=true&_format=xml").text
    assert NARRATIVE in bundle
    assert "\n  <entry>\n    <fullUrl" in bundle
    valid_xml(bundle, "Bundle")


@each_of("path", ["Observation/o1", "Observation", "Patient/4/$everything"])
@each_of(
    "query",
    [
        "_pretty=maybe",
        "_summary=some",
        "_elements=a%20b",
        "_pretty:exact=true",
        "_summary:not=true",
        "_elements:x=id",
        "_pretty=maybe&_pretty=true",
        "_summary=bad&_summary=true",
        "_elements=!!&_elements=id",
    ],
)
def test_every_interaction_refuses_a_malformed_result_parameter(reader: Reader, path: str, query: str) -> None:
    answer = reader.get(path, query)

    assert answer.status == 400
    assert answer.issue["diagnostics"].startswith(query.partition("=")[0].partition(":")[0] + ": ")


@pytest.mark.parametrize("query", ["_count=many&_sort=-", "_include=x", "_pretty=&_summary=&_elements="])
def test_a_read_ignores_what_is_asked_of_searches_and_what_has_no_value(reader: Reader, query: str) -> None:
    assert reader.get("Observation/o1", query).text == reader.get("Observation/o1").text


@pytest.mark.parametrize("path", ["Observation/o1", "Observation/nope"])
def test_an_answer_and_an_error_take_the_same_format(reader: Reader, path: str) -> None:
    for query in ("_format=xml&_format=", "_format=json&_format=xml"):
        assert reader.get(path, query).headers["Content-Type"].startswith("application/fhir+xml")
