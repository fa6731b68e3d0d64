"""Tokens with granular scopes, and what they open; written from the contract alone (`access.md`).

It shares no rule with the functions: a body's codes are those of the linear search.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from careconnect_testing.pairs.asked import BOUND_TO
from careconnect_testing.search.linear_parameters import parameter_of
from careconnect_testing.search.linear_values import token_test

Resource = Mapping[str, Any]
Pair = tuple[str, str]
DIRECTORY: Final = ("Organization", "Practitioner", "Location", "PractitionerRole", "HealthcareService")
FORMER_NAMES: Final = ("MedicationOrder", "MedicationPrescription")
"""Those of MedicationRequest."""
_OPENING_MEDICATION: Final = ("MedicationRequest", "MedicationStatement", *FORMER_NAMES)
_PRESENT: Final = dict.fromkeys(FORMER_NAMES, "MedicationRequest")


@dataclass(frozen=True)
class Scope:
    """One scope: `letters` of `cruds` on a type, or on `*`, limited to what all `pairs` find."""

    level: str
    type: str
    letters: str
    pairs: tuple[Pair, ...] = ()

    def __str__(self) -> str:
        """Return the scope as a client asks for it."""
        suffix = "&".join(f"{name}={value}" for name, value in self.pairs)
        return f"{self.level}/{self.type}.{self.letters}" + (f"?{suffix}" if suffix else "")

    def names(self, type_: str) -> bool:
        """Return True if this is a scope of a type, by its name today or before, or by `*`."""
        return _PRESENT.get(self.type, self.type) in (type_, "*")

    def holds(self, letter: str, type_: str) -> bool:
        """Return True if it holds a letter on a type, with a suffix or without."""
        reads_catalogue = type_ == "Medication" and self.type in _OPENING_MEDICATION and letter in "rs"
        return letter in self.letters and (self.names(type_) or reads_catalogue)

    def finds(self, resource: Resource) -> bool:
        """Return True if a search by all pairs would find a resource."""
        type_ = resource["resourceType"]
        if type_ == "Medication":
            return True
        return all(
            token_test(name, value)(parameter_of(type_, name).values({**resource})) for name, value in self.pairs
        )


@dataclass(frozen=True)
class Token:
    """The scopes of a token; `patient` is whom it is bound to, or empty."""

    scopes: tuple[Scope, ...]
    patient: str = ""

    @cached_property
    def caller(self) -> str:
        """The caller of requests with the token (`pairs.asked`)."""
        bound = f"{BOUND_TO}{self.patient}" if self.patient else ""
        return " ".join(map(str, self.scopes)) + bound

    def holds(self, letter: str, type_: str) -> bool:
        """Return True if the token has a letter on a type, if only for some of its resources."""
        return any(each.holds(letter, type_) for each in self.scopes)

    def holds_all(self, letter: str, type_: str) -> bool:
        """Return True if the token has a letter on all resources of a type."""
        held = [each for each in self.scopes if each.holds(letter, type_)]
        return any(not each.pairs for each in held) or (type_ == "Medication" and bool(held))

    def opens(self, letter: str, resource: Resource) -> bool:
        """Return True if a letter opens a resource."""
        return any(each.holds(letter, resource["resourceType"]) and each.finds(resource) for each in self.scopes)

    def least(self, letter: str, type_: str) -> str:
        """Return the scope that a 403 names."""
        return f"{self.scopes[0].level}/{type_}.{letter}"


def covers(registered: Iterable[Scope], asked: Scope) -> bool:
    """Return True if registered scopes cover one that is asked for, letter by letter."""
    type_ = _PRESENT.get(asked.type, asked.type)
    return all(
        any(
            letter in each.letters
            and each.level == asked.level
            and (each.names(type_) if type_ != "*" else each.type == "*")
            and set(each.pairs) <= set(asked.pairs)
            for each in registered
        )
        for letter in asked.letters
    )
