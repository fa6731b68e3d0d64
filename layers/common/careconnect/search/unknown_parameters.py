"""What becomes of a parameter that is not offered (`fhir.md`, Unknown parameters)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from careconnect.fhir import outcomes
from careconnect.fhir.nearest_name import nearest_name
from careconnect.fhir.outcomes import Issue
from careconnect.fhir.stu3_parameters import is_defined
from careconnect.search.cursor import CURSOR
from careconnect.search.result_parameters import Handling


@dataclass(frozen=True, slots=True)
class Offer:
    """The `names` of the parameters that may be asked `of` a type or an operation (`Patient`, `Patient/$everything`).

    `handling` is what the caller wants done with any other.
    """

    of: str
    names: tuple[str, ...]
    handling: Handling

    def ignore(self, name: str) -> Issue:
        """Return the warning that the parameter `name`, which is not on offer, is left out.

        Raises the 400 outcome where it is not to be: STU3 defines it, so that the answer would be of a wider question,
        or the handling is strict.
        """
        head = re.split("[:.]", name, maxsplit=1)[0]
        said = self._of_defined(head) if is_defined(self.of, head) else self._of_unknown(name, head)
        return Issue("not-supported", f"{outcomes.safe_name(name)}: {said}", severity="warning")

    def _of_defined(self, head: str) -> str:
        if self.handling is Handling.LENIENT:
            return "FHIR defines the parameter, but it is not offered and was ignored: more may be found."
        raise outcomes.invalid_parameter(
            head,
            "FHIR defines the parameter, but it is not offered, and without it more would be found: leave it out, "
            "or send Prefer: handling=lenient to have it ignored. What is offered is listed by metadata.",
            code="not-supported",
        )

    def _of_unknown(self, name: str, head: str) -> str:
        nearest = nearest_name(head, self.names)
        hint = f" The nearest is {nearest}." if nearest else ""
        if self.handling is Handling.STRICT:
            raise outcomes.invalid_parameter(name, f"the parameter is not supported.{hint}", code="not-supported")
        return f"the parameter is not supported and was ignored.{hint}"


class Asked(Protocol):
    """What becomes of a request's parameters: its place in the pages, those understood, and what is said of others."""

    cursor: str
    used: list[tuple[str, str]]
    warnings: list[Issue]


def sort_out(
    asked: Asked, parameters: Iterable[tuple[str, str]], take: Callable[[str, str], bool], offer: Offer
) -> None:
    """Put each parameter where it belongs in `asked`; one without a value counts as not given.

    `take` says whether it understands a name and its text. Raises the 400 outcome of `Offer.ignore`, and what `take`
    raises.
    """
    for name, text in parameters:
        if not text:
            continue
        if name == CURSOR:
            asked.cursor = text
        elif take(name, text):
            asked.used.append((name, text))
        else:
            asked.warnings.append(offer.ignore(name))
