"""Search criteria: parsed from a parameter's text (STU3 Search §2.21.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import (
    ID_PATTERN,
    SYNTAX,
    Modifier,
    ParameterType,
    ResourceType,
    SearchParameter,
    valid_id,
)
from careconnect.search.matching import DateBound as DateBound
from careconnect.search.matching import Match, Quantity, match_of
from careconnect.search.matching import Token as Token
from careconnect.search.values import SearchValueError, date_range, fold_token, normalise

MAX_ALTERNATIVES: Final = 100
"""Comma-separated values of one parameter; each may cost a query."""
MAX_WORDS: Final = 50
"""Words of a searched name; each may begin any part of a stored name."""

_DAY: Final = 86_400_000
"""Milliseconds of a date that is given without a time of day."""

_LOOKED_UP_AT_ONCE: Final = (ParameterType.TOKEN, ParameterType.REFERENCE)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a search: it matches a resource if any of `values` does (comma = OR).

    `values` are texts (string), `Token`s, `DateBound`s, `Quantity`s, references or URIs, by the parameter's type.
    Those of a composite hold the values of each of its parts. For the modifier `missing` the one value is a bool.
    """

    parameter: SearchParameter
    modifier: str
    values: tuple[Any, ...]

    @property
    def comparisons(self) -> int:
        """The number of comparisons that an entry costs: one for a set look-up, else one for each value or word."""
        if self.parameter.type in _LOOKED_UP_AT_ONCE:
            return 1
        if self.parameter.type is ParameterType.STRING and self.modifier != Modifier.MISSING:
            return sum(len(text.split()) for text in self.values)
        return len(self.values) * max(len(self.parameter.parts), 1)

    def compiled(self) -> Match:
        """Return a function that tests a resource's values of the parameter: create it once for a search."""
        if self.modifier == Modifier.MISSING:
            is_missing = self.values[0]
            return lambda stored: (not stored) is is_missing
        return match_of(self.parameter, self.modifier, self.values)


def criterion_of(type_: ResourceType, name: str, text: str, *, fhir_base: str, now: int) -> Criterion | None:
    """Return the criterion that a parameter of a search is, None if the type offers none of that name.

    A chain and `_has` are none. Raises as `parse_criterion` does.
    """
    head, _, modifier = name.partition(":")
    parameter = type_.parameter(head)
    if parameter is None or not parameter.searchable:
        return None
    return parse_criterion(parameter, modifier, text, fhir_base=fhir_base, now=now)


def parse_criterion(parameter: SearchParameter, modifier: str, text: str, *, fhir_base: str, now: int) -> Criterion:
    """Parse one parameter's text.

    `fhir_base` is this server's base: absolute references below it count as relative ones. `now`, in epoch
    milliseconds, is for the prefix `ap`. Raises the 400 outcomes for an unsupported modifier or a malformed
    value.
    """
    if modifier and modifier not in parameter.modifiers:
        takes = ", ".join(f":{each}" for each in parameter.modifiers) or "none"
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
        raise outcomes.invalid_parameter(parameter.name, "a value is missing: give one, or leave the parameter out.")
    if len(texts) > MAX_ALTERNATIVES:
        raise outcomes.invalid_parameter(
            parameter.name, "at most 100 comma-separated values are taken.", code="too-costly"
        )
    values: list[Any] = []
    for one in texts:
        values += _values(parameter, one, target, fhir_base, now)
    return Criterion(parameter, modifier, tuple(values))


def _values(parameter: SearchParameter, text: str, target: str, fhir_base: str, now: int) -> Sequence[Any]:
    """Return the values of one alternative; raises the 400 outcome if it is malformed."""
    match parameter.type:
        case ParameterType.STRING:
            return (_string(parameter, text),)
        case ParameterType.TOKEN:
            return _tokens(parameter, text)
        case ParameterType.DATE:
            return (_date(parameter, text, now),)
        case ParameterType.QUANTITY:
            return (_quantity(parameter, text),)
        case ParameterType.URI:
            return (unescape(text),)
        case ParameterType.COMPOSITE:
            return (_joined(parameter, text, fhir_base, now),)
        case ParameterType.REFERENCE:
            return _references(parameter, unescape(text), target, fhir_base)


def _string(parameter: SearchParameter, text: str) -> str:
    plain = unescape(text)
    words = normalise(plain).split()
    if not words:
        raise outcomes.invalid_parameter(parameter.name, "a value is missing: give one, or leave the parameter out.")
    if parameter.word_by_word and len(words) > MAX_WORDS:
        raise outcomes.invalid_parameter(parameter.name, f"at most {MAX_WORDS} words are taken.", code="too-costly")
    return plain


def _token(parameter: SearchParameter, text: str) -> Token:
    parts = split_unescaped(text, "|")
    if "\\" in text:
        parts = [unescape(part) for part in parts]
    if len(parts) > 2 or not any(parts):
        raise outcomes.invalid_parameter(parameter.name, "a token is code, system|code, |code or system|.")
    code = fold_token(
        parts[-1], case_sensitive=parameter.case_sensitive, punctuation=parameter.punctuation, mail=parameter.mail
    )
    if not code and (len(parts) == 1 or parts[-1]):
        # A telephone number of punctuation alone is not one, and must not match everything of a system.
        raise outcomes.invalid_parameter(parameter.name, "a value is missing: give one, or leave the parameter out.")
    if len(parts) == 1:
        return Token(None, code)
    return Token(parts[0], code or None)


_IN_GROUPS: Final = re.compile(r"\s*([0-9]{3})[\s-]?([0-9]{3})[\s-]?([0-9]{4})\s*")


