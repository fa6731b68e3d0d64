"""Resources as XML, compared with the reading of a library that others wrote."""

import json
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from fhir.resources import STU3
from fhir.resources.STU3 import get_fhir_model_class
from lxml import etree

from careconnect.fhir.rendering.xml_writer import FHIR, element_xml
from careconnect_records.parsing.exact_json import parse_json
from careconnect_records.stu3.schema import Element, shape_of
from careconnect_records.stu3.validation import validate
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.records.few_records import few_records


def rendered(resource: dict[str, Any] | str, *, pretty: bool = False) -> str:
    parsed = parse_json(resource if isinstance(resource, str) else json.dumps(resource))
    validate(parsed)
    return xml_text(parsed, pretty=pretty)


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "4", **elements}


def referring(**elements: Any) -> dict[str, Any]:
    """Return a Patient that refers to the resource c, which it contains."""
    return patient(managingOrganization={"reference": "#c"}, **elements)


def test_the_element_has_its_namespace_and_no_declaration() -> None:
    assert rendered(patient()) == f'<Patient xmlns="{FHIR}"><id value="4"/></Patient>'


def test_elements_stand_in_the_order_of_the_definition_whatever_the_sources() -> None:
    text = rendered(patient(birthDate="1980", gender="female", name=[{"given": ["A"], "family": "B"}], active=True))
    assert text == (
        f'<Patient xmlns="{FHIR}"><id value="4"/><active value="true"/>'
        '<name><family value="B"/><given value="A"/></name>'
        '<gender value="female"/><birthDate value="1980"/></Patient>'
    )


def test_decimals_keep_their_digits_and_lose_their_exponent() -> None:
    for literal, expected in (("1.10", "1.10"), ("7", "7"), ("-0.050", "-0.050"), ("1.5E2", "150"), ("1e-3", "0.001")):
        text = rendered(
            '{"resourceType":"Observation","status":"final","code":{"text":"x"},'
            f'"valueQuantity":{{"value":{literal}}}}}'
        )
        assert f'<valueQuantity><value value="{expected}"/></valueQuantity>' in text


@pytest.mark.parametrize(
    "instant", ["2017-11-20T09:20:00+00:00", "2017-11-20T09:20:00Z", "2017-11-20T09:20:00.100-05:00", "2017-11", "2017"]
)
def test_dates_stay_to_the_letter(instant: str) -> None:
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert f'<effectiveDateTime value="{instant}"/>' in rendered(observation | {"effectiveDateTime": instant})


def test_what_extends_a_primitive_stands_within_it() -> None:
    unknown = {"extension": [{"url": "urn:reason", "valueCode": "unknown"}]}
    text = rendered(
        patient(
            birthDate="1980",
            _birthDate={"id": "b"},
            _gender=unknown,
            name=[{"given": ["Ana", None], "_given": [None, unknown]}],
        )
    )
    inside = '<extension url="urn:reason"><valueCode value="unknown"/></extension>'
    assert f'<given value="Ana"/><given>{inside}</given>' in text
    assert f"<gender>{inside}</gender>" in text
    assert '<birthDate id="b" value="1980"/>' in text


def test_ids_of_elements_and_urls_of_extensions_are_attributes() -> None:
    text = rendered(
        patient(extension=[{"id": "e", "url": "urn:x", "valueBoolean": False}], name=[{"id": "n", "family": "A"}])
    )
    assert '<extension id="e" url="urn:x"><valueBoolean value="false"/></extension>' in text
    assert '<name id="n"><family value="A"/></name>' in text


def test_a_contained_resource_stands_within_contained() -> None:
    text = rendered(referring(contained=[{"resourceType": "Practitioner", "id": "c", "active": True}]))
    assert '<contained><Practitioner><id value="c"/><active value="true"/></Practitioner></contained>' in text


def test_a_narrative_is_taken_as_it_is_with_its_namespace() -> None:
    for div, expected in (
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p title="a>b">é</p></div>',) * 2,
        ("<div><p>a</p></div>", '<div xmlns="http://www.w3.org/1999/xhtml"><p>a</p></div>'),
        ('<div class="x">a</div>', '<div xmlns="http://www.w3.org/1999/xhtml" class="x">a</div>'),
        ("<div xmlns = 'http://www.w3.org/1999/xhtml'>a</div>",) * 2,
        ('<div title="a>b" xmlns="http://www.w3.org/1999/xhtml">a</div>',) * 2,
        ('<div title=" xmlns=">a</div>', '<div xmlns="http://www.w3.org/1999/xhtml" title=" xmlns=">a</div>'),
    ):
        text = rendered(patient(text={"status": "generated", "div": div}))
        assert f'<text><status value="generated"/>{expected}</text>' in text
        assert etree.fromstring(text).find(f"{{{FHIR}}}text/{{http://www.w3.org/1999/xhtml}}div") is not None


@pytest.mark.parametrize(
    "text", ["a & b < c > \"d\" 'e'", " lead and trail ", "line\nnext\r\n\ttab", "Muñoz 😀", "&amp;"]
)
def test_any_text_comes_back_from_the_attribute(text: str) -> None:
    root = etree.fromstring(rendered(patient(name=[{"text": text}])).encode())
    assert root.find(f"{{{FHIR}}}name/{{{FHIR}}}text").get("value") == text


