"""STU3's invariants of level error: each has a key, HL7's text, expression and places (`make stu3-definitions`)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATH: Final = Path(__file__).with_name("invariants.json")


@dataclass(frozen=True, slots=True)
class Invariant:
    """An invariant: its key, HL7's text and FHIRPath expression, and its places.

    A place is a type, or an element by its path as JSON names it (`Organization.address`).
    """

    key: str
    text: str
    expression: str
    places: tuple[str, ...]


INVARIANTS: Final = tuple(
    Invariant(key, each["text"], each["expression"], tuple(each["places"]))
    for key, each in json.loads(PATH.read_bytes()).items()
)
"""All invariants of level error of the types that can be written, and of the data types in them."""
