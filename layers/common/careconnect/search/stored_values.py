"""The searchable values as index entries store them: everything that the reader can derive is left out (ADR 3).

They are stored by parameter name, as JSON. Each value has one of the following short forms. The form of
`careconnect.search.values` is read too, since older entries have it.

- a value that the parent parameter (`part_of`, or `parent`) has as well: its position among the parent's values
- token: the code alone, if its system is the one that the parameter implies
- date: the first millisecond alone, if it covers no more; in a list, if it covers a day
- quantity: cut where the rest is empty; without the unit, if that is written like its code
- system and URI: its position in `_KNOWN`; or the position of its beginning, and the rest

Not stored at all are the id, the parts of repeating composites, composites of the resource itself, and `false` of
a parameter that shows the presence of a value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final

from careconnect.fhir.resource_types import ParameterType, Rank, ResourceType, SearchParameter
from careconnect.search.values import SearchValues

# Append only: index entries store the positions. A URI that ends in a slash is the beginning of others, and `{type}`
# stands for the resource's type.
_KNOWN: Final = (
    "http://hl7.org/fhir/",
    "https://fhir.hl7.org.uk/STU3/StructureDefinition/",
    "https://fhir.hl7.org.uk/STU3/CodeSystem/",
    "https://fhir.nhs.uk/Id/",
    "http://snomed.info/sct",
    "http://loinc.org",
    "http://unitsofmeasure.org",
    "https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-{type}-1",
)
_BEGINNINGS: Final = [(uri, position) for position, uri in enumerate(_KNOWN) if uri.endswith("/")]
_AS_THEY_STAND: Final = (ParameterType.STRING, ParameterType.REFERENCE)
_DAY: Final = 86_400_000


@cache
def _whole(type_name: str) -> Mapping[str, int]:
    return {uri.replace("{type}", type_name): position for position, uri in enumerate(_KNOWN) if not uri.endswith("/")}


class StoredValues(Mapping[str, Sequence[Any]]):
    """The searchable values of a resource, read from an index entry; each parameter is decoded on access."""

    def __init__(self, type_: ResourceType, resource_id: str, stored: Mapping[str, Sequence[Any]]) -> None:
        self._type = type_
        self._id = resource_id
        self._stored = stored

    def __getitem__(self, name: str) -> Sequence[Any]:
        """Return a parameter's values; raises `KeyError` if it has none."""
        if values := self._values(name):
            return values
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter's values, or `default` if it has none."""
        return self._values(name) or default

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the parameters that have values."""
        return (name for name in self._type.by_name if self._values(name))

    def __len__(self) -> int:
        """Return the number of parameters that have values."""
        return sum(1 for _ in self)

    def _values(self, name: str) -> Sequence[Any]:
        parameter = self._type.by_name.get(name)
        if parameter is None:
            return ()
        stored = self._stored.get(name)
        if stored is None:
            return self._derived(parameter)
        if parameter.parts:
            read = [partial(_read, self._type.name, part.parameter, of_parent=()) for part in parameter.parts]
            return [_each(read, parts) for parts in stored]
        parent = _parent(parameter)
        if not parent and parameter.type in _AS_THEY_STAND:
            return stored
        of_parent = self._values(parent) if parent and any(isinstance(value, int) for value in stored) else ()
        return [_read(self._type.name, parameter, value, of_parent) for value in stored]

    def _derived(self, parameter: SearchParameter) -> Sequence[Any]:
        """Return the values of a parameter that has none stored."""
        if parameter.rank is Rank.KEY:
            return [["", self._id]]
        if parameter.presence:
            return [[parameter.system, "false"]]
        if parameter.parts:
            parts = [list(self._values(part.parameter.name)) for part in parameter.parts]
            return [parts] if parameter.of_resource and any(parts) else ()
        if (joined := self._type.joined_in(parameter)) and joined[0].name in self._stored:
            composite, position = joined
            values = (value for parts in self._values(composite.name) for value in parts[position])
            return _each_once(values)
        return ()


def stored_values(type_: ResourceType, values: SearchValues) -> dict[str, list[Any]]:
    """Return the stored form of a resource's values, which `StoredValues` restores completely."""
    stored: dict[str, list[Any]] = {}
    for name, known in values.items():
        parameter = type_.parameter(name)
        if parameter is None or parameter.rank is Rank.KEY or type_.joined_in(parameter) or parameter.of_resource:
            continue
        if parameter.parts:
            write = [partial(_written, type_.name, part.parameter, of_parent={}) for part in parameter.parts]
            stored[name] = [_each(write, parts) for parts in known]
        elif not (parameter.presence and known == [[parameter.system, "false"]]):
            of_parent = _positions(values.get(_parent(parameter), ()))
            stored[name] = [_written(type_.name, parameter, value, of_parent) for value in known]
    return stored


def _positions(values: Sequence[Any]) -> Mapping[str, int]:
    """Return the position of each value by its `repr`, for fast look-up: a resource may have thousands of values."""
    return {repr(value): position for position, value in enumerate(values)}


def _parent(parameter: SearchParameter) -> str:
    return parameter.part_of or parameter.parent


def _each(convert: Sequence[Callable[..., Any]], parts: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Convert the values of each part of a composite by the part's own function."""
    return [[one(value) for value in values] for one, values in zip(convert, parts, strict=True)]


def _each_once(values: Iterator[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())


def _written(type_name: str, parameter: SearchParameter, value: Any, of_parent: Mapping[str, int]) -> Any:
    if of_parent and (position := of_parent.get(repr(value))) is not None:
        return position
    match parameter.type:
        case ParameterType.TOKEN:
            system, code = value
            return code if system == parameter.system else [_short(type_name, system), code]
        case ParameterType.DATE:
            low, high = value
            return low if high == low + 1 else [low] if high == low + _DAY else [low, high]
        case ParameterType.QUANTITY:
            number, system, code, unit = value
            written = [number, _short(type_name, system), code]
            if unit != code:
                return [*written, unit]
            while len(written) > 1 and written[-1] == "":
                written.pop()
            return written
        case ParameterType.URI:
            return _short(type_name, value)
        case _:
            return value


def _read(type_name: str, parameter: SearchParameter, value: Any, of_parent: Sequence[Any]) -> Any:
    if isinstance(value, int) and _parent(parameter):
        return of_parent[value]
    match parameter.type:
        case ParameterType.TOKEN:
            return [parameter.system, value] if isinstance(value, str) else [_long(type_name, value[0]), value[1]]
        case ParameterType.DATE:
            if isinstance(value, int):
                return [value, value + 1]
            return value if len(value) > 1 else [value[0], value[0] + _DAY]
        case ParameterType.QUANTITY:
            number, system, code, *unit = [*value, "", ""][:3] if len(value) < 3 else value
            return [number, _long(type_name, system), code, unit[0] if unit else code]
        case ParameterType.URI:
            return _long(type_name, value)
        case _:
            return value


def _short(type_name: str, uri: str) -> Any:
    position = _whole(type_name).get(uri)
    if position is not None:
        return position
    for beginning, position in _BEGINNINGS:
        if uri.startswith(beginning):
            return [position, uri.removeprefix(beginning)]
    return uri


def _long(type_name: str, short: Any) -> str:
    if isinstance(short, str):
        return short
    if isinstance(short, int):
        return _KNOWN[short].replace("{type}", type_name)
    position, rest = short
    return f"{_KNOWN[position]}{rest}"
