"""Which narratives STU3 allows, and which would do something in the browser of whoever reads them."""

import pytest

from careconnect_records.parsing.narrative import narrative_fault, stands_alone
from careconnect_testing.running.cases import each_of

OPENING = '<div xmlns="http://www.w3.org/1999/xhtml">'


@pytest.mark.parametrize(
    "inside",
    [
        "text",
        '<p class="x" id="p1" title="a &gt; b" lang="en" xml:lang="en" style="color: red; font-weight: bold">a</p>',
        '<table border="1"><tbody><tr><td colspan="2" align="left"><b>a</b></td></tr></tbody></table>',
        '<p style="background-image: url(line.png)">a</p>',
        "<p style=\"background: url( 'data:image/png;base64,AAAA')\">a</p>",
        '<img src="#picture" alt="a picture"/>',
        '<img src="data:image/png;base64,AAAA" alt=""/>',
        '<a href="Patient/4">a</a><a href="https://example.org/a:b?c">b</a><a name="here">c</a><a href="#here">d</a>',
        '<a href="mailto:a@example.org">a</a><a href="urn:oid:1.2">b</a><a href="tel:+44">c</a><a href="cid:1">d</a><a href="ftp://a">e</a>',
        "<!-- a comment --><h1>&#233;</h1><pre>a\r\nb</pre>",
        "<ul><li>a</li></ul><blockquote cite='http://example.org'>a</blockquote>",
    ],
)
def test_formatted_text_is_allowed(inside: str) -> None:
    assert narrative_fault(f"{OPENING}{inside}</div>") == ""
    assert narrative_fault(f"<div>{inside}</div>") == ""


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
NEITHER = "ins del script form input button select textarea label fieldset object applet iframe frame style link meta"
NEITHER_OF_ATTRIBUTES = "onclick onload onerror action background data http-equiv target srcset ping poster srcdoc"


def test_every_element_and_attribute_of_the_rule_is_allowed_and_no_other_of_html() -> None:
    texts = {name: f"{OPENING}<{name}>a</{name}></div>" for name in f"{ELEMENTS} {NEITHER}".split()}
    for name in f"{ATTRIBUTES} {NEITHER_OF_ATTRIBUTES}".split():
        texts[f"@{name}"] = f'{OPENING}<p {name}="x">a</p></div>'

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
        ("<p onclick='alert(1)'>a</p>", "an attribute that a narrative may not have"),
        ("<img src='x.png' onerror='alert(1)'/>", "an attribute that a narrative may not have"),
        ("<a href='javascript:alert(1)'>a</a>", "a link of a kind"),
        ("<a href=' JaVa\tscript&#10;:alert(1)'>a</a>", "a link of a kind"),
        ("<a href='data:text/html,x'>a</a>", "a link of a kind"),
        ("<a href='data:image/png;base64,AAAA'>a</a>", "a link of a kind"),
        ("<img src='data:image/svg+xml,x' alt=''/>", "a link of a kind"),
        ("<p style='background: URL (https://example.org/x.png)'>a</p>", "a style that takes something from elsewhere"),
        ("<p style='background: url(&quot;//example.org/x.png&quot;)'>a</p>", "a style that takes something"),
        ("<p style='background: url(a.png), url(\nhttp:x)'>a</p>", "a style that takes something from elsewhere"),
        ("<p style='width: expression(alert(1))'>a</p>", "a style that takes something from elsewhere"),
        ("<p style='background: u\\72l(x)'>a</p>", "a style that takes something from elsewhere"),
        ("<p style='@import x'>a</p>", "a style that takes something from elsewhere"),
        ("<?php x ?>a", "a processing instruction"),
        ("<b>" * 64 + "a" + "</b>" * 64, "nested too deeply"),
        ("&nbsp;", "not well-formed XHTML"),
        ("<p>", "not well-formed XHTML"),
        ("<x:p>a</x:p>", "not well-formed XHTML"),
        ("&#1;", "not well-formed XHTML"),
        (" \n&#9; ", "has to say or show something"),
        ("<p/>", "has to say or show something"),
        ("a</div><div>", "not well-formed XHTML"),
    ],
)
def test_what_a_narrative_may_not_hold_is_reported_in_fixed_words(inside: str, reason: str) -> None:
    assert reason in narrative_fault(f"{OPENING}{inside}</div>")


def test_a_narrative_ends_with_its_div() -> None:
    assert narrative_fault(f"{OPENING}a</div>\n") == ""
    assert narrative_fault(f"{OPENING}a</div><!-- more -->") == "a narrative has to end with its div"
    assert narrative_fault(f"{OPENING}a</div><?more?>") == "holds a processing instruction"


def test_as_many_levels_as_a_body_may_have() -> None:
    assert narrative_fault(OPENING + "<b>" * 63 + "a" + "</b>" * 63 + "</div>") == ""


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