def _tokens(parameter: SearchParameter, text: str) -> Sequence[Token]:
    """Return the token, and also the number without spaces if it is written in groups (`943 476 5919`).

    Resources hold the number as it is issued, without spaces. The text as given is searched for too: without a
    system it may be another kind of identifier.
    """
    token = _token(parameter, text)
    if parameter.grouped and token.system in (None, parameter.grouped):
        groups = _IN_GROUPS.fullmatch(token.code or "")
        if groups and (number := "".join(groups.groups())) != token.code:
            return token, Token(token.system, number)
    return (token,)


def _prefixed(parameter: SearchParameter, text: str) -> tuple[str, str]:
    """Return a value's prefix, `eq` if it has none, and the rest of the value."""
    return (text[:2], text[2:]) if text[:2] in SYNTAX[parameter.type].prefixes else ("eq", text)


def _date(parameter: SearchParameter, text: str, now: int) -> DateBound:
    prefix, rest = _prefixed(parameter, text)
    try:
        low, high = date_range(unescape(rest))
    except SearchValueError:
        raise outcomes.invalid_parameter(
            parameter.name,
            "not a date such as 2017, 2017-10, 2017-10-19 (the year first) or 2017-10-19T08:00:00Z; a prefix such as "
            "ge may precede it.",
        ) from None
    has_time = high - low < _DAY
    if prefix == "ap":
        # A tenth of the distance from now, on both sides (STU3 Search §2.21.1.5.1: the recommended value).
        slack = abs(now - low) // 10
        low, high = low - slack, high + slack
    return DateBound(prefix, low, high, has_time)


def parse_instant(name: str, text: str) -> int:
    """Return an instant as epoch milliseconds; raises the 400 outcome (STU3 Data types §2.24.0.1: instant)."""
    try:
        low, high = date_range(text)
    except SearchValueError:
        low, high = 0, 0
    # An instant has at least the precision of a second, and a time zone.
    if not (0 < high - low <= 1000 and (text.endswith("Z") or text[-6:-5] in ("+", "-"))):
        raise outcomes.invalid_parameter(name, "takes an instant such as 2017-10-19T08:00:00Z.")
    return low


# STU3 Data types §2.24.0.1: decimal. Exponents are limited, since a comparison writes out all digits of a number.
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")


def _quantity(parameter: SearchParameter, text: str) -> Quantity:
    prefix, rest = _prefixed(parameter, text)
    number_text, *unit = (unescape(part) for part in split_unescaped(rest, "|"))
    if not _NUMBER.fullmatch(number_text) or len(unit) not in (0, 2) or (unit and not unit[1]):
        raise outcomes.invalid_parameter(
            parameter.name, "a quantity is a number, number|system|code or number||unit, such as 5.4||mmol/L."
        )
    number = Decimal(number_text)
    slack = number.copy_abs().scaleb(-1) if prefix == "ap" else _half_a_step(number)
    system, code = unit or (None, "")
    # The precision of the number as given, plus the digit that half a step adds.
    exact = Context(prec=len(number_text) + 2)
    low, high = exact.subtract(number, slack), exact.add(number, slack)
    return Quantity(prefix, number, low, high, system, code or "")


def _half_a_step(number: Decimal) -> Decimal:
    """Return half a unit of a number's last digit: 0.05 of 5.4, 0.005 of 5.40."""
    return Decimal((0, (5,), int(number.as_tuple().exponent) - 1))


def _joined(composite: SearchParameter, text: str, fhir_base: str, now: int) -> tuple[tuple[Any, ...], ...]:
    texts = split_unescaped(text, "$")
    if len(texts) != len(composite.parts) or not all(texts):
        form = "$".join(part.parameter.name for part in composite.parts)
        raise outcomes.invalid_parameter(composite.name, f"a value holds all parts, as {form}.")
    try:
        return tuple(
            tuple(_values(part.parameter, one, "", fhir_base, now))
            for part, one in zip(composite.parts, texts, strict=True)
        )
    except OutcomeError as error:
        raise outcomes.invalid_parameter(composite.name, f"in a part: {error.text}") from None


RELATIVE_REFERENCE: Final = re.compile(rf"(?P<type>[A-Za-z]+)/(?P<id>{ID_PATTERN})(?:/_history/{ID_PATTERN})?")


def _references(parameter: SearchParameter, text: str, target: str, fhir_base: str) -> tuple[str, ...]:
    targets = (target,) if target else parameter.targets
    if valid_id(text):
        return tuple(f"{name}/{text}" for name in targets)
    relative = RELATIVE_REFERENCE.fullmatch(text.removeprefix(fhir_base + "/"))
    if relative is not None:
        return (f"{relative['type']}/{relative['id']}",) if not target or relative["type"] == target else ("",)
    if not target and re.fullmatch(r"https?://\S+|urn:\S+", text):
        return (text,)
    raise outcomes.invalid_parameter(parameter.name, "not a reference such as 4, Patient/4 or an absolute URL.")


def split_unescaped(text: str, separator: str) -> list[str]:
    r"""Split at each separator without a backslash before it, leaving the escapes (STU3 Search §2.21.1.7)."""
    parts, start = [], 0
    # By positions: texts that grow by a character take quadratic time.
    for found in re.finditer(rf"\\.|{re.escape(separator)}", text, re.DOTALL):
        if found[0] == separator:
            parts.append(text[start : found.start()])
            start = found.end()
    parts.append(text[start:])
    return parts


def unescape(text: str) -> str:
    r"""Undo `\,`, `\|`, `\$` and `\\`."""
    return re.sub(r"\\([,|$\\])", r"\1", text)
