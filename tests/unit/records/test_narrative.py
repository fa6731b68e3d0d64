"""Which narratives STU3 allows, and which would do something in the browser of whoever reads them."""

import pytest

from careconnect_records.parsing.narrative import MARKUP, narrative_fault, stands_alone
from careconnect_testing.running.cases import each_of

XHTML = "http://www.w3.org/1999/xhtml"
OPENING = f'<div xmlns="{XHTML}">'


@pytest.mark.parametrize(
    "inside",
    [
        "text",
        '<p class="x" id="p1" title="a &gt; b" lang="en" xml:lang="en" style="color: red; font-weight: bold">a</p>',
        '<table border="1"><tbody><tr><td colspan="2" align="left"><b>a</b></td></tr></tbody></table>',
        '<p style="">a</p><p style="; COLOR : rgb(1, 2, 3) ;background-color:#eee;line-height:1.5">a</p>',
        '<p style="border-left: 1px solid hsla(1, 2%, 3%, .5); border-top-width: 1px; border-collapse: collapse">a</p>',
        '<p style="margin: 0; padding-left: 2em; max-width: calc(100% - 2em); height: 1px; text-align: right">a</p>',
        '<ul style="list-style-type: square; font: bold 1em sans-serif; white-space: pre; vertical-align: top">a</ul>',
        '<img src="#picture" alt="a picture"/>',
        '<img src="data:image/png;base64,AAAA" alt=""/><img src="DATA:image/jpeg,A"/><img src="data:image/gif,A"/>',
        '<a href="https://example.org/a:b?c">b</a><a name="here">c</a><a href="#here">d</a>',
        '<a href="mailto:a@example.org">a</a><a href="tel:+44">c</a><a href="HTTP://a">e</a>',
        "<h1>&#233;</h1><pre>a\r\nb</pre>",
        "<ul><li>a</li></ul><blockquote cite='http://example.org'>a</blockquote>",
        f"<p xmlns='{XHTML}'>a</p>",
    ],
)
def test_formatted_text_is_allowed(inside: str) -> None:
    assert narrative_fault(f"{OPENING}{inside}</div>") is None
    assert narrative_fault(f"<div>{inside}</div>") is None or "xmlns" in inside


# HTML 4.0, chapters 7 to 11 without 9.4 and 15, with links and images (txt-1).
ELEMENTS = """
    div span p br hr h1 h2 h3 h4 h5 h6 address blockquote q pre em strong dfn code samp kbd var cite abbr
    acronym sub sup bdo tt i b big small s strike u font center ul ol li dl dt dd table caption thead tbody
    tfoot colgroup col tr th td a img map area
"""
ATTRIBUTES = """
    id class title style lang dir accesskey tabindex xml:lang xml:space align valign char charoff width height
    border frame rules cellspacing cellpadding summary span rowspan colspan headers scope abbr axis nowrap
    bgcolor clear color face size noshade compact start type value name href hreflang charset rel rev shape
    coords nohref cite src alt longdesc usemap ismap
"""
VALUES = {"style": "color: red", **dict.fromkeys(("href", "cite", "longdesc", "usemap", "src"), "#x")}
NEITHER = "ins del script form input button select textarea label fieldset object applet iframe frame style link meta"
NEITHER_OF_ATTRIBUTES = "onclick onload onerror action background data http-equiv target srcset ping poster srcdoc"


def test_every_element_and_attribute_of_the_rule_is_allowed_and_no_other_of_html() -> None:
    texts = {name: f"{OPENING}<{name}>a</{name}></div>" for name in f"{ELEMENTS} {NEITHER}".split()}
    for name in f"{ATTRIBUTES} {NEITHER_OF_ATTRIBUTES}".split():
        value = VALUES.get(name, "x")
        texts[f"@{name}"] = f'{OPENING}<p {name}="{value}">a</p></div>'

    assert {name for name, text in texts.items() if not narrative_fault(text)} == {
        *ELEMENTS.split(),
        *(f"@{name}" for name in ATTRIBUTES.split()),
    }


