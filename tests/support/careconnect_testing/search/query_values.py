"""Generate search values: the values of some resource, and values near them."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from careconnect_testing.search.linear_parameters import parameter_of
from careconnect_testing.search.linear_search import LinearSearch
from careconnect_testing.search.linear_values import BEGINNING, END, Measurement, Quantity

_PREFIXES = ("", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_JITTER = (timedelta(0),) * 4 + tuple(
    sign * timedelta(**{unit: 1})
    for sign in (1, -1)
    for unit in ("milliseconds", "seconds", "minutes", "hours", "days", "weeks")
)
_ZONES = (timedelta(0), timedelta(hours=1), timedelta(hours=-5, minutes=-30), timedelta(hours=14))
_STEPS = ("0", "0", "0", "1", "-1", "0.1", "0.05", "-0.05", "0.005", "-0.001")


class ValueMaker:
    """Generates random values for the parameters of the resources in `search`."""

    def __init__(self, random: Random, search: LinearSearch) -> None:
        self._random = random
        self._search = search

    def value(self, type_name: str, name: str, modifier: str) -> str:
        """Return a value of one parameter, well formed and escaped."""
        known = self._known_values(type_name, name)
        match parameter_of(type_name, name).kind:
            case "string":
                return self._string(known, modifier)
            case "token":
                return self._token(name, known)
            case "date":
                return self._date(known)
            case "quantity":
                return self._quantity(known)
            case "composite":
                return self._composite(known)
            case "uri":
                return self._uri(known)
            case _:
                return self._reference(known, parameter_of(type_name, name).targets, modifier)

    def _known_values(self, type_name: str, name: str) -> Sequence[Any]:
        """Return all values of a random resource that has some; resources without any are mostly skipped."""
        resources = self._search.resources(type_name)
        tried = (self._search.values(type_name, name, self._random.choice(resources)) for _ in range(60))
        return next((values for values in tried if values), [])

    def _string(self, known: Sequence[str], modifier: str) -> str:
        texts = known or ["Zzyzx"]
        text = self._random.choice(texts)
        changes = 1 if modifier == "exact" else self._random.choice((1, 1, 2))
        for _ in range(changes):
            changed = self._changed(text, texts)
            text = changed if changed.strip() else text
        return _escaped(text)

    def _changed(self, text: str, texts: Sequence[str]) -> str:
        match self._random.randrange(11):
            case 0:
                return text[: self._random.randint(1, len(text))]
            case 1:
                return text.upper()
            case 2:
                return text.lower()
            case 3:
                return "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
            case 4:
                return unicodedata.normalize("NFD", text)
            case 5:
                return text[self._random.randrange(len(text)) :].strip()
            case 6:
                return f"{text} {self._random.choice(texts)}"
            case 7:
                return " ".join(reversed(text.split()))
            case 8:
                return f"  {text.replace(' ', '   ')} "
            case 9:
                return text + self._random.choice("xe\u0301z")
            case _:
                return text

    def _token(self, name: str, known: Sequence[tuple[str, str]]) -> str:
        system, code = self._random.choice(known or [("", "no-such-code")])
        if self._random.random() < 0.1:
            code = "no-such-code"
        if self._random.random() < 0.15:
            code = code.swapcase()
        if name in ("phone", "telecom") and "@" not in code and self._random.random() < 0.5:
            code = "-".join(re.findall(r"\w{1,4}", code))
        if self._random.random() < 0.1:
            system = self._random.choice(("http://example.org/other", "http://snomed.info/sct", ""))
        whole = (f"{_escaped(system)}|{_escaped(code)}",) * 3
        parts = (f"|{_escaped(code)}", f"{_escaped(system)}|" if system else _escaped(code))
        return self._random.choice((_escaped(code), _escaped(code), _escaped(code), *whole, *parts))

    def _date(self, periods: Sequence[tuple[datetime, datetime]]) -> str:
        year_2000 = datetime(2000, 1, 1, tzinfo=UTC)
        instants = [one for period in periods for one in period if BEGINNING < one < END]
        instant = self._random.choice(instants or [year_2000])
        if datetime(2, 1, 1, tzinfo=UTC) < instant < datetime(9998, 1, 1, tzinfo=UTC):
            instant += self._random.choice(_JITTER)
        return self._random.choice(_PREFIXES) + self._date_text(instant)

    def _date_text(self, instant: datetime) -> str:
        zone = self._random.choice(_ZONES)
        if not datetime(2, 1, 1, tzinfo=UTC) < instant < datetime(9998, 1, 1, tzinfo=UTC):
            zone = timedelta(0)
        local = instant.astimezone(timezone(zone))
        offset = self._random.choice(("Z", "", "+00:00")) if not zone else f"{local:%z}"[:3] + ":" + f"{local:%z}"[3:]
        day = f"{local.year:04}-{local:%m-%d}"
        match self._random.randrange(6):
            case 0:
                return day[:4]
            case 1:
                return day[:7]
            case 2:
                return day
            case 3:
                return f"{day}T{local:%H:%M}{offset}"
            case 4:
                return f"{day}T{local:%H:%M:%S}{offset}"
            case _:
                return f"{day}T{local.isoformat(timespec='milliseconds')[11:23]}{offset}"

    def _quantity(self, known: Sequence[Quantity]) -> str:
        one = self._random.choice(known or [Quantity(Fraction(5), "", "", "")])
        prefix = self._random.choice(_PREFIXES)
        # As many without a unit as with all correct, partly correct and wrong ones together.
        units = [""] * 5
        units += [f"||{_escaped(unit)}" for unit in (one.code, one.unit, f"{one.unit}x") if unit]
        if one.code:
            systems = (one.system, one.system, "http://example.org/other")
            units += [f"|{_escaped(system)}|{_escaped(one.code)}" for system in systems]
        return f"{prefix}{self._number(one.number)}{self._random.choice(units)}"

    def _number(self, known: Fraction) -> str:
        """Return a number near the known one, written with fewer or more digits, or with an exponent."""
        number = Decimal(known.numerator) / known.denominator + Decimal(self._random.choice(_STEPS))
        if self._random.random() < 0.05:
            number = -number
        places = self._random.randrange(4)
        return self._random.choice((f"{number:f}", f"{number:f}", f"{number:.{places}f}", f"{number:.{places}e}"))

    def _composite(self, known: Sequence[Measurement]) -> str:
        none = Measurement((("", "no-such-code"),), ())
        # Sometimes take another component's value: it must not match next to this one's code.
        code = self._token("", self._random.choice(known or [none]).codes)
        return f"{code}${self._quantity(self._random.choice(known or [none]).quantities)}"

    def _uri(self, known: Sequence[str]) -> str:
        uri = self._random.choice(known or ["https://example.org/no-such-profile"])
        return _escaped(self._random.choice((uri, uri, uri, uri[:-1], uri.upper(), f"{uri}/x")))

    def _reference(self, known: Sequence[str], targets: Sequence[str], modifier: str) -> str:
        reference = self._random.choice(known or [f"{targets[0]}/no-such-id"])
        resource_id = reference.rpartition("/")[2] if self._random.random() < 0.9 else "no-such-id"
        if modifier:
            return resource_id
        own = f"{self._random.choice(targets)}/{resource_id}"
        return self._random.choice((resource_id, own, f"{self._search.base}/{own}", reference, reference))


def _escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)
