"""The parameters that all searches share: the presentation of the answer, and the handling of unknown parameters.

`search.md`, Result parameters and Unknown parameters.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from careconnect.fhir import outcomes
from careconnect.fhir.nearest_parameter import hint, hint_of_meaning
from careconnect.fhir.outcomes import Issue
from careconnect.fhir.rendering.formats import negotiate
from careconnect.fhir.rendering.views import View
from careconnect.fhir.resource_types import COMMON_PARAMETERS, ResourceType, SearchParameter
from careconnect.fhir.result_parameter_names import (
    BOOLEANS,
    DEFAULT_COUNT,
    MAX_COUNT,
    MAX_SORT_KEYS,
    SUMMARIES,
    TOTALS,
)
from careconnect.fhir.stu3_parameters import is_defined
from careconnect.search.links import CURSOR

_ELEMENT: Final = re.compile(r"[A-Za-z]+(?:\[x\])?")


class Handling(StrEnum):
    """The handling of a parameter that is not offered (`search.md`, Unknown parameters; RFC 7240 §4.4)."""

    STANDARD = "standard"
    """A parameter that STU3 defines is refused, an unknown one is ignored."""
    STRICT = "strict"
    """Both are refused."""
    LENIENT = "lenient"
    """Both are ignored."""


@dataclass(frozen=True, slots=True)
class Order:
    """One key of `_sort`."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True)
class ResultParameters:
    """The answer's presentation, page size and order, and the handling of unknown parameters."""

    view: View
    count: int = DEFAULT_COUNT
    sort: tuple[Order, ...] = ()
    total: str = ""
    handling: Handling = Handling.STANDARD

    @property
    def only_total(self) -> bool:
        """Return True if no entries are requested (`_count=0`, `_summary=count`)."""
        return self.count == 0 or self.view.summary == "count"

    @property
    def wants_total(self) -> bool:
        """Return True if the answer shows the number of all matches, when requested or known without extra work."""
        return self.exact_total or self.total != "none"

    @property
    def exact_total(self) -> bool:
        """Return True if the number of all matches is requested, whatever it costs."""
        return self.only_total or self.total == "accurate"


def parse_result_parameters(
    type_: ResourceType, parameters: Iterable[tuple[str, str]], headers: Mapping[str, str], takes: Collection[str]
) -> ResultParameters:
    """Read the result parameters that an interaction `takes`; one without a value counts as not given.

    The last of a repeated one counts, but each must be well formed; the keys of several `_sort` are joined. Raises the
    400 outcomes for malformed ones and 406 for a format that is not offered (STU3 Search §2.21.1.9).
    """
    given = [(*name.partition(":")[::2], text) for name, text in parameters if text]
    given = [(head, modifier, text) for head, modifier, text in given if head in takes]
    values = {head: text for head, _, text in given}
    view = _view(values, headers.get("accept", ""))
    for head, modifier, text in given:
        if modifier:
            raise outcomes.invalid_parameter(head, "the modifier is not supported: leave it out.", code="not-supported")
        if head == "_count":
            _check_count(text)
        if head == "_total" and text not in TOTALS:
            raise outcomes.invalid_parameter("_total", f"takes {', '.join(TOTALS)}.")
        _check_view_parameter(head, text)
    return ResultParameters(
        view=view,
        count=min(int(values.get("_count", DEFAULT_COUNT)), MAX_COUNT),
        sort=_sort(type_, [key for head, _, text in given if head == "_sort" for key in text.split(",")]),
        total=values.get("_total", ""),
        handling=handling_of(headers.get("prefer", "")),
    )


def _view(parameters: Mapping[str, str], accept: str) -> View:
    """Return the view that well-formed `VIEW_PARAMETERS` and the Accept header ask for.

    Raises:
        OutcomeError: 406 for a format that is not offered.
    """
    elements = parameters.get("_elements", "")
    return View(
        format=negotiate(parameters.get("_format", ""), accept),
        pretty=parameters.get("_pretty") == "true",
        summary=parameters.get("_summary", "false"),
        elements=tuple(part.strip() for part in elements.split(",")) if elements else (),
    )


def _check_view_parameter(name: str, text: str) -> None:
    """Raise the 400 outcome if `text` is no value of the parameter. `_view` checks `_format`."""
    if name == "_pretty" and text not in BOOLEANS:
        raise outcomes.invalid_parameter(name, "takes true or false.")
    if name == "_summary" and text not in SUMMARIES:
        raise outcomes.invalid_parameter(name, "takes true, text, data, count or false.")
    if name == "_elements" and not all(_ELEMENT.fullmatch(part.strip()) for part in text.split(",")):
        raise outcomes.invalid_parameter(name, "takes a comma-separated list of element names.")


