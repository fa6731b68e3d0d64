"""What a request says of its answer, whatever it asks for: each of these parameters is read here and nowhere else."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from careconnect import outcomes
from careconnect.resource_types import ResourceType, SearchParameter
from fhir_reader.rendering.views import VIEW_PARAMETERS, View, parse_view

DEFAULT_COUNT: Final = 20
MOST_COUNT: Final = 100

RECORD_PARAMETERS: Final = (*VIEW_PARAMETERS, "_count")
"""What `$everything` takes."""

SEARCH_PARAMETERS: Final = (*RECORD_PARAMETERS, "_sort")


@dataclass(frozen=True, slots=True)
class Order:
    """One key of `_sort`."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True)
class ResultParameters:
    """How the answer looks, how many resources a page holds, in which order, and whether the unknown is refused."""

    view: View
    count: int = DEFAULT_COUNT
    sort: tuple[Order, ...] = ()
    strict: bool = False

    @property
    def only_total(self) -> bool:
        """Say whether no entries are asked for (`_count=0`, `_summary=count`)."""
        return self.count == 0 or self.view.summary == "count"


def parse_result_parameters(
    type_: ResourceType, parameters: Iterable[tuple[str, str]], headers: Mapping[str, str], takes: Collection[str]
) -> ResultParameters:
    """Read those of the result parameters that an interaction `takes`; one without a value counts as not given.

    Of a repeated one the last counts, and `_sort` is joined. Raises the 400 outcomes for malformed ones and 406
    for a format that is not offered (STU3 Search §2.21.1.9).
    """
    values: dict[str, str] = {}
    keys: list[str] = []
    for name, text in parameters:
        head, _, modifier = name.partition(":")
        if head not in takes or not text:
            continue
        if modifier:
            raise outcomes.invalid_parameter(head, "the modifier is not supported.", code="not-supported")
        values[head] = text
        keys += text.split(",") if head == "_sort" else ()
    return ResultParameters(
        view=parse_view(values, headers.get("accept", "")),
        count=_count(values["_count"]) if "_count" in values else DEFAULT_COUNT,
        sort=tuple(_order(type_, key) for key in keys),
        strict=_is_strict(headers.get("prefer", "")),
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise outcomes.invalid_parameter("_count", "takes a whole number from 0.")
    return min(int(text), MOST_COUNT)


def _order(type_: ResourceType, text: str) -> Order:
    name = text.removeprefix("-")
    parameter = type_.parameter(name)
    if parameter is None or not parameter.sortable:
        raise outcomes.invalid_parameter("_sort", "takes date and name parameters, with - for descending.")
    return Order(parameter, descending=text.startswith("-"))


def _is_strict(prefer: str) -> bool:
    """Say whether a Prefer header asks for strict handling; of several the first counts (RFC 7240 §2, §4.4)."""
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "handling":
            return value.strip().strip('"') == "strict"
    return False
