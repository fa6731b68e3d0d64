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
    """A document uses a feature of XML that is not accepted, or is nested too deeply. The text of the error is fixed.

    `line` and `column` are the place of the `parser` now, in characters from 1, else 0: a parser goes on for a while
    after an error.
    """

    def __init__(self, text: str, parser: expat.XMLParserType | None = None) -> None:
        super().__init__(text)
        self.line, self.column = (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1) if parser else (0, 0)


def strict_parser() -> expat.XMLParserType:
    """Return a parser of UTF-8 that joins namespace and name with a space.

    Parsing raises `UnsafeXmlError` for a document type or another encoding, and `expat.ExpatError` for a document that
    is not well-formed.
    """
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True

    def refuse_document_type(*_parts: object) -> None:
        raise UnsafeXmlError("XML with a document type is not taken", parser)

    def check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise UnsafeXmlError("XML in another encoding than UTF-8 is not taken", parser)

    parser.StartDoctypeDeclHandler = refuse_document_type
    parser.XmlDeclHandler = check_declaration
    return parser