def test_a_type_that_is_an_element_makes_no_resource() -> None:
    """ClaimPayee.resourceType is a Coding."""
    claim = {"resourceType": "Claim", "id": "c", "payee": {"resourceType": {"code": "patient"}, "type": {"text": "x"}}}
    text = rendered(referring(contained=[claim]))
    assert '<payee><type><text value="x"/></type><resourceType><code value="patient"/></resourceType></payee>' in text


def test_an_element_of_a_bundle_holds_a_whole_resource() -> None:
    entry = '{"fullUrl":"urn:x","resource":{"resourceType":"Patient","id":"4"},"search":{"mode":"match"}}'
    assert element_xml("entry", entry) == (
        '<entry><fullUrl value="urn:x"/><resource><Patient><id value="4"/></Patient></resource>'
        '<search><mode value="match"/></search></entry>'
    )


def test_xml_that_is_laid_out_has_a_line_for_each_element_and_narratives_to_the_letter() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml">\n  <pre>  two\n  lines </pre></div>'
    text = rendered(
        patient(
            text={"status": "generated", "div": div},
            contained=[{"resourceType": "Practitioner", "id": "c", "active": True}],
            name=[{"given": ["a", "b"]}],
            generalPractitioner=[{"reference": "#c"}],
        ),
        pretty=True,
    )
    assert (
        text
        == f"""<Patient xmlns="{FHIR}">
  <id value="4"/>
  <text>
    <status value="generated"/>
    {div}
  </text>
  <contained>
    <Practitioner>
      <id value="c"/>
      <active value="true"/>
    </Practitioner>
  </contained>
  <name>
    <given value="a"/>
    <given value="b"/>
  </name>
  <generalPractitioner>
    <reference value="#c"/>
  </generalPractitioner>
</Patient>"""
    )


@pytest.mark.parametrize("source", few_records(), ids=lambda source: f"{source['resourceType']}-{source['id']}")
def test_xml_that_is_laid_out_is_the_same_xml(source: dict[str, Any]) -> None:
    parser = etree.XMLParser(remove_blank_text=True)
    texts = (xml_text(source), xml_text(source, pretty=True))
    plain, pretty = (etree.tostring(etree.fromstring(text.encode(), parser), method="c14n") for text in texts)
    assert plain == pretty


def definitions() -> dict[str, dict[str, Element]]:
    """Return the elements of every type of STU3, those within types included, by the name of the type's class."""
    found: dict[str, dict[str, Element]] = {}
    modules = [import_module(f"{STU3.__name__}.{each.name}") for each in iter_modules(STU3.__path__) if not each.ispkg]
    waiting = [each for module in modules for each in vars(module).values() if hasattr(each, "elements_sequence")]
    while waiting:
        model = waiting.pop()
        if model.__name__ not in found:
            found[model.__name__] = shape_of(model)
            waiting += [each.type_class for each in found[model.__name__].values() if each.type_class]
    return found


@pytest.mark.long
def test_the_definitions_are_such_that_the_writer_needs_none() -> None:
    """What it tells by a member's name, or by its value, is so in every type of STU3."""
    elements = [(name, element) for name, shape in definitions().items() for element in shape.values()]
    assert len(elements) > 5_000

    def named(*names: str) -> list[tuple[str, Element]]:
        return [(name, element) for name, element in elements if element.name in names]

    assert not [name for name, element in elements if element.name.startswith("_")]
    assert {name for name, _ in named("div")} == {"Narrative"}
    assert not [name for name, element in named("resourceType") if element.primitive]
    extensions = [each for each in elements if each[1].type_class and each[1].type_class.__name__ == "Extension"]
    assert extensions == named("extension", "modifierExtension")
    attributes = [each for each in elements if each[1].attribute]
    of_resources = {name for name, shape in definitions().items() if "implicitRules" in shape}
    ids = [(name, element) for name, element in named("id") if name not in of_resources]
    assert attributes == [
        each for each in elements if each in ids or (each[0] == "Extension" and each[1].name == "url")
    ]


def test_a_library_of_others_reads_the_same_resource() -> None:
    resource = patient(
        meta={"profile": ["urn:p1", "urn:p2"], "tag": [{"system": "urn:t", "code": "c"}]},
        contained=[{"resourceType": "Organization", "id": "o", "name": "A & B"}],
        extension=[{"url": "urn:x", "extension": [{"url": "inner", "valuePeriod": {"start": "2020-01-01"}}]}],
        identifier=[
            {"use": "official", "type": {"coding": [{"code": "NH"}]}, "system": "urn:nhs", "value": "9990000018"}
        ],
        name=[{"family": "Antić", "given": ["Ana", "Bea"], "period": {"end": "2019-05"}}],
        multipleBirthInteger=2,
        managingOrganization={"reference": "#o"},
        link=[{"other": {"reference": "Patient/5"}, "type": "seealso"}],
    )
    model = get_fhir_model_class("Patient")
    assert model.model_validate_xml(rendered(resource).encode()) == model.model_validate(resource)
