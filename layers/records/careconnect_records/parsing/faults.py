"""What is wrong with a body or with the resource in it: fixed words, a code and a place, never a value."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

MOST_FAULTS: Final = 50
"""So many faults of one resource are told; a caller who mends them learns of the rest."""

_MOST_IN_TEXT: Final = 3

FaultCode = Literal["invalid", "required", "value", "code-invalid", "structure", "not-found"]
"""The codes of STU3's ValueSet issue-type that a fault can have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: `expression` is a FHIRPath (`Observation.component[1].valueQuantity.code`), `text` what is wrong.

    Both are built of names that FHIR gives, never of what was sent.
    """

    code: FaultCode
    expression: str
    text: str


class UnreadableBodyError(ValueError):
    """A body is not what its media type says; the text is fixed and may be told."""


class InvalidResourceError(ValueError):
    """A resource is not valid STU3; `faults` are all that were found, its text the first three of them."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        # Whoever reports it names the resource; the elements are named from there.
        told = "; ".join(
            f"{fault.expression.partition('.')[2] or fault.expression}: {fault.text}"
            for fault in self.faults[:_MOST_IN_TEXT]
        )
        more = len(self.faults) - _MOST_IN_TEXT
        super().__init__(f"{told} (and {more} more)" if more > 0 else told)
