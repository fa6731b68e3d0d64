"""The scope grammar, and the permissions that a set of scopes grants (SMART App Launch 1.0 and 2.x; `access.md`).

A scope string is parsed once, into `Grants`. The authorizer writes its policy from them, and the reader checks
them again for every entry it returns. Both therefore enforce the same interpretation.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Final

from careconnect.fhir.resource_types import SERVED_TYPES, ParameterType, Rank, ResourceType, Table, served_type


class Letter(StrEnum):
    """The SMART v2 letters: `r` includes vread and history, `u` every PUT, including one that creates."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"


READING: Final = frozenset({Letter.READ, Letter.SEARCH})
WRITING: Final = frozenset(Letter) - READING


class ScopeFault(StrEnum):
    """The possible faults of a scope, in fixed words for an operator or a log."""

    STRING = "not a scope string"
    GRAMMAR = "not a scope of this server"
    TYPE = "a scope for a type that this server does not serve"
    WRITING = "a scope to write a type that can only be read"
    SUFFIX_TYPE = "a scope with a suffix, for a type that takes none"
    SUFFIX_V1 = "a scope with a suffix after a word of SMART v1"
    SUFFIX_PARAMETER = "a scope with a suffix by a parameter that limits no scope"
    SUFFIX_FORM = "a scope with a malformed suffix"


