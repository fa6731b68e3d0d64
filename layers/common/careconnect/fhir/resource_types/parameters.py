"""Search parameters: their types, the syntax of their values, and how they are indexed and followed."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Flag, IntEnum, StrEnum, auto
from functools import cached_property
from typing import Final


class ParameterType(StrEnum):
    """The FHIR search parameter types that the server supports (STU3 Search §2.21.1)."""

    STRING = "string"
    TOKEN = "token"
    DATE = "date"
    REFERENCE = "reference"
    QUANTITY = "quantity"
    COMPOSITE = "composite"
    URI = "uri"


class Modifier(StrEnum):
    """The modifiers that the server supports besides `:Type` (STU3 Search §2.21.1.4 and after)."""

    EXACT = "exact"
    CONTAINS = "contains"
    NOT = "not"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Syntax:
    """The syntax of a parameter type: the form of a value, modifiers after the name, prefixes before a value.

    A reference accepts the names of its target types as modifiers too: they give a bare id its type.
    """

    value: str
    modifiers: tuple[Modifier, ...]
    prefixes: tuple[str, ...] = ()

    def describe(self, targets: Iterable[str] = ()) -> str:
        """Return the syntax in Markdown, for a reference with its `targets`."""
        prefixes = f" after `{' '.join(self.prefixes)}`" if self.prefixes else ""
        modifiers = ", ".join(f"`:{each}`" for each in (*targets, *self.modifiers)) or "none"
        return f"{self.value}{prefixes}. Modifiers: {modifiers}."


_PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

SYNTAX: Final = {
    ParameterType.STRING: Syntax(
        "A beginning, in any case and accents", (Modifier.EXACT, Modifier.CONTAINS, Modifier.MISSING)
    ),
    ParameterType.TOKEN: Syntax("`code`, `system|code`, `|code` or `system|`", (Modifier.NOT, Modifier.MISSING)),
    ParameterType.DATE: Syntax("A date of any precision", (Modifier.MISSING,), _PREFIXES),
    ParameterType.REFERENCE: Syntax("`4`, `Type/4` or an absolute URL", (Modifier.MISSING,)),
    ParameterType.QUANTITY: Syntax(
        "`number`, `number|system|code` or `number||unit`, the unit's code or its printed form",
        (Modifier.MISSING,),
        _PREFIXES,
    ),
    ParameterType.COMPOSITE: Syntax("The values of its parts, joined by `$`", ()),
    ParameterType.URI: Syntax("The whole URI", (Modifier.MISSING,)),
}


class Rank(IntEnum):
    """The selectivity of a parameter: the lower the rank, the fewer resources one value selects.

    The query planner looks a search up by its criterion of the lowest rank. Parameters from `IDENTIFIER` to `SHARED`
    have index entries. All other criteria are compared with the values stored in those entries. A code of few values
    (gender, status, …) therefore never makes a hot partition.
    """

    KEY = 0
    """The resource's own key."""
    IDENTIFIER = 1
    """Selects one person or thing."""
    RECORD = 2
    """Selects a patient's record, or a part of it."""
    CONTACT = 3
    """Selects people who share a home or a workplace."""
    SHARED = 4
    """Selects many resources, but a small share of all."""
    COMPARED = 5
    """Has no index entries."""


class Follow(Flag):
    """The operations that follow a reference."""

    NOTHING = 0
    INCLUDE = auto()
    """`_include` adds the target."""
    REVERSE = auto()
    """`_revinclude` adds to a target the resources that refer to it."""
    EVERYTHING = auto()
    """`$everything` adds the target, which lies outside the patient's compartment."""


_PERSONAL: Final = frozenset(
    (
        *("name", "family", "given", "birthdate", "death-date", "telecom", "phone", "email"),
        *("address", "address-city", "address-country", "address-postalcode", "address-state"),
    )
)
"""The parameters, besides identifiers, with values that identify a person."""


@dataclass(frozen=True)
class SearchParameter:
    """One search parameter of one type.

    `paths` are element paths below the resource; `telecom(system=phone).value` selects the repetitions with the
    `system` `phone`. `targets` are the types that a reference may point at. A row of the table may leave both empty:
    they are then STU3's (`rows.py`).
    """

    name: str
    type: ParameterType
    paths: tuple[str, ...]
    rank: Rank = Rank.COMPARED
    targets: tuple[str, ...] = ()
    follow: Follow = Follow.NOTHING
    searchable: bool = True
    """False for a reference that can be followed but not searched by."""
    compartment: bool = False
    """True for the reference that puts a resource into the compartment of its target, a patient."""
    parent: str = ""
    """The parent parameter, with index entries that serve this one too: `family` is found by the entries of `name`."""
    part_of: str = ""
    """The parameter that stores this one's values among its own; by default the parent parameter."""
    word_by_word: bool = False
    """Each of several words may begin another part: `bernie kanfeld` is a given name and a family name."""
    any_word: bool = False
    """A text may begin at any word of a value, and each word has an index entry: `lane` finds `Bobbin Lane`."""
    case_sensitive: bool = True
    punctuation: bool = True
    """False if only letters and digits are compared."""
    mail: bool = False
    """A value with an `@` is compared with its punctuation, although others are not."""
    presence: bool = False
    """The search value is a boolean: true if the element has a value other than `false`."""
    system: str = ""
    """The code system that a bare code or boolean implies (STU3 Search §2.21.1.7: token)."""
    grouped: str = ""
    """The system of ten-digit numbers that people write in groups of three, three and four digits."""
    parts: tuple["Part", ...] = ()
    """The parts that a composite joins, for each element at its path (`""`: the resource)."""
    chain: str = ""
    """An example of a chain through the reference, by a parameter of its target; empty if the server accepts none."""

    @cached_property
    def indexed(self) -> bool:
        """Return True if the parameter has index entries of its own."""
        return Rank.KEY < self.rank < Rank.COMPARED and not self.parent

    @cached_property
    def of_resource(self) -> bool:
        """Return True for a composite of the resource itself, not of a repeating element."""
        return bool(self.parts) and self.paths == ("",)

    @cached_property
    def sortable(self) -> bool:
        """Return True if `_sort` accepts it: dates, strings and the id."""
        return self.type in (ParameterType.DATE, ParameterType.STRING) or self.rank is Rank.KEY

    @cached_property
    def personal(self) -> bool:
        """Return True if its values identify a person: the audit trail then stores none of them (`audit.md`)."""
        return self.rank is Rank.IDENTIFIER or self.name in _PERSONAL

    @property
    def modifiers(self) -> tuple[str, ...]:
        """The modifiers that the server accepts after its name."""
        return (*self.targets, *SYNTAX[self.type].modifiers)

    @property
    def description(self) -> str:
        """The parameter's syntax in Markdown, for every generated document."""
        words = " Several words may each begin another part." if self.word_by_word else ""
        words += " It may begin at any word." if self.any_word else ""
        words += f" Parts: {', '.join(f'`{each.parameter.name}`' for each in self.parts)}." if self.parts else ""
        chain = f" Chains such as `{self.chain}`." if self.chain else ""
        return f"{SYNTAX[self.type].describe(self.targets)}{words}{chain} A comma means or."


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a composite: a parameter, and the path of its value below the composite's element."""

    parameter: SearchParameter
    path: str
