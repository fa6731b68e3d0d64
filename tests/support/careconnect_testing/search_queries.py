"""Make up searches of every kind from the records that are there, and from what is near them."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

from careconnect.resource_types import COMMON_PARAMETERS, RESOURCE_TYPES
from careconnect_testing.linear_parameters import CLINICAL_DATE, PARAMETERS, Parameter, parameter_of
from careconnect_testing.linear_search import LinearSearch
from careconnect_testing.linear_values import BEGINNING, END

_SERVED = {type_.name: [p.name for p in (*COMMON_PARAMETERS, *type_.searchable)] for type_ in RESOURCE_TYPES}

_PREFIXES = ("", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_CHAINED = (
    "identifier",
    "name",
    "family",
    "given",
    "birthdate",
    "gender",
    "address-postalcode",
    "email",
    "phone",
    "_id",
)
_COUNTS = (0, 1, 5, 50, 100, 100, 100)
_JITTER = (timedelta(0),) * 4 + tuple(
    sign * timedelta(**{unit: 1})
    for sign in (1, -1)
    for unit in ("milliseconds", "seconds", "minutes", "hours", "days", "weeks")
)
_ZONES = (timedelta(0), timedelta(hours=1), timedelta(hours=-5, minutes=-30), timedelta(hours=14))


@dataclass(frozen=True)
class Query:
    """A search; `walks` says whether to follow its next links to the end."""

    type_name: str
    parameters: tuple[tuple[str, str], ...]
    walks: bool = False

    def __str__(self) -> str:
        """Show the search as a readable URL."""
        return f"{self.type_name}?" + "&".join(f"{name}={value}" for name, value in self.parameters)


class QueryMaker:
    """Makes queries from a seed, the same ones every time."""

    def __init__(self, seed: int, search: LinearSearch) -> None:
        self._random = Random(seed)
        self._search = search
        # Types with more to ask about come up more often.
        self._types = [name for name, own in PARAMETERS.items() for _ in range(len(own))]

    def each_parameter(self) -> Iterator[Query]:
        """Yield queries of one criterion: each parameter of each type, several times or with each modifier."""
        for type_name in PARAMETERS:
            for name in _SERVED[type_name]:
                for modifier in _modifiers(parameter_of(type_name, name)):
                    yield Query(type_name, (self._criterion(type_name, name, modifier),))

    def mixtures(self, count: int) -> Iterator[Query]:
        """Yield queries of up to three criteria, in any order and paged in any way."""
        return (self._mixture() for _ in range(count))

    def _mixture(self) -> Query:
        type_name = self._random.choice(self._types)
        number = self._random.choice((0, 1, 1, 1, 2, 2, 3))
        parameters = [self._any_criterion(type_name) for _ in range(number)]
        if self._random.random() < 0.3:
            parameters.append(("_sort", self._sort(type_name)))
        walks = self._random.random() < 0.1
        count = self._count_to_walk(type_name, parameters) if walks else self._random.choice(_COUNTS)
        parameters.append(("_count", str(count)))
        self._random.shuffle(parameters)
        return Query(type_name, tuple(parameters), walks)

    def _count_to_walk(self, type_name: str, parameters: Sequence[tuple[str, str]]) -> int:
        """Return a page size that makes a few pages, as far as the server's largest page allows."""
        total = self._search.search(type_name, parameters).total
        return min(total // self._random.randint(1, 4) + self._random.randint(1, 3), 100)

    def _any_criterion(self, type_name: str) -> tuple[str, str]:
        name = self._random.choice(_SERVED[type_name])
        parameter = parameter_of(type_name, name)
        if name in ("patient", "subject") and self._random.random() < 0.4:
            chained = self._random.choice(_CHAINED)
            modifier = self._random.choice(_modifiers(parameter_of("Patient", chained)))
            chain, value = self._criterion("Patient", chained, modifier)
            return f"{name}.{chain}", value
        return self._criterion(type_name, name, self._random.choice(_modifiers(parameter)))

    def _criterion(self, type_name: str, name: str, modifier: str) -> tuple[str, str]:
        full_name = f"{name}:{modifier}" if modifier else name
        if modifier == "missing":
            return full_name, self._random.choice(("true", "false"))
        number = self._random.choice((1, 1, 1, 1, 2, 3))
        return full_name, ",".join(self._value(type_name, name, modifier) for _ in range(number))

    def _value(self, type_name: str, name: str, modifier: str) -> str:
        parameter = parameter_of(type_name, name)
        match parameter.kind:
            case "string":
                return self._string(type_name, name, modifier)
            case "token":
                return self._token(type_name, name)
            case "date":
                return self._date(type_name, name)
            case _:
                return self._reference(type_name, name, parameter.targets[0], bare=bool(modifier))

    def _known_values(self, type_name: str, name: str) -> Sequence[Any]:
        """Return all values that some resource has, if one of several that are tried has any."""
        resources = self._search.resources(type_name)
        tried = (self._search.values(type_name, name, self._random.choice(resources)) for _ in range(8))
        return next((values for values in tried if values), [])

    def _string(self, type_name: str, name: str, modifier: str) -> str:
        texts = self._known_values(type_name, name) or ["Zzyzx"]
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

    def _token(self, type_name: str, name: str) -> str:
        system, code = self._random.choice(self._known_values(type_name, name) or [("", "no-such-code")])
        if self._random.random() < 0.1:
            code = "no-such-code"
        if self._random.random() < 0.15:
            code = code.swapcase()
        if name == "phone" and self._random.random() < 0.5:
            code = "-".join(re.findall(r"\w{1,4}", code))
        if self._random.random() < 0.1:
            system = self._random.choice(("http://example.org/other", "http://snomed.info/sct", ""))
        whole = (f"{_escaped(system)}|{_escaped(code)}",) * 3
        parts = (f"|{_escaped(code)}", f"{_escaped(system)}|" if system else _escaped(code))
        return self._random.choice((_escaped(code), _escaped(code), _escaped(code), *whole, *parts))

    def _date(self, type_name: str, name: str) -> str:
        year_2000 = datetime(2000, 1, 1, tzinfo=UTC)
        periods = self._known_values(type_name, name)
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

    def _reference(self, type_name: str, name: str, target: str, *, bare: bool) -> str:
        none = f"{target}/no-such-id"
        reference: str = self._random.choice(self._known_values(type_name, name) or [none])
        if self._random.random() < 0.1:
            reference = none
        resource_id = reference.rpartition("/")[2]
        if bare:
            return resource_id
        own = f"{target}/{resource_id}"
        return self._random.choice((resource_id, own, f"{self._search.base}/{own}", reference))

    def _sort(self, type_name: str) -> str:
        names = [
            name
            for name in _SERVED[type_name]
            if name == "_id" or parameter_of(type_name, name).kind in ("date", "string")
        ]
        preferred = CLINICAL_DATE.get(type_name, "_id")
        keys = self._random.sample(names, k=min(len(names), self._random.choice((1, 1, 2))))
        if self._random.random() < 0.3:
            keys = [preferred]
        keys = [*keys, "_id"] if "_id" not in keys else keys
        return ",".join(self._random.choice(("", "-")) + key for key in keys)


def _modifiers(parameter: Parameter) -> Sequence[str]:
    match parameter.kind:
        case "string":
            return ("", "", "", "exact", "contains", "missing")
        case "token":
            return ("", "", "", "", "not", "missing")
        case "date":
            return ("", "", "", "", "", "missing")
        case _:
            return ("", "", "", *parameter.targets, "missing")


def _escaped(text: str) -> str:
    return re.sub(r"([\\,|$])", r"\\\1", text)
