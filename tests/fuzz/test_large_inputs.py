"""Inputs at the limits of size, each of a kind that some parser could take too long for."""

import json
import resource
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from careconnect.endpoint.pipeline import pinned_to_cpu
from careconnect_records.items.resource_items import LARGEST_BODY
from careconnect_testing.fuzzing.requests import assertions
from careconnect_testing.fuzzing.services import services
from careconnect_testing.fuzzing.targets import TARGETS
from careconnect_testing.running.cases import each_of

pytestmark = pytest.mark.long

BY_NAME = {target.name: target for target in TARGETS}
MOST_MEMORY = 256 * 2**20
"""Bytes beside the function's own."""

_FORM: Final = b"\nContent-Type: application/x-www-form-urlencoded"
_LONGEST_FORM: Final = 65_536
_LONGEST_HEADERS: Final = 9_000
_LARGEST_SENT: Final = 3 * LARGEST_BODY

_VALUES: Final = (
    *("a", "\\", "|", ",", "$", "a,", "a|", "\\,", "é", "😀", "a😀,", "%", "%F0%9F%98%80%2C", "9", "5.", "2017-", "T"),
    *("/",),
    *("http://", "Patient/4,", "ge", "\u0345", "İ", " ", "a b ", ".", ":"),
)
_NAMES: Final = (
    *("name", "_id", "birthdate", "_has:Observation:patient:code", "general-practitioner", "organization.name"),
    *("_sort",),
    *("phone", "_profile", "_include", "_elements", "_cursor", "_lastUpdated"),
)


