"""Check whether a token's scopes open a resource, by its index entry or its version, or limit a search to such.

If all scopes with a letter have a suffix, the letter opens only what a search by one of the suffixes would find. Any
other letter opens every resource of its type (`access.md`, Granular scopes; ADR 51).
"""

import json
from dataclasses import dataclass
from typing import Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from careconnect.search.criteria import Criterion
from careconnect.search.limits import limiting_values, limits_on, opens
from careconnect.search.values import SearchValues
from fhir_reader.store.stored import Entry, PageEntry, StoredResource

Letters = tuple[Letter, ...]

READ: Final = (Letter.READ,)
SEARCHED: Final = (Letter.SEARCH,)
FOUND: Final = (Letter.READ, Letter.SEARCH)
"""The letters that a resource takes if the request does not name its type."""


def opens_entry(caller: Caller, entry: Entry | PageEntry, letters: Letters) -> bool:
    """Return True if each of the letters opens the resource of an index entry."""
    limited = _limited(caller, entry.type, letters)
    if not limited:
        return True
    values = entry.values
    return all(opens(caller, entry.type, letter, values) for letter in limited)


def opening_scope(caller: Caller, type_: ResourceType, body: str) -> str | None:
    """Return the first scope with a suffix by which `r` opens a resource with a body, None if none does.

    It is empty if `r` opens every resource of the type.
    """
    limits = limits_on(caller, type_, Letter.READ)
    if not limits:
        return ""
    values = _values(type_, body)
    return next((limit.scope for limit in limits if limit.holds(values)), None)


def sees_version(
    caller: Caller, type_: ResourceType, resource_id: str, stored: StoredResource, letters: Letters
) -> bool:
    """Return True if a version is within the caller's compartment, and each of the letters opens it."""
    if not caller.sees(type_, resource_id, stored.patients):
        return False
    limited = _limited(caller, type_, letters)
    if not limited:
        return True
    values = _values(type_, stored.body)
    return all(opens(caller, type_, letter, values) for letter in limited)


def _values(type_: ResourceType, body: str) -> SearchValues:
    """Return the values that suffixes ask for of a body; a deletion has none, so that no suffix opens it."""
    return limiting_values(type_, json.loads(body)) if body else {}


def _limited(caller: Caller, type_: ResourceType, letters: Letters) -> Letters:
    """Return those of the letters that do not open every resource of a type."""
    if not caller.grants.limits:
        return ()
    return tuple(letter for letter in letters if caller.limits(type_, letter))


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """What the caller's suffixes add to a search: criteria that every match meets, so that the plan can use them.

    Unless these say all (`is_complete`), an entry that meets them may still be one that no suffix opens. To find that
    takes so many `comparisons` for each entry.
    """

    criteria: tuple[Criterion, ...] = ()
    is_complete: bool = True
    comparisons: int = 0
    scopes: str = ""
    """The scopes with these suffixes, for the audit trail."""


_NO_LIMITS: Final = SearchLimits()


def search_limits(type_: ResourceType, caller: Caller) -> SearchLimits:
    """Return the criteria that the suffixes of a caller's scopes add to a search of a type.

    A parameter that all of them name becomes one criterion, with the values of all. That says all of a single suffix,
    and of several with one pair each.
    """
    limits = limits_on(caller, type_, Letter.SEARCH)
    if not limits:
        return _NO_LIMITS
    suffixes = [{one.parameter.name: one for one in limit.criteria} for limit in limits]
    shared = [name for name in suffixes[0] if all(name in suffix for suffix in suffixes)]
    criteria = tuple(_either([suffix[name] for suffix in suffixes]) for name in shared)
    scopes = " ".join(limit.scope for limit in limits)
    if len(suffixes) == 1 or all(len(suffix) == len(shared) == 1 for suffix in suffixes):
        return SearchLimits(criteria, scopes=scopes)
    return SearchLimits(criteria, is_complete=False, comparisons=sum(map(len, suffixes)), scopes=scopes)


def _either(criteria: list[Criterion]) -> Criterion:
    """Return the criterion on their parameter that is met if one of several is."""
    values = dict.fromkeys(value for criterion in criteria for value in criterion.values)
    return Criterion(criteria[0].parameter, "", tuple(values))
