"""XML read into what its JSON would be read into."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_records.parsing.exact_json import JsonNumber, json_text, parse_json
from careconnect_records.parsing.faults import Fault, InvalidResourceError, UnreadableBodyError
from careconnect_records.parsing.narrative import MARKUP
from careconnect_records.stu3.element_order import in_order
from careconnect_records.stu3.schema import Element, model_of, shape_beside_primitive, shape_of
from careconnect_records.stu3.validation import faults_of as all_faults_of
from careconnect_records.stu3.validation import validate
from careconnect_records.stu3.xml_source import parse_xml_body
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.records.generated import cases
from careconnect_testing.running.cases import each_of

FHIR, XHTML = "http://hl7.org/fhir", "http://www.w3.org/1999/xhtml"


_MAX_LEVELS = 3

_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r<&>\"'"),
    min_size=1,
    max_size=6,
).filter(str.strip)
_INTEGERS = st.integers(min_value=1, max_value=2**31 - 1)
_DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,9})\.[0-9]{1,12}", fullmatch=True).map(JsonNumber)
_NARRATIVES = st.sampled_from(
    [
        '<div xmlns="http://www.w3.org/1999/xhtml">a</div>',
        "<div  xmlns='http://www.w3.org/1999/xhtml'\r\n><p title='>'>&#233;<br />\r\n</p></div >",
        '<div xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><table><tr><td>é 😀</td></tr></table></div>',
    ]
)
_BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "base64Binary": st.binary(min_size=3, max_size=3).map(lambda data: data.hex()[:4]),
    "boolean": st.booleans(),
    "code": st.sampled_from(["en", "a b"]),
    "date": st.sampled_from(["1980", "1980-02", "1980-02-29"]),
    "dateTime": st.sampled_from(["1980", "1980-02", "1980-02-29", "1980-02-29T10:00:00.100+01:00"]),
    "decimal": _DECIMALS | _INTEGERS,
    "id": st.sampled_from(["4", "a-b.C"]),
    "instant": st.just("2016-12-31T23:59:60Z"),
    "integer": _INTEGERS | st.integers(min_value=-(2**31), max_value=0),
    "oid": st.just("urn:oid:1.2.3"),
    "positiveInt": _INTEGERS,
    "time": st.sampled_from(["10:00:00", "10:00:00.5"]),
    "unsignedInt": _INTEGERS | st.just(0),
    "uri": st.sampled_from(["urn:x", "http://example.org/a?b&c", "é"]),
    "uuid": st.just("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    "xhtml": _NARRATIVES,
}


@st.composite
def made_up_resources(draw: st.DrawFn) -> dict[str, Any]:
    """Return a valid resource as parsed JSON, with no more `null`s than its arrays need."""
    return _resource(draw, draw(st.sampled_from([served.name for served in RESOURCE_TYPES])), _MAX_LEVELS)


def _resource(draw: st.DrawFn, type_name: str, levels: int) -> dict[str, Any]:
    return {"resourceType": type_name, **_node(draw, shape_of(model_of(type_name)), levels)}


def _node(draw: st.DrawFn, shape: dict[str, Element], levels: int) -> dict[str, Any]:
    node: dict[str, Any] = {}
    for element in _chosen(draw, shape, levels):
        if not element.primitive:
            items = [_complex(draw, element, levels - 1) for _ in range(_times(draw, element))]
            node[element.name] = items if element.repeats else items[0]
            continue
        pairs = [_primitive(draw, element, levels - 1) for _ in range(_times(draw, element))]
        for name, column in ((element.name, 0), (f"_{element.name}", 1)):
            values = [pair[column] for pair in pairs]
            if any(value is not None for value in values):
                node[name] = values if element.repeats else values[0]
    return node


def _times(draw: st.DrawFn, element: Element) -> int:
    return draw(st.integers(min_value=1, max_value=2)) if element.repeats else 1


def _chosen(draw: st.DrawFn, shape: dict[str, Element], levels: int) -> list[Element]:
    """Return the required elements, a few others, and one form of each choice."""
    some = draw(st.sets(st.sampled_from(sorted(shape)), min_size=1, max_size=4)) if levels > 0 else set()
    chosen: list[Element] = []
    choices: set[str] = set()
    for element in sorted(shape.values(), key=lambda each: each.name not in some):
        wanted = element.required or element.name in some
        if not wanted or element.choice in choices or (element.type_class and levels <= 0 and not element.required):
            continue
        if element.choice:
            choices.add(element.choice)
        chosen.append(element)
    if not chosen:
        # No element may be empty: take the first primitive, which ends the recursion.
        chosen.append(next(element for element in shape.values() if element.primitive))
    return chosen


def _complex(draw: st.DrawFn, element: Element, levels: int) -> dict[str, Any]:
    if element.type_class.__name__ == "Resource":
        return _resource(draw, draw(st.sampled_from(["Basic", "Practitioner", "Medication"])), levels)
    return _node(draw, element.shape, levels)


def _primitive(draw: st.DrawFn, element: Element, levels: int) -> tuple[Any, Any]:
    """Return a value and the content of its `_` member, of which one may be None."""
    value = draw(st.sampled_from(sorted(element.codes)) if element.codes else _BY_TYPE.get(element.primitive, _TEXT))
    if not element.extends or levels <= 0 or not draw(st.booleans()):
        return value, None
    beside = _node(draw, shape_beside_primitive(), levels)
    # An extension may replace a value, but not that of a required choice, according to the models.
    is_replaced = "extension" in beside and not element.choice and draw(st.booleans())
    return (None if is_replaced else value), beside


def patient(inside: str) -> dict[str, Any]:
    """Read a Patient with these elements."""
    return parse_xml_body(f'<Patient xmlns="{FHIR}">{inside}</Patient>'.encode())


def faults_of(resource: dict[str, Any]) -> list[Fault]:
    with pytest.raises(InvalidResourceError) as caught:
        validate(resource)
    return list(caught.value.faults)


@pytest.mark.parametrize(
    ("inside", "json"),
    [
        ("", "{}"),
        ('<id value="4"/><active value="true"/>', '{"id":"4","active":true}'),
        (
            '<name id="n"><family value="A &amp; B"/><given value="Ana"/><given value="B&#10;C"/></name><name/>',
            '{"name":[{"id":"n","family":"A & B","given":["Ana","B\\nC"]},{}]}',
        ),
        (
            '<name><given value="Ana"/><given><extension url="u"><valueCode value="c"/></extension></given></name>',
            '{"name":[{"given":["Ana",null],"_given":[null,{"extension":[{"url":"u","valueCode":"c"}]}]}]}',
        ),
        ('<name><given id="a"/></name>', '{"name":[{"_given":[{"id":"a"}]}]}'),
        ('<birthDate id="b" value="1980"/>', '{"birthDate":"1980","_birthDate":{"id":"b"}}'),
        ('<birthDate><extension url="u"/></birthDate>', '{"_birthDate":{"extension":[{"url":"u"}]}}'),
        (
            '<contained><Practitioner><id value="gp"/></Practitioner></contained><contained><Basic/></contained>',
            '{"contained":[{"resourceType":"Practitioner","id":"gp"},{"resourceType":"Basic"}]}',
        ),
        ('<multipleBirthInteger value="+2"/>', '{"multipleBirthInteger":2}'),
        (
            '<extension url="u"><valueDecimal value="-1.10"/></extension>',
            '{"extension":[{"url":"u","valueDecimal":-1.10}]}',
        ),
        ('<extension url="u"><valueDecimal value="7"/></extension>', '{"extension":[{"url":"u","valueDecimal":7}]}'),
        ('\n <!-- a --> <?pi?>\t<gender value="male"/>\r\n<![CDATA[ ]]>', '{"gender":"male"}'),
    ],
)
def test_elements_become_members(inside: str, json: str) -> None:
    assert json_text({"resourceType": "Patient", **parse_json(json)}) == json_text(patient(inside))


def test_a_bundle_holds_whole_resources() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
                "resource": {"resourceType": "Patient", "name": [{"given": ["A"]}]},
                "request": {"method": "POST", "url": "Patient"},
            },
            {"request": {"method": "DELETE", "url": "Patient/4"}},
        ],
    }
    assert parse_xml_body(xml_text(bundle).encode()) == bundle


@pytest.mark.parametrize(
    "document",
    [
        b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n<Patient xmlns="http://hl7.org/fhir"/>\n<!-- end -->',
        b'<f:Patient xmlns:f="http://hl7.org/fhir"/>',
        b"""<Patient xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
            xsi:schemaLocation="http://hl7.org/fhir ../fhir-all.xsd"/>""",
    ],
)
def test_the_document_around_the_resource_is_not_content(document: bytes) -> None:
    assert parse_xml_body(document) == {"resourceType": "Patient"}


DOCTYPE = "XML with a document type is not taken (line 1, column {})"
NOT_XML = "the body is not well-formed XML: {} (line 1, column {})"
NO_RESOURCE = f"the body is not a resource of STU3: its root is a type's name in the namespace {FHIR}"
DEEP = "the body is nested too deeply"
CHARACTER = "reference to invalid character number"
LAUGHS = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "the body is empty"),
        (" \n", "the body is empty"),
        ("{}", NOT_XML.format("invalid token", 1)),
        (f'<Patient xmlns="{FHIR}">', NOT_XML.format("no element found", 38)),
        (f'<Patient xmlns="{FHIR}"/><Patient xmlns="{FHIR}"/>', NOT_XML.format("junk after document element", 39)),
        (f'<Patient xmlns="{FHIR}"><id value="4" value="5"/></Patient>', NOT_XML.format("duplicate attribute", 52)),
        (f'<Patient xmlns="{FHIR}"><id value="&nbsp;"/></Patient>', NOT_XML.format("undefined entity", 38)),
        (
            f'<Patient xmlns="{FHIR}"><id value="&#1;"/></Patient>',
            NOT_XML.format(CHARACTER, 49),
        ),
        (f'<Patient xmlns="{FHIR}"><id value="\ufffe"/></Patient>', NOT_XML.format("invalid token", 49)),
        (f'\ufeff<Patient xmlns="{FHIR}" é="&😀"/>', NOT_XML.format("invalid token", 42)),
        (
            f'<Patient xmlns="{FHIR}">\r\n<é>😀</b>',
            "the body is not well-formed XML: mismatched tag (line 2, column 7)",
        ),
        (f'<Patient xmlns="{FHIR}"><x:id value="1"/></Patient>', NOT_XML.format("unbound prefix", 38)),
        (
            f'<?xml version="1.0" encoding="ISO-8859-1"?><Patient xmlns="{FHIR}"/>',
            "XML in another encoding than UTF-8 is not taken (line 1, column 1)",
        ),
        (f'<!DOCTYPE Patient><Patient xmlns="{FHIR}"/>', DOCTYPE.format(18)),
        (f'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Patient xmlns="{FHIR}"/>', DOCTYPE.format(40)),
        (f'{LAUGHS}<Patient xmlns="{FHIR}"><id value="&b;"/></Patient>', DOCTYPE.format(13)),
        ("<Patient/>", NO_RESOURCE),
        ('<Patient xmlns="urn:else"/>', NO_RESOURCE),
        (f'<Nothing xmlns="{FHIR}"><id value="4"/></Nothing>', NO_RESOURCE),
        (f'<HumanName xmlns="{FHIR}"/>', NO_RESOURCE),
        ("<a>" * 100_000, "the body is nested too deeply (line 1, column 193)"),
        (
            f'<Patient xmlns="{FHIR}">' + '<extension url="u">' * 64,
            f"{DEEP} (line 1, column 1235)",
        ),
        # 33 extensions are 65 levels of objects and arrays.
        (
            f'<Patient xmlns="{FHIR}">' + '<extension url="u">' * 32 + "</extension>" * 32 + "</Patient>",
            DEEP,
        ),
        (
            f'<Patient xmlns="{FHIR}"><text><div xmlns="{XHTML}">' + "<b>" * 64,
            DEEP,
        ),
    ],
)
def test_what_is_no_resource_is_refused_in_fixed_words(document: str, reason: str) -> None:
    with pytest.raises(UnreadableBodyError) as caught:
        parse_xml_body(document.encode())
    assert str(caught.value) == reason


def test_other_encodings_are_refused() -> None:
    for encoding in ("utf-16", "latin-1"):
        with pytest.raises(UnreadableBodyError, match=r"not UTF-8 \(line 1, column \d+\)"):
            parse_xml_body(f'<Patient xmlns="{FHIR}"><id value="é"/></Patient>'.encode(encoding))
    for encoding, column in (("utf-16-le", 2), ("utf-16-be", 1)):
        with pytest.raises(UnreadableBodyError) as caught:
            parse_xml_body(f'<Patient xmlns="{FHIR}"/>'.encode(encoding))
        assert str(caught.value) == NOT_XML.format("invalid token", column)


def test_f1_a_surrogate_in_utf_8_is_refused_with_its_place() -> None:
    with pytest.raises(UnreadableBodyError, match=r"^the body is not UTF-8 \(line 2, column 13\)$"):
        parse_xml_body(f'<Patient xmlns="{FHIR}">\n<id value="é\ud800"/></Patient>'.encode(errors="surrogatepass"))


def test_as_many_levels_as_json_may_have() -> None:
    body = patient('<extension url="u">' * 31 + "</extension>" * 31)
    assert parse_xml_body(xml_text(body).encode()) == body


NO_ELEMENT = "holds something that is no element of it"


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ('<nickname value="A"/>', Fault("invalid", "Patient.nickname", "Patient has no element nickname.")),
        (
            '<name><nick value="A"><x/></nick></name>',
            Fault("invalid", "Patient.name[0].nick", "name[0] has no element nick."),
        ),
        ('<resourceType value="A"/>', Fault.at("Patient", "invalid", NO_ELEMENT)),
        ('<_birthDate id="b"/>', Fault.at("Patient", "invalid", NO_ELEMENT)),
        ('<x:gender xmlns:x="urn:x" value="male"/>', Fault.at("Patient", "invalid", NO_ELEMENT)),
        ('<gender xmlns="" value="male"/>', Fault.at("Patient", "invalid", NO_ELEMENT)),
        ('<gender value="male" other="x"/>', Fault.at("Patient.gender", "invalid", NO_ELEMENT)),
        ('<gender value="male" xmlns:x="urn:x" x:value="x"/>', Fault.at("Patient.gender", "invalid", NO_ELEMENT)),
        (
            '<gender value="male"><coding/></gender>',
            Fault("invalid", "Patient.gender.coding", "gender has no element coding."),
        ),
        ('<gender value="male">male</gender>', Fault.at("Patient.gender", "invalid", NO_ELEMENT)),
        ('<name value="A"/>', Fault.at("Patient.name[0]", "invalid", NO_ELEMENT)),
        ('<name><id value="A"/></name>', Fault.at("Patient.name[0]", "invalid", NO_ELEMENT)),
        ('<name>A<family value="A"/></name>', Fault.at("Patient.name[0]", "invalid", NO_ELEMENT)),
        (
            '<gender value="male"/><name><family value="A"/></name>',
            Fault.at("Patient.gender", "invalid", "is out of order: it has to follow name"),
        ),
        (
            '<gender value="male"/><gender value="female"/>',
            Fault.at("Patient.gender", "invalid", "is an array, where one value may stand"),
        ),
        (
            '<gender value="male"/><gender><extension url="u"><valueCode value="c"/></extension></gender>',
            Fault.at("Patient.gender", "invalid", "is an array, where one value may stand"),
        ),
        (
            '<gender><extension url="u"><valueCode value="c"/></extension></gender><gender value="male"/>',
            Fault.at("Patient.gender", "invalid", "is an array, where one value may stand"),
        ),
        (
            '<maritalStatus><text value="a"/></maritalStatus><maritalStatus><text value="a"/></maritalStatus>',
            Fault.at("Patient.maritalStatus", "invalid", "is an array, where one element may stand"),
        ),
        ('<id value="4" id="x"/>', Fault.at("Patient.id", "invalid", "cannot be extended")),
        ("<name/>", Fault.at("Patient.name[0]", "invalid", "ele-1: has neither a value nor children")),
        ("<gender/>", Fault.at("Patient.gender", "invalid", "is null, which only holds a place in an array")),
        (
            "<name><given/></name>",
            Fault.at("Patient.name[0].given[0]", "invalid", "is null, without a value or an extension"),
        ),
        ('<gender value=""/>', Fault.at("Patient.gender", "value", "is not a text with characters")),
        ('<active value="TRUE"/>', Fault.at("Patient.active", "value", "is not true or false")),
        ('<multipleBirthInteger value="2.0"/>', Fault.at("Patient.multipleBirthInteger", "value", "is not a number")),
        ('<multipleBirthInteger value="02"/>', Fault.at("Patient.multipleBirthInteger", "value", "is not a number")),
        (
            '<extension url="u"><valueDecimal value="1e3"/></extension>',
            Fault.at("Patient.extension[0].valueDecimal", "value", "is not a number"),
        ),
        (
            f'<extension url="u"><valueDecimal value="{"1" * 101}"/></extension>',
            Fault.at("Patient.extension[0].valueDecimal", "value", "is not a number"),
        ),
        (
            '<extension><url value="u"/><valueCode value="c"/></extension>',
            Fault.at("Patient.extension[0]", "invalid", NO_ELEMENT),
        ),
        ("<contained/>", Fault.at("Patient.contained[0]", "invalid", "is not a resource of STU3")),
        (
            "<contained><HumanName/></contained>",
            Fault.at("Patient.contained[0]", "invalid", "is not a resource of STU3"),
        ),
        ('<contained id="x"><Basic/></contained>', Fault.at("Patient.contained[0]", "invalid", NO_ELEMENT)),
        ("<contained><Basic/><Basic/></contained>", Fault.at("Patient.contained[0]", "invalid", NO_ELEMENT)),
        ("<contained>A<Basic/></contained>", Fault.at("Patient.contained[0]", "invalid", NO_ELEMENT)),
        (f'<div xmlns="{XHTML}">a</div>', Fault.at("Patient", "invalid", NO_ELEMENT)),
        (
            '<text><status value="empty"/><div>a</div></text>',
            Fault.at("Patient.text.div", "required", "is missing: every text needs one"),
        ),
        (
            f'<text><status value="empty"/><p xmlns="{XHTML}">a</p></text>',
            Fault.at("Patient.text.div", "required", "is missing: every text needs one"),
        ),
    ],
)
def test_what_is_no_fhir_is_reported_by_the_validation_at_its_place(inside: str, fault: Fault) -> None:
    assert fault in faults_of(patient(inside))


def test_what_is_no_fhir_is_reported_with_all_else() -> None:
    faults = faults_of(patient('<gender value="f"/><nickname/><birthDate value="1.1.2000"/>'))
    assert {fault.expression for fault in faults} == {"Patient.gender", "Patient.nickname", "Patient.birthDate"}


def narrative(inside: str, namespaces: str = "") -> str:
    document = f'<Patient xmlns="{FHIR}" {namespaces}><text><status value="generated"/>{inside}</text></Patient>'
    return str(parse_xml_body(document.encode())["text"]["div"])


@pytest.mark.parametrize(
    "div",
    [
        f'<div xmlns="{XHTML}">a</div>',
        f"<div\n xmlns='{XHTML}' ><p title='a>b'>&#233;é&lt;<br />\r\n</p ></div\n>",
        f'<div xmlns="{XHTML}" xmlns:x="{XHTML}"><x:b>a</x:b></div>',
        f'<div xmlns="{XHTML}" xml:lang="en"><div><div>a</div></div></div>',
    ],
)
def test_a_narrative_is_preserved_to_the_letter(div: str) -> None:
    assert narrative(div) == narrative(f" {div} ") == div
    assert narrative(div, f'xmlns:x="{XHTML}"') == div


@pytest.mark.parametrize(
    ("div", "expected"),
    [
        ("<x:div>a</x:div>", "<div>a</div>"),
        (
            '<x:div xml:lang="en"><x:p title="a&quot;&lt;&#10;&#13;b">&amp;&lt;>&#13;</x:p></x:div>',
            '<div xml:lang="en"><p title="a&quot;&lt;&#10;&#13;b">&amp;&lt;&gt;&#13;</p></div>',
        ),
        (f'<div xmlns="{XHTML}"><x:b>a<x:br/></x:b></div>', "<div><b>a<br></br></b></div>"),
    ],
)
def test_a_narrative_that_leans_on_the_document_is_written_anew(div: str, expected: str) -> None:
    written = narrative(div, f'xmlns:x="{XHTML}"')
    assert written == expected.replace("<div", f'<div xmlns="{XHTML}"', 1)
    validate({"resourceType": "Patient", "text": {"status": "generated", "div": written}})


@each_of("markup", ["<!-- c -->", "<![CDATA[<]]>", "<?pi x?>"])
@pytest.mark.parametrize("div", ['<div xmlns="{}">a{}</div>', '<x:div xmlns:x="{}"><x:p>a{}</x:p></x:div>'])
def test_m6_markup_that_browsers_read_otherwise_is_refused_in_xml(div: str, markup: str) -> None:
    body = f'<Patient xmlns="{FHIR}"><text><status value="generated"/>{div.format(XHTML, markup)}</text></Patient>'
    with pytest.raises(UnreadableBodyError) as caught:
        parse_xml_body(body.encode())
    assert str(caught.value) == f"a narrative {MARKUP} (line 1, column {body.index(markup) + 1})"


@pytest.mark.parametrize(
    "div",
    [
        "<x:div><script xmlns='urn:y'>a</script></x:div>",
        "<x:div xmlns:y='urn:y' y:title='a'>a</x:div>",
        "<x:div onclick='a'>a</x:div>",
        "<x:div/>",
        f'<div xmlns="{XHTML}" xmlns:y="{XHTML}"><y:b>a</y:b></div>',
        "<x:div>a</x:div><x:div>b</x:div>",
    ],
)
def test_what_a_narrative_may_not_hold_is_no_better_in_xml(div: str) -> None:
    body = patient(f'<text xmlns:x="{XHTML}"><status value="generated"/>{div}</text>')
    assert [fault.expression for fault in faults_of(body)] == ["Patient.text.div"]


@settings(max_examples=cases(400))
@given(made_up_resources())
def test_what_is_written_as_xml_is_read_as_the_same_json(resource: dict[str, Any]) -> None:
    faults, _broken_invariants = all_faults_of(resource)
    assert faults == []
    stored = json_text(in_order(resource))
    read = parse_xml_body(resource_xml(stored).encode())
    assert json_text(in_order(read)) == stored
    assert json_text(read, sort_keys=True) == json_text(resource, sort_keys=True)


_PIECES = st.sampled_from(
    [
        *(f'<Patient xmlns="{FHIR}">', "</Patient>", "<name>", "</name>", '<family value="A"/>', "<given>", "</given>"),
        *(
            "<contained>",
            "</contained>",
            f'<text xmlns="{FHIR}">',
            "</text>",
            f'<div xmlns="{XHTML}">',
            "</div>",
            "<b/>",
        ),
        *(
            "<!DOCTYPE x>",
            "&lt;",
            "&x;",
            "<!-- -->",
            "<?x ?>",
            "<![CDATA[",
            "]]>",
            " ",
            "x",
            "\x00",
            "é",
            '<id value="1"/>',
        ),
    ]
)


@given(st.binary(max_size=60) | st.lists(_PIECES, max_size=20).map(lambda pieces: "".join(pieces).encode()))
def test_any_bytes_are_a_resource_or_refused(body: bytes) -> None:
    try:
        resource = parse_xml_body(body)
    except UnreadableBodyError:
        return
    try:
        validate(resource)
    except InvalidResourceError:
        return
    assert parse_xml_body(xml_text(resource).encode()) == resource


_OPEN = f'<Patient xmlns="{FHIR}">'


@pytest.mark.parametrize(
    "body",
    [
        _OPEN + "<name/>" * 50_000 + "</Patient>",
        _OPEN + '<gender value="male"/>' * 20_000 + "</Patient>",
        _OPEN + f'<id value="{"x" * 350_000}"/></Patient>',
        _OPEN + "<name>" + '<given value="A"/>' * 20_000 + "</name></Patient>",
        _OPEN + f'<text><div xmlns="{XHTML}">' + "<b>a</b>" * 40_000 + "</div></text></Patient>",
        _OPEN + f'<text><div xmlns="{XHTML}">a</div>' + f'<div xmlns="{XHTML}">a</div>' * 8_000 + "</text></Patient>",
        _OPEN + "<!-- -->" * 40_000 + "&amp;" * 40_000 + "</Patient>",
        _OPEN + "<Patient " + "".join(f'a{number}=""' for number in range(40_000)) + "/></Patient>",
        f'<extension url="{"&#65;" * 70_000}',
    ],
)
def test_no_body_takes_long(body: str) -> None:
    begun = time.process_time()
    with pytest.raises((UnreadableBodyError, InvalidResourceError)):
        validate(parse_xml_body(body.encode()) | {"nickname": 1})
    # Quadratic work on these would take minutes.
    assert time.process_time() - begun < 10


def test_decimals_are_equal_to_the_digit() -> None:
    (extension,) = patient('<extension url="u"><valueDecimal value="0.10"/></extension>')["extension"]
    assert isinstance(extension["valueDecimal"], JsonNumber)
    assert extension["valueDecimal"].literal == "0.10"