@each_of(
    ("inside", "reason"),
    [
        ("<script>alert(1)</script>", "an element that a narrative may not have"),
        ("<SCRIPT>alert(1)</SCRIPT>", "an element that a narrative may not have"),
        ("<form><input name='a'/></form>", "an element that a narrative may not have"),
        ("<iframe src='https://example.org'/>", "an element that a narrative may not have"),
        ("<object data='x'/>", "an element that a narrative may not have"),
        ("<style>p { color: red }</style>", "an element that a narrative may not have"),
        ("<link rel='stylesheet' href='https://example.org/x.css'/>", "an element that a narrative may not have"),
        ("<base href='https://example.org'/>", "an element that a narrative may not have"),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "an element that a narrative may not have"),
        ("<p xmlns='urn:else'>a</p>", "an element that a narrative may not have"),
        ("<p xmlns=''>a</p>", "an element that a narrative may not have"),
        ("<xml:p>a</xml:p>", "an element that a narrative may not have"),
        (f"<x:p xmlns:x='{XHTML}'>a</x:p>", "a prefix of a namespace"),
        ("<p xmlns:x='urn:else'>a</p>", "a prefix of a namespace"),
        ("<p xmlns:x='urn:else' x:title='b'>a</p>", "a prefix of a namespace"),
        ("<p xml:base='http://a'>a</p>", "an attribute that a narrative may not have"),
        ("<p onclick='alert(1)'>a</p>", "an attribute that a narrative may not have"),
        ("<img src='#x' onerror='alert(1)'/>", "an attribute that a narrative may not have"),
        *(
            (inside, "a link of a kind")
            for inside in (
                "<a href='javascript:alert(1)'>a</a>",
                "<a href=' JaVa\tscript&#10;:alert(1)'>a</a>",
                "<a href='java&#10;script:alert(1)'>a</a>",
                "<a href=' https://example.org'>a</a>",
                "<a href='ht&#9;tps://example.org'>a</a>",
                "<a href=''>a</a>",
                "<a href='Patient/4'>a</a>",
                "<a href='//example.org'>a</a>",
                "<a href='urn:oid:1.2'>a</a>",
                "<a href='cid:1'>a</a>",
                "<a href='ftp://a'>a</a>",
                "<a href='data:text/html,x'>a</a>",
                "<a href='data:image/png;base64,AAAA'>a</a>",
                "<area href='vbscript:x'/>",
                "<blockquote cite='javascript:x'>a</blockquote>",
                "<img src='#x' longdesc='javascript:x'/>",
                "<img src='#x' usemap='javascript:x'/>",
                "<img src='x.png'/>",
                "<img src='https://example.org/x.png'/>",
                "<img src='cid:1'/>",
                "<img src='data:image/svg+xml,x' alt=''/>",
                "<img src='data:image/webp;base64,AAAA'/>",
                "<img src='data:image/pngx,A'/>",
            )
        ),
        *(
            (f"<p style='{style}'>a</p>", "a style that a narrative may not have")
            for style in (
                "position: fixed",
                "color: red; POSITION: fixed",
                "color: red /*; position: fixed; */",
                "--x: red",
                "opacity: 0",
                "display: none",
                "behavior: x",
                "-moz-binding: x",
                "background-image: none",
                "background: URL (https://example.org/x.png)",
                "background: url(&quot;//example.org/x.png&quot;)",
                "background: url(\nhttp:x)",
                "background: url(data:image/png;base64,AAAA)",
                "list-style: image-set(&quot;https://example.org/x.png&quot; 1x)",
                "width: expression(alert(1))",
                "width: EXPRESSION",
                "color: r\\65 d",
                "background: u\\72l(x)",
                "@import x",
                "co lor: red",
            )
        ),
        ("<b>" * 64 + "a" + "</b>" * 64, "nested too deeply"),
        ("&nbsp;", "not well-formed XHTML"),
        ("<p>", "not well-formed XHTML"),
        ("<x:p>a</x:p>", "not well-formed XHTML"),
        ("&#1;", "not well-formed XHTML"),
        (" \n&#9; ", "has neither text nor an image"),
        ("<p/>", "has neither text nor an image"),
        ("a</div><div>", "not well-formed XHTML"),
    ],
)
def test_what_a_narrative_may_not_hold_is_reported_in_fixed_words(inside: str, reason: str) -> None:
    code, text = narrative_fault(f"{OPENING}{inside}</div>") or ("", "")
    assert (code, reason in text) == ("invalid", True), inside


@each_of(
    "div",
    [
        "a<!-- a comment --></div>",
        "a<!--><img src=x onerror=alert(2)>--></div>",
        "a<!---><script>alert(1)</script>--></div>",
        "<![CDATA[><img src=x onerror=alert(1)>]]></div>",
        "a<![CDATA[]]></div>",
        "a<?php x ?></div>",
        "a</div><!-- more -->",
        "a</div><?more?>",
    ],
)
def test_m6_markup_that_browsers_read_otherwise_is_no_structure_of_a_narrative(div: str) -> None:
    assert narrative_fault(f"{OPENING}{div}") == ("structure", MARKUP)


def test_white_space_may_follow_a_narrative() -> None:
    assert narrative_fault(f"{OPENING}a</div>\n") is None


def test_as_many_levels_as_a_body_may_have() -> None:
    assert narrative_fault(OPENING + "<b>" * 63 + "a" + "</b>" * 63 + "</div>") is None


@pytest.mark.parametrize(
    ("div", "expected"),
    [
        (f"{OPENING}a</div>", True),
        ("<div>a</div>", False),
        ('<div xmlns="urn:else">a</div>', False),
        ('<h:div xmlns:h="http://www.w3.org/1999/xhtml">a</h:div>', False),
        (f"{OPENING}<h:b>a</h:b></div>", False),
        ('<!DOCTYPE div><div xmlns="http://www.w3.org/1999/xhtml">a</div>', False),
    ],
)
def test_what_stands_alone(div: str, expected: bool) -> None:
    assert stands_alone(div.encode()) is expected
