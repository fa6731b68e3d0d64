"""Parse XML without what an attacker needs of it: document types, entities of its own, depth without end.

The parser is Expat, which comes with Python: it reads in linear time, says at which byte it is (a narrative is kept
to the letter), and fetches nothing. Its own bounds hold for entities, which cannot be declared here at all.
"""

# Safe with the handlers below, which are all that defusedxml would add.
from xml.parsers import expat

from careconnect_records.parsing.exact_json import MOST_NESTED

__all__ = ["MOST_NESTED", "UnsafeXmlError", "expat", "strict_parser"]

_ENCODINGS = frozenset(("utf-8", "utf8", "us-ascii"))


class UnsafeXmlError(ValueError):
    """A text is XML that is not taken, whatever it says; the text of the error is fixed."""


def strict_parser() -> expat.XMLParserType:
    """Return a parser of UTF-8 that joins namespace and name by a space.

    Feeding it raises `UnsafeXmlError` for a document type or another encoding, and `expat.ExpatError` for what is not
    well-formed.
    """
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.XmlDeclHandler = _check_declaration
    return parser


def _refuse_document_type(_name: str, _system_id: str | None, _public_id: str | None, _has_subset: bool) -> None:
    raise UnsafeXmlError("XML with a document type is not taken")


def _check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise UnsafeXmlError("XML in another encoding than UTF-8 is not taken")
