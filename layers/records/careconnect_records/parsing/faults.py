"""The faults of a body or of the resource in it: a code, a path and a fixed text, never a value."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

MAX_FAULTS: Final = 50
"""The maximum number of faults that are reported for one resource."""

_MAX_IN_TEXT: Final = 3
# The key of an invariant, such as ref-1.
_KEY: Final = re.compile(r"[a-z]{3,4}-[0-9]+: ")

FaultCode = Literal["invalid", "required", "value", "code-invalid", "structure", "not-found", "invariant"]
"""The codes of STU3's ValueSet issue-type that a fault can have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `expression` is a FHIRPath (`Observation.component[1].valueQuantity.code`), `text` a sentence.

    Neither holds a value that was sent. Of the names of unknown elements, both hold those that FHIR could have; the
    text of a reference may hold an entry's full URL.
    """

    code: FaultCode
    expression: str
    text: str

    @classmethod
    def at(cls, expression: str, code: FaultCode, predicate: str) -> "Fault":
        """Return the fault of an element: the sentence is its path within the resource, and `predicate`.

        If that begins with the key of an invariant (`ref-1: `), so does the sentence.
        """
        key = match[0] if (match := _KEY.match(predicate)) else ""
        return cls(code, expression, f"{key}{expression.partition('.')[2] or expression} {predicate[len(key) :]}.")


class UnreadableBodyError(ValueError):
    """A body does not match its media type. The text is fixed, but for a position, and may be shown to the caller."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{reason} (line {line}, column {column})" if line else reason)


class InvalidResourceError(ValueError):
    """A resource is not valid STU3; `faults` are all that were found, the text has the first three."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        text = "; ".join(map(_short, self.faults[:_MAX_IN_TEXT]))
        more = len(self.faults) - _MAX_IN_TEXT
        super().__init__(f"{text} (and {more} more)" if more > 0 else text)


def _short(fault: Fault) -> str:
    # HL7's texts do not name the element.
    return f"{fault.text} ({fault.expression})" if fault.code == "invariant" else fault.text.removesuffix(".")
