"""The corpus of resources: JSON, XML, patches and narratives."""

import json
from typing import Final

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.records.few_records import few_records

_BY_KEY: Final = {f"{one['resourceType']}/{one['id']}": json_text(one) for one in few_records()}

PATIENT: Final = _BY_KEY["Patient/4"]
OBSERVATION: Final = _BY_KEY["Observation/o1"]

RESOURCES: Final = tuple(text.encode() for text in _BY_KEY.values())
"""Resources of all types that the tests' few records have, as JSON."""

XML: Final = (
    *(resource_xml(text).encode() for text in _BY_KEY.values()),
    (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<Patient xmlns="http://hl7.org/fhir" xmlns:h="http://www.w3.org/1999/xhtml"><id value="4"/>'
        b'<text><status value="generated"/><h:div><h:p>a&#233;</h:p></h:div></text><active value="true">'
        b'<extension url="http://a.example"><valueDecimal value="1.10"/></extension></active></Patient>'
    ),
    (
        b'<Observation xmlns="http://hl7.org/fhir"><contained><Patient><id value="p"/></Patient></contained>'
        b'<status value="final"/><code><text value="a"/></code><subject><reference value="#p"/></subject></Observation>'
    ),
)
XML_WORDS: Final = tuple(
    word.encode()
    for word in (
        *('<id value="4"/>', '<extension url="a">', "</extension>", "<contained><Patient/></contained>"),
        *(' value="1.0"',),
        *(' xmlns="http://hl7.org/fhir"', ' xmlns="http://www.w3.org/1999/xhtml"', ' xmlns:a="http://hl7.org/fhir"'),
        *("<div>", "</div>", "<!-- a -->", "<![CDATA[a]]>", "<?a b?>", "&#x1F600;", "&#xFFFF;", "&lt;", "&a;"),
        *(' id="a"',),
        *('<!DOCTYPE a [<!ENTITY b "c">]>', '<?xml version="1.1"?>', '<?xml version="1.0" encoding="UTF-16"?>', "/>"),
        *("<a>",),
        *(' xsi:schemaLocation="a"', ' url="a"', '<active value="true"/>', "<name/>", "<Patient>", "</Patient>", "\r"),
    )
)

PARAMETERS: Final = tuple(
    json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()
    for parameters in (
        [{"name": "resource", "resource": json.loads(PATIENT)}, {"name": "mode", "valueCode": "update"}],
        [{"name": "mode", "valueCode": "delete"}, {"name": "profile", "valueUri": "http://a.example/p"}],
        [{"name": "start", "valueDate": "2017"}, {"name": "_count", "valueInteger": 1}],
        [{"name": "_type", "valueCode": "Observation"}, {"name": "_since", "valueInstant": "2017-10-19T08:00:00Z"}],
    )
)
"""The Parameters of `$validate` and of `$everything`."""

KICK_OFFS: Final = tuple(
    json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()
    for parameters in (
        [{"name": "patient", "valueReference": {"reference": "Patient/4"}}, {"name": "_type", "valueCode": "Patient"}],
        [{"name": "patient", "valueReference": {"reference": "Patient/9658218873"}}],
        [{"name": "_typeFilter", "valueString": "Patient?name=kanfeld&identifier=a%7C9658218873"}],
        [{"name": "_elements", "valueString": "name,Patient.gender"}, {"name": "_since", "valueInstant": "2017"}],
    )
)
"""The Parameters of a kick-off."""

