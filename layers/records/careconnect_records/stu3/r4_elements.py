"""Say of an element or a form that R4 has it and STU3 has not, and what STU3 has.

Many examples, and many clients, are of R4. `r4_elements.json` has R4's differences for the types that are written and
the data types in them: elements that are `renamed`, perhaps into another element, and `added`; elements that are
`codeable`, a CodeableConcept in place of a code, and `repeating`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).with_name("r4_elements.json")
_TYPES: Final[Mapping[str, Mapping[str, Any]]] = json.loads(PATH.read_bytes())

_CODEABLE: Final = "is a CodeableConcept, which is R4's: STU3 has a code"
_REPEATING: Final = "is an array, which is R4's: STU3 has one element"

FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    type_name: dict.fromkeys(row.get("codeable", ()), _CODEABLE) | dict.fromkeys(row.get("repeating", ()), _REPEATING)
    for type_name, row in _TYPES.items()
}
"""The elements that have another form in R4, by type; each with a predicate for that form."""


def stu3_instead_of(type_name: str, name: str) -> str:
    """Return a sentence with what STU3 has instead of R4's element `name` of a type; empty for one that R4 has not."""
    row = _TYPES.get(type_name, {})
    if stu3 := row.get("renamed", {}).get(name):
        return f"That is R4's: STU3 has {stu3}."
    return "That is R4's: STU3 has none." if name in row.get("added", ()) else ""


def form_of_r4(type_name: str, key: str, value: Any) -> str:
    """Return a predicate for the value of one of `FORMS` in the form of R4, empty for any other.

    `key` is the element's name, perhaps with a `_`.
    """
    name = key.removeprefix("_")
    predicate = FORMS[type_name][name]
    if predicate == _REPEATING:
        return predicate if key == name and isinstance(value, list) else ""
    # XML adds what is no value beside it.
    is_concept = isinstance(value, dict) and (key == name or not {"coding", "text"}.isdisjoint(value))
    return predicate if is_concept else ""
