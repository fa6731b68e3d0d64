"""Generate searches of every kind: criteria, chains, reverse chains, orders and pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from careconnect_testing.search.linear_parameters import (
    CLINICAL_DATE,
    PARAMETERS,
    Parameter,
    parameter_names,
    parameter_of,
)
from careconnect_testing.search.linear_search import LinearSearch
from careconnect_testing.search.query_values import ValueMaker

_COUNTS = (0, 1, 5, 50, 100, 100, 100)
_TOTALS = ("none", "estimate", "accurate")
_DIRECTORY = ("Organization", "Location", "Practitioner", "PractitionerRole", "HealthcareService")
"""Types that can be searched without reading a patient's record; their reverse chains use only these types."""

Criterion = tuple[str, str]
"""A parameter's name, with its prefixes and suffixes, and its value."""


@dataclass(frozen=True)
class Query:
    """A search; `walks` is True if all its pages are to be read."""

    type_name: str
    parameters: tuple[Criterion, ...]
    walks: bool = False

    def __str__(self) -> str:
        """Return the search as a readable URL."""
        return f"{self.type_name}?" + "&".join(f"{name}={value}" for name, value in self.parameters)


class QueryMaker:
    """Generates queries from a seed, the same ones every time."""

    def __init__(self, seed: int, search: LinearSearch) -> None:
        self._random = Random(seed)
        self._search = search
        self._values = ValueMaker(self._random, search)
        # Types with more parameters are more frequent.
        self._types = [name for name, own in PARAMETERS.items() for _ in range(len(own))]

    def each_parameter(self) -> Iterator[Query]:
        """Yield queries of one criterion: each parameter of each type, several times or with each modifier."""
        for type_name in PARAMETERS:
            for name in parameter_names(type_name):
                for modifier in _modifiers(parameter_of(type_name, name)):
                    yield Query(type_name, (self._criterion(type_name, name, modifier),))

    def each_link(self) -> Iterator[Query]:
        """Yield queries of one chain: along each reference of each type to each target, and back."""
        for type_name in PARAMETERS:
            for reference, target in _links(type_name):
                inner, value = self._own_criterion(target)
                yield Query(type_name, ((f"{reference}:{target}.{inner}", value),))
            for source, reference in _links_back(type_name):
                inner, value = self._own_criterion(source)
                yield Query(type_name, ((f"_has:{source}:{reference}:{inner}", value),))

    def mixtures(self, count: int) -> Iterator[Query]:
        """Yield queries of up to three criteria, in any order and with any paging."""
        return (self._mixture() for _ in range(count))

    def _mixture(self) -> Query:
        type_name = self._random.choice(self._types)
        number = self._random.choice((0, 1, 1, 1, 2, 2, 3))
        parameters = [self._any_criterion(type_name) for _ in range(number)]
        if self._random.random() < 0.3:
            parameters.append(("_sort", self._sort(type_name)))
        if self._random.random() < 0.15:
            parameters.append(("_total", self._random.choice(_TOTALS)))
        walks = self._random.random() < 0.1
        count = self._count_to_walk(type_name, parameters) if walks else self._random.choice(_COUNTS)
        parameters.append(("_count", str(count)))
        self._random.shuffle(parameters)
        return Query(type_name, tuple(parameters), walks)

    def _count_to_walk(self, type_name: str, parameters: Sequence[Criterion]) -> int:
        """Return a page size that gives a few pages, up to the server's largest page."""
        total = self._search.search(type_name, parameters).total
        return min(total // self._random.randint(1, 4) + self._random.randint(1, 3), 100)

    def _any_criterion(self, type_name: str) -> Criterion:
        chance = self._random.random()
        if chance < 0.15 and _links(type_name):
            return self._chain(type_name, 2)
        if chance < 0.3 and _links_back(type_name):
            return self._reverse_chain(type_name, 2)
        return self._own_criterion(type_name)

    def _own_criterion(self, type_name: str) -> Criterion:
        name = self._random.choice(parameter_names(type_name))
        return self._criterion(type_name, name, self._random.choice(_modifiers(parameter_of(type_name, name))))

    def _chain(self, type_name: str, depth: int) -> Criterion:
        reference, target = self._random.choice(_links(type_name))
        if depth > 1 and _links(target) and self._random.random() < 0.4:
            inner, value = self._chain(target, depth - 1)
        else:
            inner, value = self._own_criterion(target)
        # Without a type the chain covers every type that has the parameter: it must have the same kind in all.
        asked = [_asked(each, inner) for each in parameter_of(type_name, reference).targets]
        alike = len({kind for kinds in asked for kind in kinds}) == 1
        link = reference if alike and self._random.random() < 0.6 else f"{reference}:{target}"
        return f"{link}.{inner}", value

    def _reverse_chain(self, type_name: str, depth: int) -> Criterion:
        source, reference = self._random.choice(_links_back(type_name))
        chance = self._random.random()
        if depth > 1 and chance < 0.2 and _links_back(source):
            inner, value = self._reverse_chain(source, depth - 1)
        elif depth > 1 and chance < 0.4 and _links(source):
            inner, value = self._chain(source, depth - 1)
        else:
            inner, value = self._own_criterion(source)
        return f"_has:{source}:{reference}:{inner}", value

    def _criterion(self, type_name: str, name: str, modifier: str) -> Criterion:
        full_name = f"{name}:{modifier}" if modifier else name
        if modifier == "missing":
            return full_name, self._random.choice(("true", "false"))
        number = self._random.choice((1, 1, 1, 1, 2, 3))
        return full_name, ",".join(self._values.value(type_name, name, modifier) for _ in range(number))

    def _sort(self, type_name: str) -> str:
        names = [
            name
            for name in parameter_names(type_name)
            if name == "_id" or parameter_of(type_name, name).kind in ("date", "string")
        ]
        keys = self._random.sample(names, k=min(len(names), self._random.choice((1, 1, 2))))
        chance = self._random.random()
        if chance < 0.3:
            keys = [CLINICAL_DATE.get(type_name, "_id")]
        elif chance < 0.45:
            keys = ["_lastUpdated"]
        return ",".join(self._random.choice(("", "-")) + key for key in keys)


def _links(type_name: str) -> list[tuple[str, str]]:
    """Return a type's references, each with each served type that it may point at."""
    own = PARAMETERS[type_name].items()
    return [(name, target) for name, parameter in own for target in parameter.targets if target in PARAMETERS]


def _links_back(type_name: str) -> list[tuple[str, str]]:
    """Return the types and references that point at a type and may be used in a reverse chain."""
    return [
        (source, name)
        for source in PARAMETERS
        if type_name not in _DIRECTORY or source in _DIRECTORY
        for name, target in _links(source)
        if target == type_name
    ]


def _asked(type_name: str, chained: str) -> set[tuple[str, tuple[str, ...]]]:
    """Return the parameter kinds that a chain's rest reaches from a type; none if there is no such parameter."""
    name, _, rest = chained.partition(".")
    name, _, modifier = name.partition(":")
    if type_name not in PARAMETERS or name not in parameter_names(type_name):
        return set()
    parameter = parameter_of(type_name, name)
    if not rest:
        return {(parameter.kind, parameter.targets)}
    targets = (modifier,) if modifier else parameter.targets
    return {kind for target in targets for kind in _asked(target, rest)}


def _modifiers(parameter: Parameter) -> Sequence[str]:
    match parameter.kind:
        case "string":
            return ("", "", "", "exact", "contains", "missing")
        case "token":
            return ("", "", "", "", "not", "missing")
        case "date" | "quantity":
            return ("", "", "", "", "", "missing")
        case "uri":
            return ("", "", "missing")
        case "composite":
            return ("",) * 6
        case _:
            return ("", "", "", *parameter.targets, "missing")