def _large_requests() -> Iterator[tuple[str, bytes]]:
    """Yield messages of the largest size that is read, each with the name of its kind."""
    for value in _VALUES:
        repeated = value * (_LONGEST_FORM // len(value.encode()))
        for name in _NAMES:
            head = b"POST Patient/_search" + _FORM + b"\n\n" + name.encode() + b"="
            yield f"{name} of {value!r}", (head + repeated.encode())[: _LONGEST_FORM + 60]
        yield f"a name of {value!r}", b"POST Patient/_search" + _FORM + b"\n\n" + repeated.encode() + b"=a"
        header = (value * _LONGEST_HEADERS)[: _LONGEST_HEADERS // len(value.encode())].encode()
        for name in (
            "Accept",
            "Prefer",
            "If-None-Match",
            "If-Modified-Since",
            "Cache-Control",
            "Origin",
            "X-Request-Id",
        ):
            yield f"{name} of {value!r}", b"GET Patient/4\n" + name.encode() + b": " + header
        for name in ("If-Match", "If-None-Exist", "Content-Type", "Prefer"):
            yield f"{name} of {value!r} in a write", b"POST Observation\n" + name.encode() + b": " + header + b"\n\n{}"
        yield f"Basic of {value!r}", b"POST /token\nAuthorization: Basic " + header
        yield f"an id of {value!r}", b"GET Patient/" + header
    for name, value in (
        ("value-quantity", "5." + "9" * 60_000),
        ("value-quantity", "9" * 60_000),
        ("date", "2" * 60_000),
    ):
        yield f"{name} of digits", b"POST Observation/_search" + _FORM + f"\n\n{name}={value}".encode()
    many = "&".join(f"name={','.join('a' * 100)}" for _ in range(199))
    yield "many values", b"POST Patient/_search" + _FORM + b"\n\n" + many.encode()
    chains = "&".join(f"organization.name={','.join(f'a{n}' for n in range(50))}" for _ in range(190))
    yield "many chains", b"POST Patient/_search" + _FORM + b"\n\n" + chains.encode()
    unknown = "&".join(f"{'nmae' * 60}{number}=a" for number in range(199))
    yield "many unknown names", b"POST Patient/_search" + _FORM + b"\n\n" + unknown.encode()


def _large_bodies() -> Iterator[tuple[str, bytes]]:
    """Yield writes of the largest size that is read, each with the name of its kind."""
    for name, text in _json_texts():
        yield f"JSON: {name}", b"PUT Patient/4\nContent-Type: application/fhir+json\n\n" + text[:_LARGEST_SENT]
    for name, text in _xml_texts():
        yield f"XML: {name}", b"PUT Patient/4\nContent-Type: application/fhir+xml\n\n" + text[:_LARGEST_SENT]
    for name, operations in _patches():
        body = json.dumps(operations).encode()
        yield f"patch: {name}", b"PATCH Patient/4\nContent-Type: application/json-patch+json\n\n" + body[:LARGEST_BODY]


def _large_tokens() -> Iterator[tuple[str, bytes]]:
    """Yield headers and claims at the limit of a token, each with the name of its kind."""
    header, claims = json.loads(assertions()[0])
    for name, value in (("deep", json.loads("[" * 900 + "]" * 900)), ("long", "a" * 5_000), ("number", 10**4_000)):
        yield f"a {name} header", json.dumps([{**header, "x": value}, claims]).encode()
        yield f"a {name} claim", json.dumps([header, {**claims, "jti": value, "aud": [value] * 2}]).encode()


def _patient(**elements: Any) -> bytes:
    return json.dumps({"resourceType": "Patient", "id": "4", **elements}).encode()


def _json_texts() -> Iterator[tuple[str, bytes]]:
    size = LARGEST_BODY
    yield "white space", b"{" + b" \n" * (_LARGEST_SENT // 2)
    yield "open brackets", b"[" * _LARGEST_SENT
    yield "open names", b'{"a":' * (_LARGEST_SENT // 5)
    yield "an open text", b'{"a":"' + b"\\\\" * (_LARGEST_SENT // 2)
    yield "escapes", b'{"a":"' + b"\\ud83d" * (_LARGEST_SENT // 6) + b'"}'
    yield "digits", b'{"a":' + b"9" * (_LARGEST_SENT - 10) + b"}"
    yield "numbers", b'{"a":[' + b"1e9," * (_LARGEST_SENT // 4 - 10) + b"1]}"
    yield "not UTF-8 at the end", b'{"a":"' + b"a\n" * (_LARGEST_SENT // 2 - 10) + b'\xff"}'
    yield "repeated names", b"{" + b",".join(b'"n%d":1' % number for number in range(90_000)) + b',"n1":1}'
    yield "unknown names", _patient(**{f"nmae{number}": 1 for number in range(20_000)})
    yield "extensions", _patient(extension=[{"url": "a", "valueString": "b"}] * (size // 34))
    yield "faulty extensions", _patient(extension=[{"valueBoolean": 1}] * (size // 25))
    yield "contained", _patient(contained=[{"resourceType": "Patient"}] * (size // 30))
    yield "names", _patient(name=[{"given": ["a"] * 60}] * (size // 330))
    yield "a long text", _patient(name=[{"text": "😀" * (size // 14)}])
    yield "base64", _patient(photo=[{"data": "A" * (size - 200)}])
    for name, inner in _narratives():
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'
        yield f"a narrative of {name}", _patient(text={"status": "generated", "div": div})


def _narratives() -> Iterator[tuple[str, str]]:
    size = LARGEST_BODY - 2_000
    yield "open tags", "<p>" * (size // 3)
    yield "breaks", "<br/>" * (size // 7)
    yield "styles", f'<p style="{"color:red;" * (size // 12)}">a</p>'
    yield "functions", f'<p style="color:{"a(" * (size // 3)}">a</p>'
    yield "dashes", f'<p style="color:{"-" * (size - 200)}">a</p>'
    yield "spaces", f'<p style="{" " * (size - 200)}:">a</p>'
    yield "attributes", "<p" + "".join(f' a{number}=""' for number in range(size // 12)) + ">a</p>"
    yield "characters", "&#65;" * (size // 5)


def _xml_texts() -> Iterator[tuple[str, bytes]]:
    root = b'<Patient xmlns="http://hl7.org/fhir"><id value="4"/>'
    size = LARGEST_BODY
    yield "white space", root + b" " * _LARGEST_SENT
    yield "open tags", root + b"<name>" * (_LARGEST_SENT // 6)
    yield "an open tag", root + b"<name " + b"a" * _LARGEST_SENT
    yield "attributes", root + b"<name " + b" ".join(b'a%d=""' % number for number in range(90_000)) + b"/></Patient>"
    yield "namespaces", root + b"".join(b'<name xmlns:n%d="a%d">' % (number, number) for number in range(9_000))
    yield "names", root + b'<name><given value="a"/></name>' * (size // 31) + b"</Patient>"
    yield "extensions", root + b'<extension url="a"><valueString value="b"/></extension>' * 9_000 + b"</Patient>"
    yield "comments", root + b"<!---->" * (_LARGEST_SENT // 7 - 20) + b"</Patient>"
    yield "characters", root + b'<name><text value="' + b"&#65;" * (size // 5) + b'"/></name></Patient>'
    div = b'<text><status value="generated"/><h:div xmlns:h="http://www.w3.org/1999/xhtml">%b</h:div></text>'
    yield "a narrative", root + div % (b"<h:p>a</h:p>" * (size // 14)) + b"</Patient>"
    contained = b"<contained><Patient>%b</Patient></contained>" % (div % b"a")
    yield "narratives", root + contained * (size // len(contained)) + b"</Patient>"
    yield "line ends", root.replace(b"><", b">\r\n<") + b"\r\n" * (_LARGEST_SENT // 2 - 90) + b"</Patient"


def _patches() -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    many = 1_000
    yield "copies", [{"op": "copy", "from": "", "path": "/x"}] * many
    yield "moves", [{"op": "move", "from": "/name", "path": "/x"}, {"op": "move", "from": "/x", "path": "/name"}] * 500
    yield "tests", [{"op": "test", "path": "/name", "value": [1]}] * many
    yield "long pointers", [{"op": "test", "path": "/a" * 150, "value": 1}] * many
    yield "escapes", [{"op": "test", "path": "/~0~1" * 60, "value": 1}] * many
    yield (
        "a long array",
        [
            {"op": "add", "path": "/x", "value": [0] * 100_000},
            *[{"op": "remove", "path": "/x/0"}] * 900,
        ],
    )
    yield "additions", [{"op": "add", "path": "/name/0", "value": {"family": "a" * 100}}] * many
    yield "a deep value", [{"op": "add", "path": "/x", "value": json.loads("[" * 60 + "]" * 60)}] * 999
    yield "doubling", [{"op": "copy", "from": "/name", "path": "/name/-"}] * many


@pytest.fixture(autouse=True)
def _on_one_processor() -> Iterator[None]:
    # To be moved at each input would take longer than the input.
    with pinned_to_cpu():
        yield


@each_of(("name", "message"), _large_requests())
def test_a_large_request_keeps_the_promise(name: str, message: bytes) -> None:
    BY_NAME["search"].hold(message)


@each_of(("name", "message"), _large_bodies())
def test_a_large_body_keeps_the_promise(name: str, message: bytes) -> None:
    services()
    before = _largest_memory()

    BY_NAME["condition"].hold(message)
    assert _largest_memory() - before < MOST_MEMORY


@each_of(("name", "document"), _large_tokens())
def test_a_large_token_keeps_the_promise(name: str, document: bytes) -> None:
    BY_NAME["assertion"].hold(document)
    BY_NAME["bearer"].hold(document)


def _largest_memory() -> int:
    """Return the most bytes of memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
