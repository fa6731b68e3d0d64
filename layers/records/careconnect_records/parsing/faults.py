"""The faults of a body or of the resource in it: a code, a path and a fixed text, never a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

MAX_FAULTS: Final = 50
"""The maximum number of faults that are reported for one resource."""

_MAX_IN_TEXT: Final = 3

FaultCode = Literal["invalid", "required", "value", "code-invalid", "structure", "not-found"]
"""The codes of STU3's ValueSet issue-type that a fault can have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `expression` is a FHIRPath (`Observation.component[1].valueQuantity.code`), `text` a sentence.

    Neither holds a value that was sent. Of the names of unknown elements, both hold those that FHIR could have.
    """

    code: FaultCode
    expression: str
    text: str

    @classmethod
    def at(cls, expression: str, code: FaultCode, predicate: str) -> "Fault":
        """Return the fault of an element: the sentence is its path within the resource, and `predicate`."""
        return cls(code, expression, f"{expression.partition('.')[2] or expression} {predicate}.")


class UnreadableBodyError(ValueError):
    """A body does not match its media type. The text is fixed, but for a position, and may be shown to the caller."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{reason} (line {line}, column {column})" if line else reason)


class InvalidResourceError(ValueError):
    """A resource is not valid STU3; `faults` are all that were found, the text has the first three."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        text = "; ".join(fault.text.removesuffix(".") for fault in self.faults[:_MAX_IN_TEXT])
        more = len(self.faults) - _MAX_IN_TEXT
        super().__init__(f"{text} (and {more} more)" if more > 0 else text)
