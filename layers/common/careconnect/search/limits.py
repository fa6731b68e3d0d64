"""What a scope with a suffix opens: the resources that a search by its pairs would find (`access.md`, Granular scopes).

A token without such scopes has no limits, and is never asked for a resource's values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter, Scope, limiting_parameters
from careconnect.search.criteria import Criterion, parse_criterion
from careconnect.search.elements import token_values
from careconnect.search.matching import Match
from careconnect.search.values import SearchValues


@dataclass(frozen=True, slots=True)
class Limit:
    """A scope with a suffix, and the criteria of the search that its pairs are."""

    scope: str
    criteria: tuple[Criterion, ...]
    tests: tuple[tuple[str, Match], ...]
    """The names of the criteria's parameters, each with its compiled criterion."""

    def holds(self, values: SearchValues) -> bool:
        """Return True if all pairs hold of a resource with these search values."""
        return all(matches(values.get(name, ())) for name, matches in self.tests)


def limits_on(caller: Caller, type_: ResourceType, letter: Letter) -> tuple[Limit, ...]:
    """Return the limits of a letter on a type, of which one has to hold of a resource; empty if it has no limits.

    They are none, too, for a caller without the letter: ask `Caller.may` first.
    """
    scopes = caller.limits(type_, letter)
    return _limits(type_, scopes) if scopes else ()


@lru_cache(maxsize=256)
def _limits(type_: ResourceType, scopes: Sequence[Scope]) -> tuple[Limit, ...]:
    """Return the limit of each scope; cached, as few scopes are in use."""
    return tuple(_limit(type_, scope) for scope in scopes)


def _limit(type_: ResourceType, scope: Scope) -> Limit:
    criteria = tuple(
        parse_criterion(type_.by_name[name], "", value, fhir_base="", now=0) for name, value in scope.pairs
    )
    return Limit(scope.text, criteria, tuple((each.parameter.name, each.compiled()) for each in criteria))


def opening_scope(caller: Caller, type_: ResourceType, letter: Letter, values: SearchValues) -> str:
    """Return the first scope with a suffix that opens a resource with these search values.

    Empty if none does, and if the letter has no limits.
    """
    return next((limit.scope for limit in limits_on(caller, type_, letter) if limit.holds(values)), "")


def opens(caller: Caller, type_: ResourceType, letter: Letter, values: SearchValues) -> bool:
    """Return True if a letter that the caller has on a type opens a resource with these search values."""
    return not caller.limits(type_, letter) or opening_scope(caller, type_, letter, values) != ""


def opens_body(caller: Caller, type_: ResourceType, letter: Letter, body: Mapping[str, Any]) -> bool:
    """Return True if a letter that the caller has on a type opens a resource, in JSON."""
    return not caller.limits(type_, letter) or opens(caller, type_, letter, limiting_values(type_, body))


def limiting_values(type_: ResourceType, body: Mapping[str, Any]) -> SearchValues:
    """Return the search values that suffixes may ask for, of a resource in JSON."""
    return {name: token_values(type_.by_name[name], body) for name in limiting_parameters(type_)}
