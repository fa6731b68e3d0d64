"""Parse XML without the features that attacks need: document types, entities, unlimited depth.

The parser is Expat, which comes with Python. It takes linear time, gives its byte position, by which a narrative is cut
out unchanged, and fetches nothing. Its protection against entities is not needed, since none can be declared.
"""

# The handlers below do all that defusedxml would add.
from xml.parsers import expat

from careconnect_records.parsing.exact_json import MAX_NESTED

__all__ = ["MAX_NESTED", "UnsafeXmlError", "expat", "strict_parser"]

_ENCODINGS = frozenset(("utf-8", "utf8", "us-ascii"))


class UnsafeXmlError(ValueError):
    """A document uses a feature of XML that is not accepted. The text of the error is fixed."""


def strict_parser() -> expat.XMLParserType:
    """Return a parser of UTF-8 that joins namespace and name with a space.

    Parsing raises `UnsafeXmlError` for a document type or another encoding, and `expat.ExpatError` for a document that
    is not well-formed.
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
