"""Parse the parameters of a search, a history or an operation."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.resource_types import (
    COMMON_PARAMETERS,
    ID_PARAMETER,
    RESOURCE_TYPES,
    Follow,
    ResourceType,
    SearchParameter,
    resource_type,
)
from careconnect.fhir.result_parameter_names import HISTORY_PARAMETERS, SEARCH_PARAMETERS
from careconnect.search.criteria import Criterion, criterion_of
from careconnect.search.persons import names_persons
from careconnect.search.result_parameters import Handling, Offer, sort_parameters
from fhir_reader.search.chains.criteria import HAS, ChainedCondition, criteria_of, hops_of, parse_chained

HISTORY: Final = "_history"
SINCE: Final = "_since"
_INCLUDES: Final = ("_include", "_revinclude")
_ITERATE: Final = ("recurse", "iterate")
"""The name in STU3, and the name in later versions and most clients."""
_ALL: Final = "*"

Parameters = Iterable[tuple[str, str]]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Include:
    """A reference to follow: from `source` by `parameter`, only to `target` if it is not empty.

    With `iterate` it is followed from included resources too.
    """

    source: ResourceType
    parameter: SearchParameter
    target: str = ""
    iterate: bool = False


@dataclass(slots=True)
class SearchQuery:
    """A parsed search of one type; `used` are the supported parameters as the client sent them."""

    type: ResourceType
    criteria: list[Criterion] = field(default_factory=list)
    chained: list[ChainedCondition] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    reverse_includes: list[Include] = field(default_factory=list)
    cursor: str = ""
    used: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)

    @property
    def names_persons(self) -> bool:
        """True if a criterion names persons, at the end of a chain or a `_has` too."""
        conditions = (*self.criteria, *self.chained)
        return any(names_persons(*each) for condition in conditions for each in criteria_of(self.type, condition))

    @property
    def new_patients(self) -> int:
        """The most patients that one match adds: its own, unless they are named, and one for each step of a chain."""
        own = ID_PARAMETER if self.type.is_patient else self.type.patient_parameter
        is_named = any(each.parameter is own and not each.modifier for each in self.criteria)
        return (self.type.has_patients and not is_named) + sum(map(hops_of, self.chained))


def parse_search(
    type_: ResourceType, parameters: Parameters, *, handling: Handling, fhir_base: str, now: int
) -> SearchQuery:
    """Parse the decoded parameters of a search, except its result parameters.

    An unsupported parameter is an error if STU3 defines it. Otherwise it is ignored with a warning, unless `handling`
    says otherwise. A parameter without a value counts as absent. Raises the 400 outcomes for anything malformed.
    """
    query = SearchQuery(type_)

    def take(name: str, text: str) -> bool:
        return (
            name in SEARCH_PARAMETERS
            or _take_include(query, name, text)
            or _take_criterion(query, name, text, fhir_base, now)
        )

    names = (*(one.name for one in (*COMMON_PARAMETERS, *type_.searchable)), *SEARCH_PARAMETERS, *_INCLUDES, HAS)
    sort_parameters(query, parameters, Offer(type_.name, names, handling), take)
    return query


def parse_operation_query(
    type_: ResourceType, operation: str, takes: Collection[str], parameters: Parameters, *, handling: Handling
) -> SearchQuery:
    """Parse the parameters of an operation, which supports those in `takes` only; otherwise like `parse_search`."""
    return _parse_below_one(type_, parameters, Offer(f"{type_.name}/{operation}", tuple(takes), handling))


def parse_history_query(type_: ResourceType, parameters: Parameters, *, handling: Handling) -> SearchQuery:
    """Parse the parameters of a history, like `parse_operation_query`; the caller reads `_since` from `used`."""
    return _parse_below_one(type_, parameters, Offer(f"{type_.name}/{HISTORY}", HISTORY_PARAMETERS, handling))


def _parse_below_one(type_: ResourceType, parameters: Parameters, offer: Offer) -> SearchQuery:
    query = SearchQuery(type_)
    sort_parameters(query, parameters, offer, lambda name, _text: name in offer.names)
    return query


def _take_include(query: SearchQuery, name: str, text: str) -> bool:
    head, _, modifier = name.partition(":")
    if head not in _INCLUDES:
        return False
    if modifier and modifier not in _ITERATE:
        raise outcomes.invalid_parameter(
            head, f"the modifier is not supported; it takes {', '.join(_ITERATE)}.", code="not-supported"
        )
    asked, parse = (query.includes, _includes) if head == "_include" else (query.reverse_includes, _reverse_includes)
    for include in parse(query.type, text, iterate=bool(modifier)):
        _add(asked, include)
    return True


def _add(asked: list[_T], one: _T) -> None:
    if one not in asked:
        asked.append(one)


def _take_criterion(query: SearchQuery, name: str, text: str, fhir_base: str, now: int) -> bool:
    head = re.split("[:.]", name, maxsplit=1)[0]
    parameter = query.type.parameter(head)
    if head == HAS or (parameter is not None and parameter.searchable and "." in name):
        _add(query.chained, parse_chained(query.type, name, text, fhir_base=fhir_base, now=now))
        return True
    criterion = criterion_of(query.type, name, text, fhir_base=fhir_base, now=now)
    if criterion is None:
        return False
    _add(query.criteria, criterion)
    return True


def _includes(type_: ResourceType, text: str, *, iterate: bool) -> list[Include]:
    if text == _ALL:
        sources = _in_reach(type_) if iterate else [type_]
        return [Include(each, one, iterate=iterate) for each in sources for one in each.followed(Follow.INCLUDE)]
    source_name, _, rest = text.partition(":")
    name, _, target = rest.partition(":")
    source = resource_type(source_name)
    if source is None or not (type_.reaches(source) if iterate else source is type_):
        raise _not_followed("_include", type_, type_.includes)
    if rest == _ALL:
        return [Include(source, one, iterate=iterate) for one in source.followed(Follow.INCLUDE)]
    parameter = source.followed_by_name[Follow.INCLUDE].get(name)
    if parameter is None:
        raise _not_followed("_include", source, source.includes)
    if target and target not in parameter.targets:
        takes = ", ".join(f"{source.name}:{name}:{each}" for each in parameter.targets)
        raise outcomes.invalid_parameter("_include", f"no such target; it takes {takes}.", code="not-supported")
    return [Include(source, parameter, target, iterate)]


def _reverse_includes(type_: ResourceType, text: str, *, iterate: bool) -> list[Include]:
    offered = [
        Include(source, parameter, iterate=iterate)
        for source in _in_reach(type_)
        for parameter in source.followed(Follow.REVERSE)
        if (iterate or type_.name in parameter.targets) and not _is_repeated(source, parameter, type_, iterate=iterate)
    ]
    if text == _ALL:
        return offered
    source_name, _, rest = text.partition(":")
    if rest == _ALL and (of_source := [include for include in offered if include.source.name == source_name]):
        return of_source
    name, _, target = rest.partition(":")
    source = resource_type(source_name)
    parameter = source.followed_by_name[Follow.REVERSE].get(name) if source and type_.reaches(source) else None
    if source and parameter and (iterate or type_.name in parameter.targets):
        targets = parameter.targets if iterate else (type_.name,)
        if target in ("", *targets):
            return [Include(source, parameter, target, iterate)]
    raise _not_followed("_revinclude", type_, type_.reverse_includes)


def _is_repeated(source: ResourceType, parameter: SearchParameter, type_: ResourceType, *, iterate: bool) -> bool:
    """Return True if the parent parameter leads to the same resources, for all types that are asked for."""
    parent = source.parameter(parameter.parent)
    asked = set(parameter.targets) if iterate else {type_.name}
    return parent is not None and Follow.REVERSE in parent.follow and asked <= set(parent.targets)


def _in_reach(type_: ResourceType) -> list[ResourceType]:
    return [each for each in RESOURCE_TYPES if type_.reaches(each)]


def _not_followed(name: str, type_: ResourceType, takes: Iterable[str]) -> OutcomeError:
    """Return the 400 outcome for a reference that is not followed; it lists the type's references that are."""
    listed = ", ".join(takes) or "none"
    return outcomes.invalid_parameter(name, f"of {type_.name} it takes {listed}.", code="not-supported")
