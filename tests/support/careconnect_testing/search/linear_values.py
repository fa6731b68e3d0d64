"""Comparison of single values in a linear search: texts, tokens, dates, quantities, and escapes in queries.

Written from the STU3 specification (Search §2.21.1) and from the contract alone, as is all of the linear search.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

Token = tuple[str, str]
"""(system, code); the system is empty where there is none."""
Period = tuple[datetime, datetime]
"""From the first instant to the one after the last."""

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Quantity:
    """A measured number, exactly, with its unit as a code and as text; both are empty without a unit."""

    number: Fraction
    system: str
    code: str
    unit: str


@dataclass(frozen=True)
class Measurement:
    """The codes and the quantities in one element, for a composite parameter."""

    codes: tuple[Token, ...]
    quantities: tuple[Quantity, ...]


# Strings (§2.21.1.4).


def fold(text: str) -> str:
    """Return a text without case, accents (including strokes) and surplus spaces."""
    letters = [one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one)]
    lower = "".join(letters).lower().replace("ł", "l").replace("ø", "o").replace("đ", "d")
    return " ".join(lower.replace("ß", "ss").split())


def string_test(name: str, modifier: str, text: str) -> Callable[[list[str]], bool]:
    """Return a test of a resource's texts for one string."""
    wanted = fold(text)

    def starts(values: list[str]) -> bool:
        return any(fold(value).startswith(wanted) for value in values)

    def starts_in_turn(values: list[str], words: list[str]) -> bool:
        """Return True if each word of a name begins some part; a part of several words takes as many words."""
        parts = [fold(value) for value in values]
        return not words or any(
            any(part.startswith(" ".join(words[:number])) for part in parts) and starts_in_turn(values, words[number:])
            for number in range(1, len(words) + 1)
        )

    def starts_at_a_word(values: list[str]) -> bool:
        """Return True if the text matches an address from its beginning, or from that of any of its words."""
        return any(f" {wanted}" in f" {fold(value)}" for value in values)

    match modifier:
        case "exact":
            return lambda values: text in values
        case "contains":
            return lambda values: any(wanted in fold(value) for value in values)
        case _ if name == "name":
            return lambda values: starts_in_turn(values, wanted.split())
        case _ if name == "address":
            return starts_at_a_word
        case _:
            return starts


# Tokens (§2.21.1.7).

_ANY_CASE = ("gender", "email", "phone", "telecom")


def token_test(name: str, text: str) -> Callable[[list[Token]], bool]:
    """Return a test of a resource's codes for one token."""
    parts = [unescape(part) for part in split(text, "|")]
    wanted = _comparable(name, parts[-1])

    def matches(system: str, code: str) -> bool:
        code = _comparable(name, code)
        if len(parts) == 1:
            return code == wanted  # code: any system
        if not wanted:
            return system == parts[0]  # system|: any code of it
        return system == parts[0] and code == wanted  # system|code, and |code for no system

    return lambda values: any(matches(system, code) for system, code in values)


def _comparable(name: str, code: str) -> str:
    if name == "phone" or (name == "telecom" and "@" not in code):
        code = "".join(one for one in code if one.isalnum())
    return code.lower() if name in _ANY_CASE else code


# Dates (§2.21.1.5).


