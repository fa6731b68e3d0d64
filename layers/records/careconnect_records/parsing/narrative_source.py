"""Cut a narrative out of an XML document: unchanged, if it means the same without the document around it."""

from typing import Final

from careconnect.fhir.rendering.xml_writer import XHTML
from careconnect_records.parsing.narrative import XML_NAMESPACE, stands_alone
from careconnect_records.parsing.strict_xml import MAX_NESTED, UnsafeXmlError

_IN_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_VALUE: Final = _IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


class NarrativeSource:
    """One `div` of a document, from the byte at which it starts.

    It is also rewritten while it is parsed, for a `div` that uses a prefix or a namespace declared outside of it.
    Elements that are not XHTML or not allowed stay in, so that the validation reports them.
    """

    ROOT: Final = f"{XHTML} div"

    def __init__(self, document: bytes, start: int) -> None:
        self._document = document
        self._start = start
        self._namespaces: list[str] = []
        self._written: list[str] = []

    def open(self, name: str, attributes: dict[str, str]) -> None:
        """Add the start of an element; raises `UnsafeXmlError` if it is nested too deeply."""
        if len(self._namespaces) >= MAX_NESTED:
            raise UnsafeXmlError("the body is nested too deeply")
        namespace, _, local = name.rpartition(" ")
        declared = (
            ""
            if self._namespaces and self._namespaces[-1] == namespace
            else f' xmlns="{namespace.translate(_IN_VALUE)}"'
        )
        self._namespaces.append(namespace)
        given = (f' {_attribute_name(key)}="{value.translate(_IN_VALUE)}"' for key, value in attributes.items())
        self._written.append(f"<{local}{declared}{''.join(given)}>")

    def characters(self, text: str) -> None:
        """Add text."""
        self._written.append(text.translate(_IN_TEXT))

    def close(self, name: str) -> bool:
        """Add the end of an element; return True if it is the end of the `div`."""
        self._namespaces.pop()
        self._written.append(f"</{name.rpartition(' ')[2]}>")
        return not self._namespaces

    def text(self, end: int) -> str:
        """Return the narrative whose end tag (if empty: only tag) begins at the byte `end`."""
        cut = self._document[self._start : self._document.index(b">", end) + 1]
        return cut.decode() if stands_alone(cut) else "".join(self._written)


def _attribute_name(key: str) -> str:
    """Return an attribute's name. A namespace other than XML's gets an undeclared prefix, which is refused later."""
    namespace, _, local = key.rpartition(" ")
    if not namespace:
        return local
    return f"xml:{local}" if namespace == XML_NAMESPACE else f"unknown:{local}"
