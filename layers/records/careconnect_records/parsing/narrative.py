"""Validate the XHTML of a narrative (STU3 Narrative §2.5.1, rules txt-1 to txt-3)."""

import re
from typing import Final

from careconnect.fhir.rendering.xml_writer import XHTML
from careconnect_records.parsing.strict_xml import MAX_NESTED, UnsafeXmlError, expat, strict_parser

XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"

# The elements that txt-1 allows: HTML 4.0, chapters 7 to 11 without 9.4 (ins, del) and 15, with links and images.
_ELEMENTS: Final = frozenset(
    (
        *("div", "span", "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "address", "blockquote", "q", "pre"),
        *("em", "strong", "dfn", "code", "samp", "kbd", "var", "cite", "abbr", "acronym", "sub", "sup", "bdo"),
        *("tt", "i", "b", "big", "small", "s", "strike", "u", "font", "center"),
        *("ul", "ol", "li", "dl", "dt", "dd"),
        *("table", "caption", "thead", "tbody", "tfoot", "colgroup", "col", "tr", "th", "td"),
        *("a", "img", "map", "area"),
    )
)
_ATTRIBUTES: Final = frozenset(
    (
        *("id", "class", "title", "style", "lang", "dir", "accesskey", "tabindex", "xml:lang", "xml:space"),
        *("align", "valign", "char", "charoff", "width", "height", "border", "frame", "rules", "cellspacing"),
        *("cellpadding", "summary", "span", "rowspan", "colspan", "headers", "scope", "abbr", "axis", "nowrap"),
        *("bgcolor", "clear", "color", "face", "size", "noshade", "compact", "start", "type", "value"),
        *("name", "href", "hreflang", "charset", "rel", "rev", "shape", "coords", "nohref", "cite"),
        *("src", "alt", "longdesc", "usemap", "ismap"),
    )
)
_LINKS: Final = frozenset(("href", "src", "cite", "longdesc", "usemap"))
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_SCHEMES: Final = frozenset(("http", "https", "ftp", "mailto", "tel", "urn", "cid"))
_IMAGE: Final = re.compile(r"data:image/(?:png|gif|jpe?g|bmp|webp)[;,]", re.IGNORECASE)
# Browsers ignore these characters within a scheme.
_SKIPPED: Final = re.compile(r"[\x00-\x20\x7f-\xa0]+")
# Styles that run code, or are escaped to hide it.
_UNSAFE_STYLE: Final = re.compile(r"expression\s*\(|@|\\|/\*|behaviou?r|-moz-binding|script:", re.IGNORECASE)
_STYLE_LINK: Final = re.compile(r"(?:url|src|image|image-set)\s*\(\s*[\"']?(?P<target>[^\"')]*)", re.IGNORECASE)


class _NarrativeError(ValueError):
    """A narrative violates a rule, which the text names."""


def narrative_fault(text: str) -> str:
    """Return the fault of a narrative, or `""`; the text quotes nothing of it."""
    if not text.startswith("<div"):
        return "a narrative has to begin with <div"
    reader = _Reader()
    try:
        reader.read(text)
    except expat.ExpatError:
        return "not well-formed XHTML"
    except (_NarrativeError, UnsafeXmlError) as error:
        return str(error)
    return "" if reader.has_content else "a narrative has to say or show something (txt-2)"


def stands_alone(div: bytes) -> bool:
    """Return True if a piece of an XML document is a `div` in XHTML's namespace by itself."""
    names: list[str] = []
    parser = strict_parser()
    parser.StartElementHandler = lambda name, _attributes: names.append(name)
    try:
        parser.Parse(div, True)
    except (expat.ExpatError, UnsafeXmlError):
        return False
    return div.startswith(b"<div") and names[0] == f"{XHTML} div"


class _Reader:
    def __init__(self) -> None:
        self.has_content = False
        self._depth = 0
        self._prefix = ""

    def read(self, text: str) -> None:
        parser = strict_parser()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._comment
        parser.ProcessingInstructionHandler = self._instruction
        parser.Parse(text.encode(), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._depth:
            if name not in ("div", f"{XHTML} div"):
                raise _NarrativeError("a narrative's root has to be an XHTML div")
            self._prefix = name.removesuffix("div")
        self._depth += 1
        if self._depth > MAX_NESTED:
            raise _NarrativeError("nested too deeply")
        element = name.removeprefix(self._prefix)
        if element not in _ELEMENTS:
            raise _NarrativeError("holds an element that a narrative may not have (txt-1)")
        self.has_content = self.has_content or element == "img"
        for key, value in attributes.items():
            _check_attribute(key.replace(f"{XML_NAMESPACE} ", "xml:"), value, element)

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _text(self, text: str) -> None:
        self.has_content = self.has_content or bool(text.strip(" \t\r\n"))

    def _comment(self, _text: str) -> None:
        if not self._depth:
            raise _NarrativeError("a narrative has to end with its div")

    def _instruction(self, _target: str, _text: str) -> None:
        raise _NarrativeError("holds a processing instruction")


def _check_attribute(name: str, value: str, element: str) -> None:
    if name not in _ATTRIBUTES:
        raise _NarrativeError("holds an attribute that a narrative may not have (txt-1)")
    if name == "style" and (_UNSAFE_STYLE.search(value) or any(map(_is_elsewhere, _STYLE_LINK.finditer(value)))):
        raise _NarrativeError("holds a style that takes something from elsewhere (txt-1)")
    if name in _LINKS:
        target = _SKIPPED.sub("", value)
        scheme = _SCHEME.match(target)
        is_image = element == "img" and name == "src" and _IMAGE.match(target)
        if scheme and scheme[1].lower() not in _SCHEMES and not is_image:
            raise _NarrativeError("holds a link of a kind that a narrative may not have (txt-1)")


def _is_elsewhere(link: re.Match[str]) -> bool:
    """Return True if a style's link is neither relative (`url(line.png)`) nor an embedded image."""
    target = _SKIPPED.sub("", link["target"])
    return target.startswith("//") or (_SCHEME.match(target) is not None and not _IMAGE.match(target))
