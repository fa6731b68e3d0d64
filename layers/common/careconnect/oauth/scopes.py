"""The scope grammar, and what a set of scopes opens (SMART App Launch 1.0 and 2.x; `access.md`).

A scope string becomes `Grants` once; the authorizer writes its policy from them and the reader asks them
again for every entry it returns, so both enforce one reading of the same text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from careconnect.fhir.resource_types import SERVED_TYPES, Home, ResourceType, served_type


class Interaction(StrEnum):
    """The SMART v2 letters: `r` covers reads of versions and the history too, `u` every PUT, a creating one too."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"


READING: Final = frozenset({Interaction.READ, Interaction.SEARCH})
WRITING: Final = frozenset(Interaction) - READING


class ScopeFault(StrEnum):
    """What is wrong with a scope, in fixed words for an operator or a log."""

    STRING = "not a scope string"
    GRAMMAR = "not a scope of this server"
    TYPE = "a scope for a type that this server does not serve"
    WRITING = "a scope to write a type that can only be read"
    SUFFIX = "a scope with a suffix that this server does not enforce"


class ScopeError(ValueError):
    """A scope string breaks the grammar, or asks for what the server does not enforce.

    `fault` says why, and `scope` is the one at fault as it was given, for whoever may show it; empty if it is all.
    """

    def __init__(self, fault: ScopeFault, scope: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.scope = scope


PROFILE: Final = "profile"

# Legal everywhere, opening no record: identity, launch context and refresh (SMART App Launch §2, OIDC Core §5.4).
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

# SMART App Launch 2.x §2.0.5.2: what the v1 permissions mean in v2's letters.
V1_LETTERS: Final = {"read": "rs", "write": "cud", "*": "cruds"}

_ADVERTISED: Final = ("read", "rs", "write", "cud", "cruds")
_READ_ONLY: Final = ("read", "rs")

# The legacy names, each with the type that they mean.
_PRESENT_NAMES: Final = {
    name: t.name for t in reversed(SERVED_TYPES) for name in set(t.scope_names) - {each.name for each in SERVED_TYPES}
}

SCOPE_NAMES: Final = frozenset(name for t in SERVED_TYPES for name in t.scope_names)
"""The names of types that a scope may have, former ones included."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One parsed scope: `level` and `type` are empty for a plain one, `letters` is a subset of `cruds`."""

    text: str
    level: str = ""
    type: str = ""
    letters: str = ""


def parse_scope(text: str) -> Scope:
    """Parse one scope.

    Raises `ScopeError` for text outside the grammar, an unknown type, the writing of one that can only be read, or a
    v2 `?param=` suffix, which would have to be enforced to be honoured (`access.md`, Scope grammar).
    """
    if text in PLAIN_SCOPES:
        return Scope(text)
    match = _RECORD_SCOPE.fullmatch(text)
    if match is None:
        head, suffix, _ = text.partition("?")
        has_suffix = suffix and _RECORD_SCOPE.fullmatch(head)
        raise ScopeError(ScopeFault.SUFFIX if has_suffix else ScopeFault.GRAMMAR, text)
    if match["type"] != "*" and match["type"] not in SCOPE_NAMES:
        raise ScopeError(ScopeFault.TYPE, text)
    letters = V1_LETTERS[match["v1"]] if match["v1"] else match["v2"]
    named = served_type(match["type"])
    if named and not named.writable and not READING.issuperset(map(Interaction, letters)):
        raise ScopeError(ScopeFault.WRITING, text)
    return Scope(text, match["level"], match["type"], letters)


def split_scope(scope: str) -> tuple[str, ...]:
    """Split a scope string at single spaces, dropping repeats and keeping the order (RFC 6749 §3.3).

    Raises `ScopeError` for characters outside the RFC's `scope-token`, or for stray spaces.
    """
    if not re.fullmatch(r"[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*", scope):
        raise ScopeError(ScopeFault.STRING)
    return tuple(dict.fromkeys(scope.split(" ")))


@dataclass(frozen=True, slots=True)
class Grants:
    """What a token may do: for each type name, the letters of `cruds` that it holds, at whichever level (ADR 13)."""

    letters: Mapping[str, frozenset[Interaction]]

    def permits(self, type_name: str, interaction: Interaction) -> bool:
        """Say whether `interaction` on `type_name` is granted; a type without a rule never is."""
        return interaction in self.letters.get(type_name, frozenset())

    def types(self, interaction: Interaction) -> tuple[str, ...]:
        """Return the types open to `interaction`, in the table's order."""
        return tuple(t.name for t in SERVED_TYPES if self.permits(t.name, interaction))


@lru_cache(maxsize=256)
def grants_of(scope: str, *, bound: bool = False) -> Grants:
    """Work out what a scope string opens, in a token that is `bound` to a patient or in one that is not.

    Neither a scope's level nor the binding makes a difference (ADR 13), but to what opens by name: that takes a scope
    of its own, and a bound token if its level is `patient`. Scopes that do not parse open nothing: the string comes
    from a token that we signed, so a scope unknown today is one that was withdrawn since. `profile` opens the directory
    for reading alone, and another type's scope that opens this one too, as each medication's opens Medication, does so
    for reading alone.
    """
    parsed = [found for text in scope.split() if (found := _parsed(text)) is not None]
    plain = {found.text for found in parsed if not found.type}
    held = [(found, frozenset(map(Interaction, found.letters))) for found in parsed]
    letters: dict[str, frozenset[Interaction]] = {}
    for resource_type in SERVED_TYPES:
        granted = {
            letter
            for found, all_ in held
            if _level_opens(found.level, resource_type, bound=bound)
            for letter in _letters_for(resource_type, found, all_)
        }
        if resource_type.home is Home.DIRECTORY and PROFILE in plain:
            granted |= READING
        letters[resource_type.name] = frozenset(granted if resource_type.writable else granted & READING)
    return Grants(letters)


def _level_opens(level: str, resource_type: ResourceType, *, bound: bool) -> bool:
    """Say whether a scope of some level opens a type, as far as the level goes."""
    return bound or level != "patient" or not resource_type.by_name_only


def _letters_for(resource_type: ResourceType, scope: Scope, letters: frozenset[Interaction]) -> frozenset[Interaction]:
    """Return which of a scope's letters it holds for a type: all of them if it is the type's own, or a wildcard."""
    if _type_name(scope) in _names_opening(resource_type):
        return letters
    return letters & READING if scope.type in resource_type.scope_names else frozenset()


def _parsed(text: str) -> Scope | None:
    try:
        return parse_scope(text)
    except ScopeError:
        return None


def needed_scope(held: str, resource_type: ResourceType, interaction: Interaction, *, bound: bool = False) -> str:
    """Return the least scope that opens `interaction` on a type, at the level of those that a token holds.

    A client is registered at one level as a rule, and could not get another's; without any that opens the type it is
    `user`.
    """
    found = (_parsed(text) for text in held.split())
    levels = (each.level for each in found if each and each.level)
    level = next((each for each in levels if _level_opens(each, resource_type, bound=bound)), "user")
    return f"{level}/{resource_type.name}.{interaction}"


def supported_scopes() -> tuple[str, ...]:
    """List the scopes worth advertising: `profile`, and the wildcards' and each type's in v1 and v2.

    Of each those that read, that write and, in v2's letters, that do both; a client may have fewer letters.
    """
    suffixes = {"*": _ADVERTISED} | {
        name: _ADVERTISED if t.writable else _READ_ONLY for t in SERVED_TYPES for name in t.scope_names
    }
    return (
        PROFILE,
        *(f"{level}/{name}.{suffix}" for level in LEVELS for name in suffixes for suffix in suffixes[name]),
    )


def covers(registered: Iterable[str], requested: Iterable[str]) -> bool:
    """Say whether every requested scope is among the registered ones, letter by letter.

    `user/Patient.r` is covered by `user/Patient.read` (= `.rs`) and by `user/*.read`, and `MedicationRequest` by
    its names of earlier FHIR versions; a level is never exchanged for another, a write letter is never implied, and
    what opens by name is covered by its name alone.
    """
    return next(beyond(registered, requested), None) is None


def beyond(registered: Iterable[str], requested: Iterable[str]) -> Iterator[str]:
    """Yield the requested scopes that the registered ones do not cover; raises `ScopeError`."""
    held = [parse_scope(text) for text in registered]
    yield from (text for text in requested if not _covered(parse_scope(text), held))


def _type_name(scope: Scope) -> str:
    """Return the name that the scope's type has in STU3."""
    return _PRESENT_NAMES.get(scope.type, scope.type)


def _names_opening(resource_type: ResourceType) -> tuple[str, ...]:
    """Return the names in scopes whose letters are all held for a type; former ones stand for the present one."""
    return (resource_type.name,) if resource_type.by_name_only else (resource_type.name, "*")


def _covered(wanted: Scope, held: list[Scope]) -> bool:
    if not wanted.type:
        return any(scope.text == wanted.text for scope in held)
    named = served_type(_type_name(wanted))
    names = _names_opening(named) if named else ("*",)
    letters = {
        letter
        for scope in held
        if scope.level == wanted.level and _type_name(scope) in names
        for letter in scope.letters
    }
    return set(wanted.letters) <= letters
