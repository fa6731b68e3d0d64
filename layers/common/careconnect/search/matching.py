"""The comparison of search values with stored values (STU3 Search §2.21.1)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from careconnect.fhir.resource_types import Modifier, ParameterType, SearchParameter
from careconnect.search.values import normalise

Match = Callable[[Sequence[Any]], bool]
"""Returns True if a parameter's stored values match."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token to find: `system` is None for any, empty for none; `code` is None for any code of a system."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class DateBound:
    """A prefix and the range of its date, in epoch milliseconds; `has_time` says that it has a time of day."""

    prefix: str
    low: int
    high: int
    has_time: bool = False


@dataclass(frozen=True, slots=True)
class Quantity:
    """A prefix and its number; `low` and `high` are the range that the number stands for.

    `system` is None for any unit, and empty for a unit whose code or printed form is `code`.
    """

    prefix: str
    number: Decimal
    low: Decimal
    high: Decimal
    system: str | None = None
    code: str = ""

    def holds(self, stored: Sequence[str]) -> bool:
        """Return True if a stored `[number, system, code, unit]` matches; units are never converted."""
        number, system, code, unit = stored
        if self.system is not None:
            is_unit = self.code in (code, unit) if not self.system else (system, code) == (self.system, self.code)
            if not is_unit:
                return False
        return _NUMBERS[self.prefix](self, Decimal(number))


def match_of(parameter: SearchParameter, modifier: str, values: Sequence[Any]) -> Match:
    """Return a function that tests whether stored values of a parameter match any of the search values.

    The modifier `:missing` is not supported here, since it has no value to compare.
    """
    if parameter.parts:
        return _is_joined(parameter, values)
    make = _MATCHERS[parameter.type, modifier]
    if not modifier and parameter.word_by_word:
        make = _starts_word_by_word
    elif not modifier and parameter.any_word:
        make = _starts_at_a_word
    match = make(values)
    return (lambda stored: not match(stored)) if modifier == Modifier.NOT else match


def _is_joined(composite: SearchParameter, values: Sequence[Any]) -> Match:
    """Match a composite: one and the same element must have a match for each part."""
    wanted = [
        [match_of(part.parameter, "", of_part) for part, of_part in zip(composite.parts, value, strict=True)]
        for value in values
    ]
    return lambda stored: any(
        all(match(part) for match, part in zip(matches, parts, strict=True)) for parts in stored for matches in wanted
    )


def _starts(texts: Sequence[str]) -> Match:
    beginnings = tuple(map(normalise, texts))
    return lambda stored: any(normalise(value).startswith(beginnings) for value in stored)


def _starts_word_by_word(texts: Sequence[str]) -> Match:
    """Match the words of a name in turn: each word, or a run of words, must begin some part of the stored name."""
    wanted = [normalise(text).split() for text in texts]

    def match(stored: Sequence[Any]) -> bool:
        parts = [normalise(value) for value in stored]
        return any(_follow_each_other(words, parts) for words in wanted)

    return match


def _follow_each_other(words: Sequence[str], parts: Sequence[str]) -> bool:
    matched = {0}
    for start in range(len(words)):
        if start not in matched:
            continue
        for end in range(start + 1, len(words) + 1):
            run = " ".join(words[start:end])
            if not any(part.startswith(run) for part in parts):
                break
            matched.add(end)
    return len(words) in matched


def _starts_at_a_word(texts: Sequence[str]) -> Match:
    beginnings = [f" {normalise(text)}" for text in texts]
    return lambda stored: any(beginning in f" {text}" for text in map(normalise, stored) for beginning in beginnings)


def _contains(texts: Sequence[str]) -> Match:
    wanted = [normalise(text) for text in texts]
    return lambda stored: any(text in value for value in map(normalise, stored) for text in wanted)


def _is_among(texts: Sequence[str]) -> Match:
    wanted = frozenset(texts)
    return lambda stored: not wanted.isdisjoint(stored)


def _is_token(tokens: Sequence[Token]) -> Match:
    """Match a coding by its system and code, or by the one of them that is given."""
    codings = frozenset((token.system, token.code) for token in tokens)
    codes = frozenset(token.code for token in tokens if token.system is None)
    systems = frozenset(token.system for token in tokens if token.code is None)

    def match(stored: Sequence[Any]) -> bool:
        # A generator would cost half as much again.
        for system, code in stored:  # noqa: SIM110
            if code in codes or (system, code) in codings or system in systems:
                return True
        return False

    return match


def _is_in_range(bounds: Sequence[DateBound]) -> Match:
    wanted = [(_COMPARISONS[bound.prefix], bound) for bound in bounds]
    return lambda stored: any(compare(bound, low, high) for compare, bound in wanted for low, high in stored)


def _within(searched: DateBound, low: int, high: int) -> bool:
    return searched.low <= low and high <= searched.high


# STU3 Search §2.21.1.5.1: comparisons of the searched range with a resource's range, from `low` to `high`.
_COMPARISONS: Final[dict[str, Callable[[DateBound, int, int], bool]]] = {
    "eq": _within,
    "ne": lambda searched, low, high: not _within(searched, low, high),
    "gt": lambda searched, low, high: high > searched.high,  # noqa: ARG005 - one signature for all
    "lt": lambda searched, low, high: low < searched.low,  # noqa: ARG005
    "ge": lambda searched, low, high: high > searched.high or _within(searched, low, high),
    "le": lambda searched, low, high: low < searched.low or _within(searched, low, high),
    "sa": lambda searched, low, high: low >= searched.high,  # noqa: ARG005
    "eb": lambda searched, low, high: high <= searched.low,  # noqa: ARG005
    "ap": lambda searched, low, high: low < searched.high and searched.low < high,
}


def _is_quantity(quantities: Sequence[Quantity]) -> Match:
    return lambda stored: any(wanted.holds(value) for value in stored for wanted in quantities)


def _is_equal(searched: Quantity, number: Decimal) -> bool:
    return searched.low <= number < searched.high


# STU3 Search §2.21.1.6: without a prefix a number stands for all that round to it; other prefixes take it exactly.
_NUMBERS: Final[dict[str, Callable[[Quantity, Decimal], bool]]] = {
    "eq": _is_equal,
    "ne": lambda searched, number: not _is_equal(searched, number),
    "gt": lambda searched, number: number > searched.number,
    "lt": lambda searched, number: number < searched.number,
    "ge": lambda searched, number: number >= searched.number,
    "le": lambda searched, number: number <= searched.number,
    "sa": lambda searched, number: number > searched.number,
    "eb": lambda searched, number: number < searched.number,
    "ap": lambda searched, number: searched.low <= number <= searched.high,
}

_MATCHERS: Final[dict[tuple[ParameterType, str], Callable[[Sequence[Any]], Match]]] = {
    (ParameterType.STRING, ""): _starts,
    (ParameterType.STRING, Modifier.EXACT): _is_among,
    (ParameterType.STRING, Modifier.CONTAINS): _contains,
    (ParameterType.TOKEN, ""): _is_token,
    (ParameterType.TOKEN, Modifier.NOT): _is_token,
    (ParameterType.DATE, ""): _is_in_range,
    (ParameterType.REFERENCE, ""): _is_among,
    (ParameterType.QUANTITY, ""): _is_quantity,
    (ParameterType.URI, ""): _is_among,
}
