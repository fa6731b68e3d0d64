"""A search request, parsed: what is asked, and which parameters were understood."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from careconnect import outcomes
from careconnect.outcomes import Issue, OutcomeError
from careconnect.resource_types import (
    COMMON_PARAMETERS,
    REVERSE_INCLUDES,
    Follow,
    ResourceType,
    SearchParameter,
    resource_type,
)
from careconnect.result_parameters import RECORD_PARAMETERS, SEARCH_PARAMETERS
from fhir_reader.search.criteria import Criterion, parse_criterion
from fhir_reader.search.deep_query import HAS, Deep, parse_deep
from fhir_reader.search.offer import Offer
from fhir_reader.search.result_parameters import Handling

CURSOR: Final = "_cursor"
EVERYTHING: Final = "$everything"
_INCLUDES: Final = ("_include", "_revinclude")

Parameters = Iterable[tuple[str, str]]
_Asked = TypeVar("_Asked")


@dataclass(frozen=True, slots=True)
class Include:
    """A reference to follow: from `source` by `parameter`, to `target` only if it is named."""

    source: ResourceType
    parameter: SearchParameter
    target: str = ""


@dataclass(slots=True)
class SearchQuery:
    """A parsed search of one type; `used` are the parameters that were understood, as they were given."""

    type: ResourceType
    criteria: list[Criterion] = field(default_factory=list)
    deep: list[Deep] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    reverse_includes: list[Include] = field(default_factory=list)
    cursor: str = ""
    used: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)


def parse_search(
    type_: ResourceType, parameters: Parameters, *, handling: Handling, fhir_base: str, now: int
) -> SearchQuery:
    """Parse the decoded parameters of a search beside those of its result.

    A parameter that is not offered is refused if STU3 defines it, and else left out with a warning, unless `handling`
    says otherwise; one without a value counts as not given. Raises the 400 outcomes for anything malformed.
    """
    query = SearchQuery(type_)

    def take(name: str, text: str) -> bool:
        return (
            name in SEARCH_PARAMETERS
            or _take_include(query, name, text)
            or _take_criterion(query, name, text, fhir_base, now)
        )

    names = (*(one.name for one in (*COMMON_PARAMETERS, *type_.searchable)), *SEARCH_PARAMETERS, *_INCLUDES, HAS)
    _sort_out(query, parameters, take, Offer(type_.name, names, handling))
    return query


def parse_record_query(type_: ResourceType, parameters: Parameters, *, handling: Handling) -> SearchQuery:
    """Parse the parameters of `$everything`, which takes those of its result alone; the rest as in a search."""
    query = SearchQuery(type_)
    offer = Offer(f"{type_.name}/{EVERYTHING}", RECORD_PARAMETERS, handling)
    _sort_out(query, parameters, lambda name, _text: name in offer.names, offer)
    return query


def _sort_out(query: SearchQuery, parameters: Parameters, take: Callable[[str, str], bool], offer: Offer) -> None:
    for name, text in parameters:
        if not text:
            continue
        if name == CURSOR:
            query.cursor = text
        elif take(name, text):
            query.used.append((name, text))
        else:
            query.warnings.append(offer.ignore(name))


def _take_include(query: SearchQuery, name: str, text: str) -> bool:
    head, _, modifier = name.partition(":")
    if head not in _INCLUDES:
        return False
    if modifier:
        raise outcomes.invalid_parameter(head, "the modifier is not supported.", code="not-supported")
    # What is said again asks for nothing more, here and below.
    if head == "_include":
        _add(query.includes, _include(query.type, text))
    else:
        _add(query.reverse_includes, _reverse_include(query.type, text))
    return True


def _add(asked: list[_Asked], one: _Asked) -> None:
    if one not in asked:
        asked.append(one)


def _take_criterion(query: SearchQuery, name: str, text: str, fhir_base: str, now: int) -> bool:
    head = re.split("[:.]", name, maxsplit=1)[0]
    parameter = query.type.parameter(head)
    if head == HAS or (parameter is not None and parameter.searchable and "." in name):
        _add(query.deep, parse_deep(query.type, name, text, fhir_base=fhir_base, now=now))
        return True
    if parameter is None or not parameter.searchable:
        return False
    modifier = name.partition(":")[2]
    _add(query.criteria, parse_criterion(parameter, modifier, text, fhir_base=fhir_base, now=now))
    return True


def _include(type_: ResourceType, text: str) -> Include:
    source, _, rest = text.partition(":")
    name, _, target = rest.partition(":")
    parameter = type_.parameter(name)
    if source != type_.name or parameter is None or Follow.INCLUDE not in parameter.follow:
        raise _not_followed("_include", type_, type_.includes)
    if target and target not in parameter.targets:
        takes = ", ".join(f"{type_.name}:{parameter.name}:{each}" for each in parameter.targets)
        raise outcomes.invalid_parameter("_include", f"no such target; it takes {takes}.", code="not-supported")
    return Include(type_, parameter, target)


def _reverse_include(type_: ResourceType, text: str) -> Include:
    source_name, _, rest = text.partition(":")
    name, _, target = rest.partition(":")
    source = resource_type(source_name)
    parameter = source.parameter(name) if source else None
    if (
        source is None
        or parameter is None
        or (source_name, name) not in REVERSE_INCLUDES[type_.name]
        or target not in ("", type_.name)
    ):
        raise _not_followed("_revinclude", type_, type_.reverse_includes)
    return Include(source, parameter, target)


def _not_followed(name: str, type_: ResourceType, takes: Iterable[str]) -> OutcomeError:
    """Return the refusal of a reference that is not followed, which lists those of the type that are."""
    listed = ", ".join(takes) or "none"
    return outcomes.invalid_parameter(name, f"of {type_.name} it takes {listed}.", code="not-supported")
