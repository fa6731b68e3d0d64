"""The top-level elements of STU3's types, by the names that `_elements` may give them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NotRequired, TypedDict

PATH: Final = Path(__file__).with_name("elements.json")


class _Row(TypedDict):
    """The elements of a type, and the forms of its choices by their common name (`value` of `valueString`)."""

    elements: Sequence[str]
    choices: NotRequired[Mapping[str, Sequence[str]]]


_ROWS: Final[Mapping[str, _Row]] = json.loads(PATH.read_bytes())


def _by_name(row: _Row) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {name: (name,) for name in row["elements"]}
    for choice, forms in row.get("choices", {}).items():
        names |= {form: (form,) for form in forms} | dict.fromkeys((choice, f"{choice}[x]"), tuple(forms))
    return names


_NAMES: Final = {type_name: _by_name(row) for type_name, row in _ROWS.items()}


def elements_called(type_name: str, name: str) -> tuple[str, ...]:
    """Return the elements of a type with a name as JSON has them, several of a choice; none if it has no such one."""
    return _NAMES.get(type_name, {}).get(name, ())
