"""A narrative that is stored, read as a browser reads it: nothing in it but the contract's list (`write.md`)."""

import re
from collections.abc import Callable, Iterator

import html5lib
from hypothesis import given, settings
from hypothesis import strategies as st

from careconnect_admin.project import PROJECT
from careconnect_records.parsing.faults import InvalidResourceError, UnreadableBodyError
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.stu3.validation import validate
from careconnect_records.stu3.xml_source import parse_xml_body
from careconnect_testing.records.generated import cases
from careconnect_testing.running.cases import each_of

FHIR, XHTML = "http://hl7.org/fhir", "http://www.w3.org/1999/xhtml"

CONTRACT = (PROJECT / "docs/contract/write.md").read_text(encoding="utf-8").partition("### Narratives\n")[2]
ELEMENTS, ATTRIBUTES = (frozenset(listed.split()) for listed in re.findall(r"^`([^`]+)`$", CONTRACT, re.MULTILINE)[:2])
LINKS = ("href", "cite", "longdesc", "usemap", "src")
SCHEMES = ("http", "https", "mailto", "tel")
# Browsers leave these out of a link.
SKIPPED = re.compile(r"^[\x00-\x20]+|[\t\n\r]")
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
STYLE = re.compile(
    r"url\s*\(|image|expression|\\|position(?!;)|z-index|display|opacity|transform|behavior|binding|content|cursor",
    re.IGNORECASE,
)


def strays(div: str) -> Iterator[str]:
    """Yield everything outside the contract's list that HTML's parser finds in a stored `div`."""
    for tree in (html5lib.parseFragment(div), html5lib.parseFragment(div, container="td")):
        for node in list(tree.iter())[1:]:
            name = node.tag.removeprefix(f"{{{XHTML}}}") if isinstance(node.tag, str) else "a comment"
            if name not in ELEMENTS:
                yield name
            for attribute, value in node.attrib.items():
                if attribute not in ATTRIBUTES or (attribute == "xmlns" and value not in ("", XHTML)):
                    yield f"@{attribute}"
                if attribute in LINKS and not _is_link(attribute, value):
                    yield f"@{attribute}={value}"
                if attribute == "style" and STYLE.search(value.replace("list-style-position", "")):
                    yield f"@style={value}"


def _is_link(attribute: str, value: str) -> bool:
    target = SKIPPED.sub("", value)
    scheme = SCHEME.match(target)
    if attribute == "src":
        return target.startswith("#") or bool(re.match(r"data:image/(png|jpeg|gif)[;,]", target, re.IGNORECASE))
    return target.startswith("#") or (scheme is not None and scheme[1].lower() in SCHEMES)


def stored_from_json(div: str) -> str:
    body = parse_json_body(json_of(div))
    validate(body)
    return str(body["text"]["div"])


def json_of(div: str) -> bytes:
    escaped = div.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'{{"resourceType":"Patient","text":{{"status":"generated","div":"{escaped}"}}}}'.encode()


def stored_from_xml(div: str) -> str:
    document = (
        f'<Patient xmlns="{FHIR}" xmlns:x="{XHTML}" xmlns:y="urn:y">'
        f'<text><status value="generated"/>{div}</text></Patient>'
    )
    body = parse_xml_body(document.encode())
    validate(body)
    return str(body["text"]["div"])


