"""Check the form of a primitive's value (STU3 Datatypes §2.24.0.1)."""

import base64
import binascii
import re
from functools import lru_cache
from typing import Any, Final

from fhir_core import types
from pydantic import TypeAdapter, ValidationError

from careconnect.fhir.resource_types import valid_id
from careconnect_records.parsing.exact_json import JsonNumber
from careconnect_records.parsing.faults import FaultCode
from careconnect_records.parsing.narrative import narrative_fault
from careconnect_records.stu3.schema import Element

_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGERS: Final = frozenset(("integer", "unsignedInt", "positiveInt"))
_URIS: Final = frozenset(("uri", "oid", "uuid", "url"))
# A URL that ends in one of these has another path after normalisation (RFC 3986 §5.2.4).
_DOT_SEGMENTS: Final = (".", "..")
_LARGEST_EXPONENT: Final = 40

# The checks of fhir.resources, and below their descriptions.
_TYPES: Final[dict[str, Any]] = {
    "code": types.CodeType,
    "date": types.DateType,
    "dateTime": types.DateTimeType,
    "decimal": types.DecimalType,
    "instant": types.InstantType,
    "integer": types.IntegerType,
    "oid": types.OidType,
    "positiveInt": types.PositiveIntType,
    "string": types.StringType,
    "time": types.TimeType,
    "unsignedInt": types.UnsignedIntType,
    "uuid": types.UuidType,
}
_FORMS: Final = {
    "code": "is not a code: it has no white space but single spaces within",
    "date": "is not a date: YYYY-MM-DD, YYYY-MM or YYYY",
    "dateTime": "is not a dateTime: YYYY-MM-DD, YYYY-MM, YYYY, or YYYY-MM-DDThh:mm:ss with a zone (Z, +01:00)",
    "instant": "is not an instant: YYYY-MM-DDThh:mm:ss with a zone (Z, +01:00)",
    "integer": "is not an integer of 32 bits",
    "oid": "is not an oid: urn:oid: and numbers with dots between",
    "positiveInt": "is not a positiveInt: 1 to 2147483647",
    "string": "is a text of nothing but white space",
    "time": "is not a time: hh:mm:ss",
    "unsignedInt": "is not an unsignedInt: 0 to 2147483647",
    "uuid": "is not a uuid: urn:uuid: and its 32 digits",
}
_NOT_IN_THE_CALENDAR: Final = ("date_", "datetime_", "time_")


def value_fault(value: Any, element: Element) -> tuple[FaultCode, str] | None:
    """Return the code of a value's fault and a predicate, None if it is valid; the predicate never quotes the value."""
    kind = element.primitive
    if kind == "boolean":
        return None if isinstance(value, bool) else ("value", "is not true or false")
    text = _number_fault(value, kind) if kind in _INTEGERS or kind == "decimal" else _text_fault(value, kind)
    if text:
        return "value", text
    if kind == "xhtml":
        return narrative_fault(value)
    if element.codes and value not in element.codes:
        return "code-invalid", f"is not one of {', '.join(sorted(element.codes))}"
    return ("value", text) if (text := _form_fault(value, kind)) else None


def _text_fault(value: Any, kind: str) -> str:
    if not isinstance(value, str) or not value:
        return "is not a text with characters"
    if _NOT_IN_XML.search(value):
        return "holds a character that XML cannot hold"
    if kind == "id" and (not valid_id(value) or value in _DOT_SEGMENTS):
        return "is not an id: 1 to 64 letters, digits, hyphens and dots"
    if kind in _URIS and any(char.isspace() for char in value):
        return "is not a URI: it holds white space"
    if kind == "base64Binary" and not _is_base64(value):
        return "is not base64"
    return ""


def _number_fault(value: Any, kind: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | JsonNumber):
        return "is not a number"
    if kind != "decimal":
        return "is not a whole number" if isinstance(value, JsonNumber) else ""
    # No measurement is beyond this, and XML, which has no exponents in STU3, would have to write all zeros.
    size = abs(value.adjusted()) if isinstance(value, JsonNumber) else len(str(abs(value))) - 1
    return "is a number out of all proportion" if size > _LARGEST_EXPONENT else ""


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _form_fault(value: Any, kind: str) -> str:
    form = _form(kind)
    if form is None:
        return ""
    try:
        form.validate_python(value)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_input=False, include_context=False)
        if first["type"].startswith(_NOT_IN_THE_CALENDAR):
            return "is not in the calendar"
        return _FORMS.get(kind, f"is not of the form of its type ({kind})")
    return ""


@lru_cache(maxsize=32)
def _form(kind: str) -> TypeAdapter[Any] | None:
    form = _TYPES.get(kind)
    return TypeAdapter(form) if form is not None else None