def date_range(text: str) -> Period:
    """Return the time that a date of any precision covers; without a zone it is UTC."""
    match len(text):
        case 4:
            year = int(text)
            return datetime(year, 1, 1, tzinfo=UTC), _first_of(year + 1, 1)
        case 7:
            year, month = int(text[:4]), int(text[5:])
            return datetime(year, month, 1, tzinfo=UTC), _first_of(year + month // 12, month % 12 + 1)
        case 10:
            start = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return start, _after(start, timedelta(days=1))
    start = datetime.fromisoformat(text)
    start = start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    clock = re.split(r"[Z+-]", text[11:])[0]
    precision = {5: timedelta(minutes=1), 8: timedelta(seconds=1)}.get(len(clock), timedelta(milliseconds=1))
    return start, _after(start, precision)


def _after(start: datetime, precision: timedelta) -> datetime:
    return start + precision if start < END - precision else END


def _first_of(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC) if year < 10_000 else END


def period_of(value: Any) -> Period:
    """Return the range of a date, or of a Period, which is unbounded without a start or an end."""
    if isinstance(value, str):
        return date_range(value)
    start, end = value.get("start"), value.get("end")
    return (date_range(start)[0] if start else BEGINNING), (date_range(end)[1] if end else END)


def date_test(text: str, now: datetime) -> Callable[[list[Period]], bool]:
    """Return a test of a resource's dates for one date; `ap` is measured from `now`."""
    prefix, date = _prefix_and_rest(text)
    low, high = date_range(date)
    if prefix == "ap":
        slack = abs(now - low) / 10
        low, high = low - slack, high + slack
    return lambda values: any(_compare(prefix, (low, high), value) for value in values)


def _prefix_and_rest(text: str) -> tuple[str, str]:
    return (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)


def _compare(prefix: str, searched: Period, target: Period) -> bool:
    """Return True if `target` has the relation to `searched` that §2.21.1.5.1's table gives for a prefix."""
    contained = searched[0] <= target[0] and target[1] <= searched[1]
    reaches_above = target[1] > searched[1]
    reaches_below = target[0] < searched[0]
    match prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "gt":
            return reaches_above
        case "lt":
            return reaches_below
        case "ge":
            return reaches_above or contained
        case "le":
            return reaches_below or contained
        case "sa":
            return target[0] >= searched[1]
        case "eb":
            return target[1] <= searched[0]
        case "ap":
            return target[0] < searched[1] and searched[0] < target[1]
    raise ValueError(prefix)


# Quantities (§2.21.1.9).


def quantity_test(text: str) -> Callable[[list[Quantity]], bool]:
    """Return a test for one quantity: a number alone, with a unit's system and code, or with a unit alone."""
    parts = [unescape(part) for part in split(text, "|")]
    prefix, number = _prefix_and_rest(parts[0])

    def has_unit(value: Quantity) -> bool:
        if len(parts) == 1:
            return True
        _, system, unit = parts
        return (value.system, value.code) == (system, unit) if system else unit in (value.code, value.unit)

    return lambda values: any(has_unit(value) and _number_has(prefix, number, value.number) for value in values)


def _number_has(prefix: str, text: str, target: Fraction) -> bool:
    """Return True if `target` satisfies a prefix; `eq` and `ne` cover every number that rounds to the given digits."""
    searched, half = Fraction(text), Fraction(_last_place(text)) / 2
    match prefix:
        case "eq":
            return searched - half <= target < searched + half
        case "ne":
            return not searched - half <= target < searched + half
        case "gt" | "sa":
            return target > searched
        case "lt" | "eb":
            return target < searched
        case "ge":
            return target >= searched
        case "le":
            return target <= searched
        case "ap":
            return abs(target - searched) <= abs(searched) / 10
    raise ValueError(prefix)


def _last_place(number: str) -> Fraction:
    """Return the value of one unit of the last digit: a tenth in 5.4, a hundredth in 5.40e0."""
    digits, _, exponent = number.lower().partition("e")
    return Fraction(10) ** (int(exponent or "0") - len(digits.partition(".")[2]))


# Composites (§2.21.1.10): both parts must match in one element.


def composite_test(text: str) -> Callable[[list[Measurement]], bool]:
    """Return a test for a code and a quantity together: `code$quantity`."""
    code, quantity = split(text, "$")
    has_code, has_quantity = token_test("", code), quantity_test(quantity)
    return lambda values: any(has_code([*one.codes]) and has_quantity([*one.quantities]) for one in values)


# Escapes (§2.21.1.3).


def split(text: str, separator: str) -> list[str]:
    r"""Split at the separators that no backslash escapes."""
    parts, escaped = [""], False
    for character in text:
        if character == separator and not escaped:
            parts.append("")
            continue
        parts[-1] += character
        escaped = character == "\\" and not escaped
    return parts


def unescape(text: str) -> str:
    """Return a text without its escaping backslashes."""
    return re.sub(r"\\([\\,|$])", r"\1", text)