NAMES = st.sampled_from(sorted(ELEMENTS))
OTHER_NAMES = st.sampled_from(
    [
        *("script", "style", "svg", "math", "title", "textarea", "noscript", "iframe", "template", "plaintext", "xmp"),
        *("image", "select", "form", "x:p", "x:script", "y:p", "P", "SCRIPT", "body", "html", "frameset", "nobr"),
    ]
)
OTHER_ATTRIBUTES = st.sampled_from(
    [
        *("onclick", "onerror", "srcset", "formaction", "background", "action", "xlink:href", "xml:base", "xml:id"),
        *("x:title", "y:href", "xmlns:z", "STYLE"),
    ]
)
VALUES = st.sampled_from(
    [
        *("x", "", "#x", "https://example.org/a?b&amp;c", "MAILTO:a", "tel:1", "http:x", "data:image/png;base64,AA"),
        *("javascript:alert(1)", " java&#9;script:alert(1)", "java&#10;script:x", "&#x6A;avascript:x", "ht&#9;tp://x"),
        *("data:text/html,x", "data:image/svg+xml,x", "//example.org", "&#1;javascript:x", "&#160;javascript:x"),
        *("color: red", "color:red;;width : 1px", "color: red; position: fixed", "list-style: square inside"),
        *("background: url(x)", "background:u\\72l(x)", "list-style: image-set('x' 1x)", "width: expression(x)"),
        *("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;", "' onclick=x", "a\nb", "--&gt;", XHTML),
    ]
)
TEXTS = st.sampled_from(
    [
        *(
            "a",
            " ",
            "é😀",
            "\n",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "&#60;img src=x onerror=x&#62;",
            "&amp;lt;b>",
        ),
        *("&#x80;", "--&gt;", "]]&gt;", "&lt;!--", "&lt;/div&gt;", "&lt;![CDATA[", "<!-- a -->", "<![CDATA[a]]>"),
        *(
            "<!--><img src=x onerror=x>-->",
            "<!---><script>x</script>-->",
            "<?x y?>",
            "&nbsp;",
            "&copy",
            "<br/>",
            "<p/>",
        ),
    ]
)
# Nearly all of a narrative is allowed: with more of anything else none would be stored.
BENIGN = st.sampled_from(
    [*["a", " ", "é😀", "&lt;script&gt;", "&#60;img src=x onerror=x&#62;", "--&gt;", "&amp;lt;b>"]]
)


def _mostly(allowed: st.SearchStrategy[str], other: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 29).flatmap(lambda number: other if number == 29 else allowed)


@st.composite
def attributes(draw: st.DrawFn) -> str:
    name = draw(_mostly(st.sampled_from(sorted(ATTRIBUTES - {"xmlns"})), OTHER_ATTRIBUTES))
    allowed = {"src": "data:image/png;base64,AA", "style": "color:red;;width : 1px"}
    value = draw(_mostly(st.just(allowed.get(name, "#x")), VALUES) if name in (*LINKS, "style") else VALUES)
    return f' {name}="{value}"'


def elements(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.tuples(
        _mostly(NAMES, OTHER_NAMES),
        st.lists(attributes(), max_size=2, unique_by=lambda text: text.partition("=")[0]).map("".join),
        st.lists(inside, max_size=3).map("".join),
    )
    return parts.map(lambda part: f"<{part[0]}{part[1]}>{part[2]}</{part[0]}>" if part[2] else f"<{part[0]}{part[1]}/>")


ROOTS = st.sampled_from(
    [f'div xmlns="{XHTML}"', f"div\n xmlns='{XHTML}'", f'div xmlns="{XHTML}" xmlns:x="{XHTML}"', "x:div"]
)
DIVS = st.builds(
    lambda root, inside: f"<{root}>{''.join(inside)}</{root.split()[0]}>",
    ROOTS,
    st.lists(st.recursive(_mostly(BENIGN, TEXTS), elements, max_leaves=12), min_size=1, max_size=4),
)


def accepted(store: Callable[[str], str], div: str) -> str:
    """Return the `div` as it is stored, empty if it is refused: most that is generated is."""
    try:
        return store(div)
    except (UnreadableBodyError, InvalidResourceError):
        return ""


@settings(max_examples=cases(400))
@given(DIVS)
def test_m6_html_finds_nothing_else_in_a_div_that_json_stores(div: str) -> None:
    assert not list(strays(accepted(stored_from_json, div)))


@settings(max_examples=cases(400))
@given(DIVS)
def test_m6_html_finds_nothing_else_in_a_div_that_xml_stores(div: str) -> None:
    assert not list(strays(accepted(stored_from_xml, div)))


@each_of(
    ("inside", "found"),
    [
        ("<!--><img src=x onerror=alert(2)>-->", "@onerror"),
        ("<![CDATA[><script>x</script>]]>", "script"),
        ("<!---><svg/>-->", "{http://www.w3.org/2000/svg}svg"),
        ("<x:p>a</x:p>", "x:p"),
        ("<p xmlns:x='urn:x'>a</p>", "@xmlns:x"),
        ("<a href='java&#10;script:x'>a</a>", "@href=java\nscript:x"),
        ("<a href=' javascript:x'>a</a>", "@href= javascript:x"),
        ("<img src='https://example.org'/>", "@src=https://example.org"),
        ("<p style='position: fixed'>a</p>", "@style=position: fixed"),
    ],
)
def test_the_check_sees_live_markup(inside: str, found: str) -> None:
    assert found in strays(f'<div xmlns="{XHTML}">{inside}</div>')
