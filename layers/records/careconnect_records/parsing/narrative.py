"""Validate the XHTML of a narrative (STU3 Narrative §2.5.1, rules txt-1 to txt-3; `write.md`, Narratives).

A valid one means the same to a browser, which reads it as HTML: that finds no other element, attribute or link in it.
"""

import re
from typing import Final

from careconnect.fhir.rendering.xml_writer import XHTML
from careconnect_records.parsing.faults import FaultCode
from careconnect_records.parsing.strict_xml import MAX_NESTED, UnsafeXmlError, expat, strict_parser

XML_NAMESPACE: Final = "http://www.w3.org/XML/1998/namespace"

# The elements that txt-1 allows: HTML 4.0, chapters 7 to 11 without 9.4 (ins, del) and 15, with links and images.
ELEMENTS: Final = frozenset(
    (
        *("div", "span", "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "address", "blockquote", "q", "pre"),
        *("em", "strong", "dfn", "code", "samp", "kbd", "var", "cite", "abbr", "acronym", "sub", "sup", "bdo"),
        *("tt", "i", "b", "big", "small", "s", "strike", "u", "font", "center"),
        *("ul", "ol", "li", "dl", "dt", "dd"),
        *("table", "caption", "thead", "tbody", "tfoot", "colgroup", "col", "tr", "th", "td"),
        *("a", "img", "map", "area"),
    )
)
ATTRIBUTES: Final = frozenset(
    (
        *("id", "class", "title", "style", "lang", "dir", "accesskey", "tabindex", "xml:lang", "xml:space"),
        *("align", "valign", "char", "charoff", "width", "height", "border", "frame", "rules", "cellspacing"),
        *("cellpadding", "summary", "span", "rowspan", "colspan", "headers", "scope", "abbr", "axis", "nowrap"),
        *("bgcolor", "clear", "color", "face", "size", "noshade", "compact", "start", "type", "value"),
        *("name", "href", "hreflang", "charset", "rel", "rev", "shape", "coords", "nohref", "cite"),
        *("src", "alt", "longdesc", "usemap", "ismap"),
    )
)
_LINKS: Final = frozenset(("href", "cite", "longdesc", "usemap"))
_LINK: Final = re.compile(r"https?:|mailto:|tel:|#", re.IGNORECASE | re.ASCII)
_IMAGE: Final = re.compile(r"data:image/(?:png|jpeg|gif)[;,]|#", re.IGNORECASE | re.ASCII)
_PROPERTY: Final = re.compile(
    r"color|background(?:-color)?"
    r"|font(?:-(?:family|size|stretch|style|variant|weight))?|line-height"
    r"|text-(?:align|decoration|indent|transform)|(?:letter|word)-spacing|white-space|vertical-align"
    r"|border(?:-(?:top|right|bottom|left))?(?:-(?:color|style|width))?|border-(?:collapse|radius|spacing)"
    r"|(?:margin|padding)(?:-(?:top|right|bottom|left))?"
    r"|(?:min-|max-)?(?:width|height)"
    r"|list-style(?:-(?:position|type))?",
    re.IGNORECASE | re.ASCII,
)
_UNSAFE: Final = re.compile(r"\\|expression", re.IGNORECASE | re.ASCII)
# Any other function may fetch something: not only url() does, image-set() too.
_FUNCTIONS: Final = frozenset(("rgb", "rgba", "hsl", "hsla", "calc"))
_IN_NAMES: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

MARKUP: Final = "holds a comment, CDATA section or processing instruction, which no narrative may have"
"""The predicate of a narrative with markup that XML ignores or reads as text. Browsers may read live elements in it."""


class _NarrativeError(ValueError):
    """A narrative violates a rule, which the text names."""


class _MarkupError(ValueError):
    """A narrative has a comment, a CDATA section or a processing instruction."""


def narrative_fault(text: str) -> tuple[FaultCode, str] | None:
    """Return the code of a narrative's fault and a predicate, None if it is valid; the predicate quotes nothing."""
    if not text.startswith("<div"):
        return "invalid", "does not begin with <div"
    reader = _Reader()
    try:
        reader.read(text)
    except _MarkupError:
        return "structure", MARKUP
    except (expat.ExpatError, UnsafeXmlError):
        return "invalid", "is not well-formed XHTML"
    except _NarrativeError as error:
        return "invalid", str(error)
    return None if reader.has_content else ("invalid", "txt-2: has neither text nor an image")


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
        self._namespace = ""

    def read(self, text: str) -> None:
        parser = strict_parser()
        parser.StartNamespaceDeclHandler = self._declaration
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.CommentHandler = self._markup
        parser.ProcessingInstructionHandler = self._markup
        parser.StartCdataSectionHandler = self._markup
        parser.Parse(text.encode(), True)

    def _declaration(self, prefix: str | None, _namespace: str) -> None:
        # HTML has no prefixes: a browser reads x:p as another element than p.
        if prefix is not None:
            raise _NarrativeError("holds a prefix of a namespace")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        if not self._depth:
            if name not in ("div", f"{XHTML} div"):
                raise _NarrativeError("is not an XHTML div")
            self._namespace = namespace
        self._depth += 1
        if self._depth > MAX_NESTED:
            raise _NarrativeError("is nested too deeply")
        if namespace != self._namespace or element not in ELEMENTS:
            raise _NarrativeError("txt-1: holds an element that a narrative may not have")
        self.has_content = self.has_content or element == "img"
        for key, value in attributes.items():
            _check_attribute(key.replace(f"{XML_NAMESPACE} ", "xml:"), value)

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _text(self, text: str) -> None:
        self.has_content = self.has_content or bool(text.strip(" \t\r\n"))

    def _markup(self, *_parts: str) -> None:
        raise _MarkupError(MARKUP)


def _check_attribute(name: str, value: str) -> None:
    if name not in ATTRIBUTES:
        raise _NarrativeError("txt-1: holds an attribute that a narrative may not have")
    if name == "style" and not all(map(_is_safe, filter(str.strip, value.split(";")))):
        raise _NarrativeError("holds a style that a narrative may not have")
    if (name in _LINKS and not _LINK.match(value)) or (name == "src" and not _IMAGE.match(value)):
        raise _NarrativeError("txt-1: holds a link of a kind that a narrative may not have")


def _is_safe(declaration: str) -> bool:
    """Return True if a declaration of a style is of a known property and fetches nothing."""
    name, _, value = declaration.partition(":")
    return bool(_PROPERTY.fullmatch(name.strip())) and _functions(value) <= _FUNCTIONS and not _UNSAFE.search(value)


def _functions(value: str) -> set[str]:
    """Return the names before the opening parentheses of a style's value, in lower case.

    A regular expression would take quadratic time to find none in a long text of letters, hyphens or spaces.
    """
    texts = [text.rstrip(" \t\n\r\f\v") for text in value.split("(")[:-1]]
    return {text[len(text.rstrip(_IN_NAMES)) :].lower() for text in texts}
