"""Search criteria: parsed from a parameter's text, matched against stored values (STU3 Search §2.21.1)."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from careconnect import outcomes
from careconnect.resource_types import ID_PATTERN, SYNTAX, Modifier, ParameterType, SearchParameter, valid_id
from careconnect.search_values import SearchValueError, SearchValues, date_range, fold_token, normalise

MOST_ALTERNATIVES: Final = 100
"""Comma-separated values of one parameter; each may cost a query."""

Matcher = Callable[[SearchValues], bool]
_Match = Callable[[Sequence[Any]], bool]

_LOOKED_UP_AT_ONCE: Final = (ParameterType.TOKEN, ParameterType.REFERENCE)


@dataclass(frozen=True, slots=True)
class Token:
    """A token to find: `system` None for any, empty for none; `code` None for any of a system."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class DateBound:
    """A prefix and the range of the date it was put before, in epoch milliseconds."""

    prefix: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a search: it matches a resource if any of `values` does (comma = OR).

    `values` are texts (string), `Token`s, `DateBound`s or references, by the parameter's type; for the
    modifier `missing` the one value is a bool.
    """

    parameter: SearchParameter
    modifier: str
    values: tuple[Any, ...]

    @property
    def comparisons(self) -> int:
        """How many comparisons an entry costs: one for what is looked up in a set, else one for each value or word."""
        if self.parameter.type in _LOOKED_UP_AT_ONCE:
            return 1
        if self.parameter.type is ParameterType.STRING and self.modifier != Modifier.MISSING:
            return sum(len(text.split()) for text in self.values)
        return len(self.values)

    def matcher(self) -> Matcher:
        """Return the function that says whether a resource with given searchable values matches.

        It is made once for a search and asked of each of its entries.
        """
        name = self.parameter.name
        if self.modifier == Modifier.MISSING:
            is_missing = self.values[0]
            return lambda stored: (not stored.get(name)) is is_missing
        make = _MATCHERS[self.parameter.type, self.modifier]
        if self.parameter.word_by_word and not self.modifier:
            make = _starts_word_by_word
        match, is_opposite = make(self.values), self.modifier == Modifier.NOT
        return lambda stored: match(stored.get(name, ())) is not is_opposite


def parse_criterion(parameter: SearchParameter, modifier: str, text: str, *, fhir_base: str, now: int) -> Criterion:
    """Parse one parameter's text.

    `fhir_base` is this server's base, so that its absolute references count as relative ones; `now` in epoch
    milliseconds serves the prefix `ap`. Raises the 400 outcomes for an unsupported modifier or a malformed
    value.
    """
    if modifier and modifier not in parameter.modifiers:
        takes = ", ".join(f":{each}" for each in parameter.modifiers)
        raise outcomes.invalid_parameter(
            parameter.name, f"the modifier is not supported; it takes {takes}.", code="not-supported"
        )
    modifier, target = ("", modifier) if modifier in parameter.targets else (modifier, "")
    if modifier == Modifier.MISSING:
        if text not in ("true", "false"):
            raise outcomes.invalid_parameter(parameter.name, ":missing takes true or false.")
        return Criterion(parameter, modifier, (text == "true",))
    texts = [one for one in split_unescaped(text, ",") if one]
    if not texts:
        raise outcomes.invalid_parameter(parameter.name, "a value is missing.")
    if len(texts) > MOST_ALTERNATIVES:
        raise outcomes.invalid_parameter(
            parameter.name, "at most 100 comma-separated values are taken.", code="too-costly"
        )
    values: tuple[Any, ...] = ()
    match parameter.type:
        case ParameterType.STRING:
            values = tuple(_string(parameter, one) for one in texts)
        case ParameterType.TOKEN:
            values = tuple(token for one in texts for token in _tokens(parameter, one))
        case ParameterType.DATE:
            values = tuple(_date(parameter, one, now) for one in texts)
        case _:
            values = tuple(
                reference for one in texts for reference in _references(parameter, unescape(one), target, fhir_base)
            )
    return Criterion(parameter, modifier, values)


def split_unescaped(text: str, separator: str) -> list[str]:
    r"""Split at a separator that no backslash stands before, keeping the escapes (STU3 Search §2.21.1.7)."""
    parts = [""]
    characters = iter(text)
    for character in characters:
        if character == "\\":
            parts[-1] += character + next(characters, "")
        elif character == separator:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def unescape(text: str) -> str:
    r"""Undo `\,`, `\|`, `\$` and `\\`."""
    return re.sub(r"\\([,|$\\])", r"\1", text)


def _string(parameter: SearchParameter, text: str) -> str:
    plain = unescape(text)
    if not normalise(plain):
        raise outcomes.invalid_parameter(parameter.name, "a value is missing.")
    return plain


def _token(parameter: SearchParameter, text: str) -> Token:
    parts = [unescape(part) for part in split_unescaped(text, "|")]
    if len(parts) > 2 or not any(parts):
        raise outcomes.invalid_parameter(parameter.name, "a token is code, system|code, |code or system|.")
    code = fold_token(parts[-1], case_sensitive=parameter.case_sensitive, punctuation=parameter.punctuation)
    if not code and (len(parts) == 1 or parts[-1]):
        # A telephone number of nothing but punctuation is none, and no way to ask for all of a system.
        raise outcomes.invalid_parameter(parameter.name, "a value is missing.")
    if len(parts) == 1:
        return Token(None, code)
    return Token(parts[0], code or None)


_IN_GROUPS: Final = re.compile(r"\s*([0-9]{3})[\s-]?([0-9]{3})[\s-]?([0-9]{4})\s*")


def _tokens(parameter: SearchParameter, text: str) -> Iterator[Token]:
    """Yield the token, and beside it the number that it is if it is one written in groups (`943 476 5919`).

    Records hold the number as it is issued, without spaces. The text as it stands is searched for too: without a
    system it may be something else's.
    """
    token = _token(parameter, text)
    yield token
    if parameter.grouped and token.system in (None, parameter.grouped):
        groups = _IN_GROUPS.fullmatch(token.code or "")
        if groups and (number := "".join(groups.groups())) != token.code:
            yield Token(token.system, number)


def _date(parameter: SearchParameter, text: str, now: int) -> DateBound:
    prefix, rest = (text[:2], text[2:]) if text[:2] in SYNTAX[parameter.type].prefixes else ("eq", text)
    try:
        low, high = date_range(unescape(rest))
    except SearchValueError:
        raise outcomes.invalid_parameter(
            parameter.name, "not a date such as 2017, 2017-10, 2017-10-19 or 2017-10-19T08:00:00Z."
        ) from None
    if prefix == "ap":
        # A tenth of the distance from now, on both sides (STU3 Search §2.21.1.5.1: the recommended value).
        slack = abs(now - low) // 10
        low, high = low - slack, high + slack
    return DateBound(prefix, low, high)


_RELATIVE: Final = re.compile(rf"(?P<type>[A-Za-z]+)/(?P<id>{ID_PATTERN})(?:/_history/{ID_PATTERN})?")


def _references(parameter: SearchParameter, text: str, target: str, fhir_base: str) -> tuple[str, ...]:
    targets = (target,) if target else parameter.targets
    if valid_id(text):
        return tuple(f"{name}/{text}" for name in targets)
    relative = _RELATIVE.fullmatch(text.removeprefix(fhir_base + "/"))
    if relative is not None:
        return (f"{relative['type']}/{relative['id']}",) if not target or relative["type"] == target else ("",)
    if not target and re.fullmatch(r"https?://\S+|urn:\S+", text):
        return (text,)
    raise outcomes.invalid_parameter(parameter.name, "not a reference such as 4, Patient/4 or an absolute URL.")


def _starts(texts: Sequence[str]) -> _Match:
    beginnings = tuple(map(normalise, texts))
    return lambda stored: any(normalise(value).startswith(beginnings) for value in stored)


def _starts_word_by_word(texts: Sequence[str]) -> _Match:
    """Match the words of a name in turn, each, or some that follow each other, the beginning of some part."""
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


def _contains(texts: Sequence[str]) -> _Match:
    wanted = [normalise(text) for text in texts]
    return lambda stored: any(text in value for value in map(normalise, stored) for text in wanted)


def _is_among(texts: Sequence[str]) -> _Match:
    wanted = frozenset(texts)
    return lambda stored: not wanted.isdisjoint(stored)


def _is_token(tokens: Sequence[Token]) -> _Match:
    """Match a coding by its system and code, or by the one that is given."""
    wanted = frozenset((token.system, token.code) for token in tokens)
    return lambda stored: any(
        (system, code) in wanted or (None, code) in wanted or (system, None) in wanted for system, code in stored
    )


def _is_in_range(bounds: Sequence[DateBound]) -> _Match:
    wanted = [(_COMPARISONS[bound.prefix], bound) for bound in bounds]

    def match(stored: Sequence[Any]) -> bool:
        ranges = [DateBound("", low, high) for low, high in stored]
        return any(compare(bound, has) for compare, bound in wanted for has in ranges)

    return match


def _within(searched: DateBound, has: DateBound) -> bool:
    return searched.low <= has.low and has.high <= searched.high


# STU3 Search §2.21.1.5.1: how the range searched for compares with the range that a resource has.
_COMPARISONS: Final[dict[str, Callable[[DateBound, DateBound], bool]]] = {
    "eq": _within,
    "ne": lambda searched, has: not _within(searched, has),
    "gt": lambda searched, has: has.high > searched.high,
    "lt": lambda searched, has: has.low < searched.low,
    "ge": lambda searched, has: has.high > searched.high or _within(searched, has),
    "le": lambda searched, has: has.low < searched.low or _within(searched, has),
    "sa": lambda searched, has: has.low >= searched.high,
    "eb": lambda searched, has: has.high <= searched.low,
    "ap": lambda searched, has: has.low < searched.high and searched.low < has.high,
}

# `:missing` asks for no value and `:not` for the opposite, whatever the type.
_MATCHERS: Final[dict[tuple[ParameterType, str], Callable[[Sequence[Any]], _Match]]] = {
    (ParameterType.STRING, ""): _starts,
    (ParameterType.STRING, Modifier.EXACT): _is_among,
    (ParameterType.STRING, Modifier.CONTAINS): _contains,
    (ParameterType.TOKEN, ""): _is_token,
    (ParameterType.TOKEN, Modifier.NOT): _is_token,
    (ParameterType.DATE, ""): _is_in_range,
    (ParameterType.REFERENCE, ""): _is_among,
}