def _check_count(text: str) -> None:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise outcomes.invalid_parameter("_count", "takes a whole number from 0.")


def _sort(type_: ResourceType, keys: Iterable[str]) -> tuple[Order, ...]:
    """Return the keys of `_sort`, each once: the first of a repeated key counts."""
    by_name: dict[str, Order] = {}
    for key in keys:
        order = _order(type_, key)
        by_name.setdefault(order.parameter.name, order)
    if len(by_name) > MAX_SORT_KEYS:
        raise outcomes.invalid_parameter("_sort", f"takes at most {MAX_SORT_KEYS} parameters.", code="too-costly")
    return tuple(by_name.values())


def _order(type_: ResourceType, text: str) -> Order:
    name = text.removeprefix("-")
    parameter = type_.parameter(name)
    if parameter is None or not parameter.sortable:
        names = [one.name for one in (*COMMON_PARAMETERS, *type_.parameters) if one.sortable]
        takes = f"takes {', '.join(names)}, with - for descending.{hint(name, names)}"
        raise outcomes.invalid_parameter("_sort", takes)
    return Order(parameter, descending=text.startswith("-"))


def handling_of(prefer: str) -> Handling:
    """Return the handling that a Prefer header requests; the first of several counts (RFC 7240 §2, §4.4)."""
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "handling":
            asked = value.strip().strip('"')
            return next((each for each in (Handling.STRICT, Handling.LENIENT) if each == asked), Handling.STANDARD)
    return Handling.STANDARD


@dataclass(frozen=True, slots=True)
class Offer:
    """The `names` of the parameters that a type or an operation offers (`of`: `Patient`, `Patient/$everything`).

    `handling` is the caller's requested handling of any other parameter.
    """

    of: str
    names: tuple[str, ...]
    handling: Handling

    def ignore(self, name: str) -> Issue:
        """Return the warning that the parameter `name`, which is not offered, was ignored.

        Raises the 400 outcome if it must not be ignored: STU3 defines it, so that the answer would be that of a wider
        query, or the handling is strict.
        """
        head = re.split("[:.]", name, maxsplit=1)[0]
        said = self._of_defined(head) if is_defined(self.of, head) else self._of_unknown(name, head)
        return Issue("not-supported", f"{outcomes.safe_name(name)}: {said}", severity="warning")

    def _of_defined(self, head: str) -> str:
        if self.handling is Handling.LENIENT:
            said = "FHIR defines the parameter, but it is not offered and was ignored: more may be found."
            return f"{said}{hint_of_meaning(head, self.names)}"
        raise outcomes.invalid_parameter(
            head,
            "FHIR defines the parameter, but it is not offered, and without it more would be found: leave it out, "
            "or send Prefer: handling=lenient to have it ignored. What is offered is listed by metadata."
            f"{hint_of_meaning(head, self.names)}",
            code="not-supported",
        )

    def _of_unknown(self, name: str, head: str) -> str:
        near = hint(head, self.names)
        if self.handling is Handling.STRICT:
            raise outcomes.invalid_parameter(name, f"the parameter is not supported.{near}", code="not-supported")
        return f"the parameter is not supported and was ignored.{near}"


class ParsedQuery(Protocol):
    """A parsed query: its cursor, the supported parameters, and warnings about the others."""

    cursor: str
    used: list[tuple[str, str]]
    warnings: list[Issue]


def sort_parameters(
    asked: ParsedQuery, parameters: Iterable[tuple[str, str]], offer: Offer, take: Callable[[str, str], bool]
) -> None:
    """Sort each parameter into `asked`; one without a value counts as not given.

    `take` returns True if it supports a name and its text; a repeated pair, which adds nothing, is not taken again, and
    an ignored name is reported once. Raises the 400 outcome of `Offer.ignore`, and the errors of
    `take`.
    """
    taken: set[tuple[str, str]] = set()
    ignored: set[str] = set()
    for name, text in parameters:
        if not text or name in ignored:
            continue
        if name == CURSOR:
            asked.cursor = text
        elif (name, text) in taken or take(name, text):
            taken.add((name, text))
            asked.used.append((name, text))
        else:
            asked.warnings.append(offer.ignore(name))
            ignored.add(name)
