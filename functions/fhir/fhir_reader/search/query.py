"""A search request, parsed: what is asked, how the answer is to look, and which parameters were understood."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from careconnect import outcomes
from careconnect.outcomes import Issue
from careconnect.resource_types import (
    COMMON_PARAMETERS,
    REVERSE_INCLUDES,
    ParameterType,
    ResourceType,
    SearchParameter,
    resource_type,
)
from fhir_reader.search.criteria import Criterion, parse_criterion

DEFAULT_COUNT: Final = 20
MOST_COUNT: Final = 100
CURSOR: Final = "_cursor"

_SUMMARIES: Final = ("true", "text", "data", "count", "false")
_ELEMENT: Final = re.compile(r"[A-Za-z]+(?:\[x\])?")


@dataclass(frozen=True, slots=True)
class Chain:
    """A criterion on the target of a reference (`patient.identifier=…`)."""

    reference: SearchParameter
    target: ResourceType
    criterion: Criterion


@dataclass(frozen=True, slots=True)
class Include:
    """A reference to follow: from `source` by `parameter`, to `target` only if it is named."""

    source: ResourceType
    parameter: SearchParameter
    target: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """One key of `_sort`."""

    parameter: SearchParameter
    descending: bool


@dataclass(slots=True)
class View:
    """How resources are to be shown: `_summary` and `_elements`."""

    summary: str = "false"
    elements: tuple[str, ...] = ()


@dataclass(slots=True)
class SearchQuery:
    """A parsed search of one type; `used` are the parameters that were understood, as they were given."""

    type: ResourceType
    criteria: list[Criterion] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    reverse_includes: list[Include] = field(default_factory=list)
    sort: list[Order] = field(default_factory=list)
    count: int = DEFAULT_COUNT
    view: View = field(default_factory=View)
    cursor: str = ""
    used: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)

    @property
    def only_total(self) -> bool:
        """Say whether no entries are asked for (`_count=0`, `_summary=count`)."""
        return self.count == 0 or self.view.summary == "count"


def parse_view(parameters: Iterable[tuple[str, str]]) -> View:
    """Read `_summary` and `_elements`; raises the 400 outcomes for malformed ones."""
    view = View()
    for name, text in parameters:
        if name == "_summary" and text:
            if text not in _SUMMARIES:
                raise outcomes.invalid_parameter(name, "takes true, text, data, count or false.")
            view.summary = text
        elif name == "_elements" and text:
            elements = tuple(part.strip() for part in text.split(","))
            if not all(_ELEMENT.fullmatch(element) for element in elements):
                raise outcomes.invalid_parameter(name, "takes a comma-separated list of element names.")
            view.elements = elements
    return view


def parse_count(text: str) -> int:
    """Read `_count`, cutting it to the most that a page holds; raises the 400 outcome for a malformed one."""
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise outcomes.invalid_parameter("_count", "takes a whole number from 0.")
    return min(int(text), MOST_COUNT)


def parse_search(
    type_: ResourceType,
    parameters: Iterable[tuple[str, str]],
    *,
    strict: bool,
    fhir_base: str,
    now: int,
) -> SearchQuery:
    """Parse the decoded parameters of a search.

    An unknown parameter is left out with a warning, or refused if `strict` (`Prefer: handling=strict`); a
    parameter without a value counts as not given. Raises the 400 outcomes for anything malformed.
    """
    query = SearchQuery(type_)
    given = [(name, text) for name, text in parameters if text]
    query.view = parse_view(given)
    for name, text in given:
        if name == CURSOR:
            query.cursor = text
            continue
        if _take_control(query, name, text) or _take_criterion(query, name, text, fhir_base, now):
            query.used.append((name, text))
            continue
        query.warnings.append(ignored(name, strict=strict))
    return query


def ignored(name: str, *, strict: bool) -> Issue:
    """Return the warning that a parameter was ignored; raises the 400 outcome instead if `strict`."""
    if strict:
        raise outcomes.invalid_parameter(name, "the parameter is not supported.", code="not-supported")
    return Issue(
        "not-supported",
        f"{outcomes.safe_name(name)}: the parameter is not supported and was ignored.",
        severity="warning",
    )


def _take_control(query: SearchQuery, name: str, text: str) -> bool:
    head, _, modifier = name.partition(":")
    if head not in (
        "_count",
        "_sort",
        "_summary",
        "_elements",
        "_pretty",
        "_format",
        "_include",
        "_revinclude",
    ):
        return False
    if modifier:
        raise outcomes.invalid_parameter(head, "the modifier is not supported.", code="not-supported")
    match head:
        case "_count":
            query.count = parse_count(text)
        case "_sort":
            query.sort += [_order(query.type, part) for part in text.split(",")]
        case "_include":
            query.includes.append(_include(query.type, text))
        case "_revinclude":
            query.reverse_includes.append(_reverse_include(query.type, text))
        case "_pretty" if text not in ("true", "false"):
            raise outcomes.invalid_parameter(head, "takes true or false.")
    return True


def _take_criterion(query: SearchQuery, name: str, text: str, fhir_base: str, now: int) -> bool:
    head, dot, chained = name.partition(".")
    head, _, modifier = head.partition(":")
    parameter = query.type.parameter(head)
    if parameter is None or not parameter.searchable:
        return False
    if not dot:
        query.criteria.append(parse_criterion(parameter, modifier, text, fhir_base=fhir_base, now=now))
        return True
    target = _chain_target(parameter, modifier)
    inner_name, _, inner_modifier = chained.partition(":")
    inner = target.parameter(inner_name) if target else None
    if target is None or inner is None or not inner.searchable or inner.type is ParameterType.REFERENCE:
        raise outcomes.invalid_parameter(name, "the chain is not supported.", code="not-supported")
    criterion = parse_criterion(inner, inner_modifier, text, fhir_base=fhir_base, now=now)
    query.chains.append(Chain(parameter, target, criterion))
    return True


def _chain_target(parameter: SearchParameter, modifier: str) -> ResourceType | None:
    if parameter.name not in ("patient", "subject") or modifier not in ("", *parameter.targets):
        return None
    return resource_type("Patient")


def _order(type_: ResourceType, text: str) -> Order:
    name = text.removeprefix("-")
    parameter = type_.parameter(name)
    if parameter is None or parameter not in sortable(type_):
        raise outcomes.invalid_parameter("_sort", "takes date and name parameters, with - for descending.")
    return Order(parameter, descending=text.startswith("-"))


def sortable(type_: ResourceType) -> tuple[SearchParameter, ...]:
    """Return the parameters that `_sort` takes: dates, names and the common ones."""
    return (
        *COMMON_PARAMETERS,
        *(p for p in type_.searchable if p.type in (ParameterType.DATE, ParameterType.STRING)),
    )


def _include(type_: ResourceType, text: str) -> Include:
    source, _, rest = text.partition(":")
    name, _, target = rest.partition(":")
    parameter = type_.parameter(name)
    if source != type_.name or parameter is None or not parameter.includable:
        raise outcomes.invalid_parameter("_include", "no such reference to follow.", code="not-supported")
    if target and target not in parameter.targets:
        raise outcomes.invalid_parameter("_include", "the reference has no such target.", code="not-supported")
    return Include(type_, parameter, target)


def _reverse_include(type_: ResourceType, text: str) -> Include:
    source_name, _, rest = text.partition(":")
    name, _, target = rest.partition(":")
    source = resource_type(source_name)
    parameter = source.parameter(name) if source else None
    if (
        source is None
        or parameter is None
        or (source_name, name) not in REVERSE_INCLUDES.get(type_.name, ())
        or target not in ("", type_.name)
    ):
        raise outcomes.invalid_parameter("_revinclude", "no such reference to follow back.", code="not-supported")
    return Include(source, parameter, target)