PATCHES: Final = tuple(
    json.dumps(operations).encode()
    for operations in (
        [{"op": "test", "path": "/gender", "value": "female"}, {"op": "replace", "path": "/gender", "value": "male"}],
        [
            {"op": "add", "path": "/name/-", "value": {"family": "Other", "given": ["A"]}},
            {"op": "remove", "path": "/name/0"},
        ],
        [
            {"op": "copy", "from": "/name/0", "path": "/name/1"},
            {"op": "move", "from": "/telecom/1", "path": "/telecom/0"},
        ],
        [{"op": "replace", "path": "", "value": {"resourceType": "Patient", "id": "4", "active": False}}],
        [
            {"op": "add", "path": "/contact", "value": [{"name": {"text": "a~b/c"}}]},
            {"op": "test", "path": "/a~1b~0", "value": 1},
        ],
        [{"op": "copy", "from": "/name", "path": "/name/0/given"}, {"op": "remove", "path": "/text/div"}],
        [
            {"op": "add", "path": "/multipleBirthInteger", "value": 1.50},
            {"op": "remove", "path": "/address/0/postalCode"},
        ],
    )
)
_NEW: Final = "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"
_LINKED: Final = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "x"},
    "subject": {"reference": _NEW},
    "performer": [{"reference": "Patient?identifier=urn:x%7C7"}],
    "text": {
        "status": "generated",
        "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{_NEW}">a</a></div>',
    },
}

BUNDLES: Final = tuple(
    json.dumps({"resourceType": "Bundle", "type": type_, "entry": entries}).encode()
    for type_, entries in (
        (
            "transaction",
            [
                {
                    "fullUrl": _NEW,
                    "resource": json.loads(PATIENT),
                    "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:x%7C8"},
                },
                {"resource": _LINKED, "request": {"method": "POST", "url": "Observation"}},
                {"request": {"method": "DELETE", "url": "Observation/o1"}},
            ],
        ),
        (
            "batch",
            [
                {
                    "resource": json.loads(PATIENT),
                    "request": {"method": "PUT", "url": "Patient/4", "ifMatch": 'W/"1"'},
                },
                {"request": {"method": "GET", "url": "Observation?patient=4&_count=2", "ifNoneMatch": 'W/"1"'}},
            ],
        ),
        (
            "batch",
            [
                {
                    "fullUrl": "urn:uuid:2d4d2ab2-1c5e-4a5a-9a5d-1f3a4b5c6d7e",
                    "resource": json.loads(OBSERVATION),
                    "request": {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=urn:x%7C7"},
                },
                {"request": {"method": "DELETE", "url": "Patient?identifier=urn:x%7C7"}},
                {"request": {"method": "GET", "url": "Patient/4", "ifModifiedSince": "2024-05-01T10:00:00Z"}},
            ],
        ),
    )
)

POINTERS: Final = (
    b"",
    *b"/ // /- /name /name/- /name/0 /name/00 /name/0abc /name/-1 /name/9999999999999999999 /name/0/given/-".split(),
    *b"/text/div/0 /active/0 /id /resourceType /meta /meta/versionId ~ /~2 /a~ /name/0/given/0/0 /_active name".split(),
    *(b"/name/" + b"9" * 5_000, b"/" * 500, "/name/１".encode()),
)
"""JSON Pointers, right and wrong, which the patches' paths are exchanged for."""

DIVS: Final = tuple(
    f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'.encode()
    for inner in (
        '<p class="lead">Zoë &amp; Co: 5 &lt; 6</p><div>a <b>b</b> c</div>',
        '<table border="1"><tr><td colspan="2" style="color: rgb(1,2,3); width: calc(1px + 2%)">é😀</td></tr></table>',
        '<a href="https://a.example/?b&amp;c#d" title="t">l</a><img src="data:image/png;base64,AAAA" alt=""/>',
        '<ul><li id="x">1</li><li><a href="#x">2</a></li></ul><pre xml:space="preserve"> a\n b </pre><br/><hr />',
    )
)
DIV_WORDS: Final = tuple(
    word.encode()
    for word in (
        *("<p>", "</p>", "<b>", "</b>", "<br/>", "<script>", "</script>", "<svg>", "<style>", "<title>", "<plaintext>"),
        *(' href="javascript:a"', ' href=" http:a"', ' src="#a"', ' style="', "expression(", "url(", "color:red;"),
        *("\\72",),
        *("<!-- -->", "<![CDATA[", "]]>", "<?a?>", "&nbsp;", "&#0;", "&#x3c;", "&amp;lt;", ' xmlns=""'),
        *(' xmlns:a="b"', "<a:p>"),
        *(' onclick="a"', "</div>", "<div>", "<table><a>", "<li>", "<form>", "<td>", "\x0c", "\u2028", "`", "'", '"'),
    )
)