class ScopeError(ValueError):
    """A scope string breaks the grammar, or requests a restriction that the server does not enforce.

    `fault` is the reason. `scope` is the scope at fault, as given, for a caller that may show it; it is empty if the
    whole string is at fault.
    """

    def __init__(self, fault: ScopeFault, scope: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.scope = scope


PROFILE: Final = "profile"

# Always accepted, granting no access to a resource: identity, launch context and refresh (SMART App Launch §2,
# OIDC Core §5.4).
PLAIN_SCOPES: Final = frozenset(
    {
        PROFILE,
        "openid",
        "fhirUser",
        "launch",
        "launch/patient",
        "launch/encounter",
        "offline_access",
        "online_access",
    }
)

LEVELS: Final = ("patient", "user", "system")

_RECORD_SCOPE: Final = re.compile(
    rf"(?P<level>{'|'.join(LEVELS)})/(?P<type>\*|[A-Za-z]+)\."
    r"(?:(?P<v1>read|write|\*)|(?P<v2>(?=[cruds])c?r?u?d?s?))"
)

# A token, without the characters that a search would have to escape and those that a URL would.
SUFFIX_VALUE: Final = re.compile(r"[A-Za-z0-9._~:/-]+(?:\|[A-Za-z0-9._~:/-]+)?")
MAX_PAIRS: Final = 3
"""Pairs of one suffix; each is compared for each resource."""

# SMART App Launch 2.x §2.0.5.2: the v1 permissions in v2's letters.
V1_LETTERS: Final = {"read": "rs", "write": "cud", "*": "cruds"}

_ADVERTISED: Final = ("read", "rs", "write", "cud", "cruds")
_READ_ONLY: Final = ("read", "rs")

# The type names of earlier FHIR versions, each with its STU3 name.
_PRESENT_NAMES: Final = {
    name: t.name for t in reversed(SERVED_TYPES) for name in set(t.scope_names) - {each.name for each in SERVED_TYPES}
}

SCOPE_NAMES: Final = frozenset(name for t in SERVED_TYPES for name in t.scope_names)
"""The type names that a scope may have, including those of earlier FHIR versions."""


Pair = tuple[str, str]
"""A search parameter and its value: what a suffix demands of a resource."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One parsed scope; `level` and `type` are empty for a plain scope, and `letters` is a subset of `cruds`.

    `pairs` are those of its suffix, in the order given: it opens only the resources of which all of them hold.
    """

    text: str
    level: str = ""
    type: str = ""
    letters: str = ""
    pairs: tuple[Pair, ...] = ()


def parse_scope(text: str) -> Scope:
    """Parse one scope.

    Raises `ScopeError` for text outside the grammar, an unknown type, write access to a read-only type, or a suffix
    that the server does not enforce (`access.md`, Scope grammar).
    """
    if text in PLAIN_SCOPES:
        return Scope(text)
    head, has_suffix, suffix = text.partition("?")
    match = _RECORD_SCOPE.fullmatch(head)
    if match is None:
        raise ScopeError(ScopeFault.GRAMMAR, text)
    if match["type"] != "*" and match["type"] not in SCOPE_NAMES:
        raise ScopeError(ScopeFault.TYPE, text)
    letters = V1_LETTERS[match["v1"]] if match["v1"] else match["v2"]
    named = served_type(_PRESENT_NAMES.get(match["type"], match["type"]))
    if named and not named.writable and not READING.issuperset(map(Letter, letters)):
        raise ScopeError(ScopeFault.WRITING, text)
    pairs = _pairs(text, suffix, named, is_v1=match["v1"] is not None) if has_suffix else ()
    return Scope(text, match["level"], match["type"], letters, pairs)


def _pairs(text: str, suffix: str, named: ResourceType | None, *, is_v1: bool) -> tuple[Pair, ...]:
    """Return the pairs of a scope's suffix; raises `ScopeError` with the first fault in the order of `access.md`."""
    names = limiting_parameters(named) if named else ()
    if not names:
        raise ScopeError(ScopeFault.SUFFIX_TYPE, text)
    if is_v1:
        raise ScopeError(ScopeFault.SUFFIX_V1, text)
    given = [each.partition("=") for each in suffix.split("&")]
    if any(name not in names for name, has_value, _ in given if name and has_value):
        raise ScopeError(ScopeFault.SUFFIX_PARAMETER, text)
    pairs = {name: value for name, _, value in given if name}
    # A name that is given twice leaves fewer pairs.
    if not 0 < len(pairs) == len(given) <= MAX_PAIRS or not all(map(SUFFIX_VALUE.fullmatch, pairs.values())):
        raise ScopeError(ScopeFault.SUFFIX_FORM, text)
    return tuple(pairs.items())


def limiting_parameters(resource_type: ResourceType) -> tuple[str, ...]:
    """Return the names that a suffix may use on a type, its own first; none for a type that takes no suffix.

    They are its tokens but the id and the identifiers, which choose single resources. A suffix limits only what is in
    a patient's record.
    """
    if resource_type.table is not Table.RECORD or resource_type.patient_parameter is None:
        return ()
    return tuple(
        each.name
        for each in (*resource_type.searchable, *resource_type.common)
        if each.type is ParameterType.TOKEN and each.rank not in (Rank.KEY, Rank.IDENTIFIER)
    )


def type_of_scope(text: str) -> ResourceType | None:
    """Return the type that the text of a scope names, by a former name too; None for `*` and what is not served."""
    name = text.partition("/")[2].partition(".")[0]
    return served_type(_PRESENT_NAMES.get(name, name))


def split_scope(scope: str) -> tuple[str, ...]:
    """Split a scope string at single spaces, dropping repeats and preserving the order (RFC 6749 §3.3).

    Raises `ScopeError` for characters outside the RFC's `scope-token`, or for stray spaces.
    """
    if not re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*", scope):
        raise ScopeError(ScopeFault.STRING)
    return tuple(dict.fromkeys(scope.split(" ")))


@dataclass(frozen=True, slots=True)
class Grants:
    """The permissions of a token: for each type name, the granted letters of `cruds`, at any level (ADR 13).

    The letters are those of the scopes without their suffixes. `limits` has an entry for each type name and letter
    that only scopes with a suffix grant: these scopes, in the token's order (ADR 51).
    """

    letters: Mapping[str, frozenset[Letter]]
    limits: Mapping[tuple[str, Letter], tuple[Scope, ...]] = field(default_factory=dict)

    def permits(self, type_name: str, letter: Letter) -> bool:
        """Return True if `letter` on `type_name` is granted; nothing is granted on a type without a rule."""
        return letter in self.letters.get(type_name, frozenset())

    def types(self, letter: Letter) -> tuple[str, ...]:
        """Return the types on which `letter` is granted, in the order of `SERVED_TYPES`."""
        return tuple(t.name for t in SERVED_TYPES if self.permits(t.name, letter))


@lru_cache(maxsize=256)
def grants_of(scope: str, *, bound: bool = False) -> Grants:
    """Return the permissions of a scope string, in a token that is `bound` to a patient or in one that is not.

    Neither a scope's level nor the binding makes a difference (ADR 13), except for a type that is `by_name_only`. Such
    a type takes a scope with its own name and, if the scope's level is `patient`, a bound token. Scopes that do not
    parse grant nothing: the string comes from a token that we signed, so a scope unknown today has been withdrawn
    since. `profile` grants reading of the directory alone. A scope of another type that also opens this one, as each
    medication's opens Medication, grants reading alone, and its suffix does not limit it.
    """
    parsed = [found for text in scope.split() if (found := _parsed(text)) is not None]
    plain = {found.text for found in parsed if not found.type}
    held = [(found, frozenset(map(Letter, found.letters))) for found in parsed]
    letters: dict[str, frozenset[Letter]] = {}
    limits: dict[tuple[str, Letter], tuple[Scope, ...]] = {}
    for resource_type in SERVED_TYPES:
        granted = {
            letter
            for found, all_ in held
            if _level_opens(found.level, resource_type, bound=bound)
            for letter in _letters_for(resource_type, found, all_)
        }
        if resource_type.table is Table.DIRECTORY and PROFILE in plain:
            granted |= READING
        letters[resource_type.name] = frozenset(granted if resource_type.writable else granted & READING)
    suffixed = {_type_name(found) for found in parsed if found.pairs}
    for name, letter in product(suffixed, Letter):
        granting = tuple(found for found in parsed if letter in found.letters and _type_name(found) in (name, "*"))
        if granting and all(found.pairs for found in granting):
            limits[name, letter] = granting
    return Grants(letters, limits)


def _level_opens(level: str, resource_type: ResourceType, *, bound: bool) -> bool:
    """Return True if a scope's level does not exclude a type."""
    return bound or level != "patient" or not resource_type.by_name_only


def _letters_for(resource_type: ResourceType, scope: Scope, letters: frozenset[Letter]) -> frozenset[Letter]:
    """Return the letters that a scope grants on a type.

    These are all its letters for a scope with the type's own name or a wildcard, the reading ones for a scope of
    another type that also opens this one, and otherwise none.
    """
    if _type_name(scope) in _names_opening(resource_type):
        return letters
    return letters & READING if scope.type in resource_type.scope_names else frozenset()


def _parsed(text: str) -> Scope | None:
    try:
        return parse_scope(text)
    except ScopeError:
        return None


def needed_scope(held: str, resource_type: ResourceType, letter: Letter, *, bound: bool = False) -> str:
    """Return the smallest scope that grants `letter` on a type, at the level of a token's present scopes.

    A client is usually registered at one level, and could not get a scope of another. If no level of the token opens
    the type, the level is `user`.
    """
    found = (_parsed(text) for text in held.split())
    levels = (each.level for each in found if each and each.level)
    level = next((each for each in levels if _level_opens(each, resource_type, bound=bound)), "user")
    return f"{level}/{resource_type.name}.{letter}"


def supported_scopes() -> tuple[str, ...]:
    """List the scopes worth advertising: `profile`, and those of the wildcard and of each type, in v1 and v2.

    For each name there are scopes to read, to write and, in v2's letters, to do both. A client may have fewer letters.
    """
    suffixes = {"*": _ADVERTISED} | {
        name: _ADVERTISED if t.writable else _READ_ONLY for t in SERVED_TYPES for name in t.scope_names
    }
    return (
        PROFILE,
        *(f"{level}/{name}.{suffix}" for level in LEVELS for name in suffixes for suffix in suffixes[name]),
    )


def covers(registered: Iterable[str], requested: Iterable[str]) -> bool:
    """Return True if the registered scopes cover every requested one, letter by letter.

    `user/Patient.r` is covered by `user/Patient.read` (= `.rs`) and by `user/*.read`, and `MedicationRequest` by
    its names of earlier FHIR versions. One level never covers another, and a write letter is never implied. A type
    that is `by_name_only` is covered by its name alone. A scope with a suffix is covered by one without, or by one
    with some of its pairs.
    """
    return next(beyond(registered, requested), None) is None


def beyond(registered: Iterable[str], requested: Iterable[str]) -> Iterator[str]:
    """Yield the requested scopes that the registered ones do not cover; raises `ScopeError`."""
    held = [parse_scope(text) for text in registered]
    yield from (text for text in requested if not _covered(parse_scope(text), held))


def _type_name(scope: Scope) -> str:
    """Return the STU3 name of the scope's type."""
    return _PRESENT_NAMES.get(scope.type, scope.type)


def _names_opening(resource_type: ResourceType) -> tuple[str, ...]:
    """Return the STU3 type name, and the wildcard if it counts, with which a scope grants all its letters on a type."""
    return (resource_type.name,) if resource_type.by_name_only else (resource_type.name, "*")


def _covered(wanted: Scope, held: list[Scope]) -> bool:
    if not wanted.type:
        return any(scope.text == wanted.text for scope in held)
    named = served_type(_type_name(wanted))
    names = _names_opening(named) if named else ("*",)
    letters = {
        letter
        for scope in held
        if scope.level == wanted.level and _type_name(scope) in names and set(scope.pairs) <= set(wanted.pairs)
        for letter in scope.letters
    }
    return set(wanted.letters) <= letters
