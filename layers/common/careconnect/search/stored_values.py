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

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from careconnect.fhir.resource_types import ParameterType, Rank, ResourceType, SearchParameter
from careconnect.search.values import SearchValues

if TYPE_CHECKING:
    from careconnect.search.criteria import Criterion

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
def _uris(type_name: str) -> Sequence[str]:
    """Return the known URIs of a type by their positions."""
    return [uri.replace("{type}", type_name) for uri in _KNOWN]


Stored = Mapping[str, Sequence[Any]]
"""The values of a resource, as its index entries store them."""

Reader = Callable[[Stored, str], Sequence[Any]]
"""Returns the values of one parameter, from the stored values of a resource and its id."""


class IndexEntry(Protocol):
    """An index entry: the id of its resource, and the text of the stored values."""

    @property
    def id(self) -> str:
        """The id."""

    @property
    def stored(self) -> str:
        """The text."""


# Called for each entry: `raw_decode` skips the checks that `json.loads` makes of untrusted text.
_decode: Final[Callable[[str], tuple[Stored, int]]] = json.JSONDecoder().raw_decode


def predicate_of(type_: ResourceType, criteria: Sequence["Criterion"]) -> Callable[[IndexEntry], bool]:
    """Return a function that tests whether an index entry of a type meets all criteria.

    Compile it once for a search: an entry's text is parsed once, and only the values of these parameters are read.
    """
    readers = _readers(type_)
    tests = [(readers[criterion.parameter.name], criterion.compiled()) for criterion in criteria]

    def matches(entry: IndexEntry) -> bool:
        stored, resource_id = _decode(entry.stored)[0], entry.id
        # A generator would cost half as much again.
        for read, meets in tests:  # noqa: SIM110
            if not meets(read(stored, resource_id)):
                return False
        return True

    return matches


class StoredValues(Mapping[str, Sequence[Any]]):
    """The searchable values of a resource, read from an index entry; each parameter is decoded on access."""

    def __init__(self, type_: ResourceType, resource_id: str, stored: Stored) -> None:
        self._readers = _readers(type_)
        self._id = resource_id
        self._stored = stored

    @classmethod
    def of(cls, type_: ResourceType, entry: IndexEntry) -> "StoredValues":
        """Return the values of an index entry of a type."""
        return cls(type_, entry.id, _decode(entry.stored)[0])

    def __getitem__(self, name: str) -> Sequence[Any]:
        """Return a parameter's values; raises `KeyError` if it has none."""
        values: Sequence[Any] = self.get(name, ())
        if not values:
            raise KeyError(name)
        return values

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter's values, or `default` if it has none."""
        values: Any = self._readers[name](self._stored, self._id) if name in self._readers else ()
        return values or default

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the parameters that have values."""
        return (name for name in self._readers if self.get(name))

    def __len__(self) -> int:
        """Return the number of parameters that have values."""
        return sum(1 for _ in self)


@cache
def _readers(type_: ResourceType) -> Mapping[str, Reader]:
    """Return the reader of each of a type's parameters, by its name."""
    return {name: _reader(type_, parameter) for name, parameter in type_.by_name.items()}


def _reader(type_: ResourceType, parameter: SearchParameter) -> Reader:
    name, parent = parameter.name, _parent(parameter)
    derived = _derived(type_, parameter)
    if parameter.parts:
        decoders = [_decoder(type_.name, part.parameter) for part in parameter.parts]
        return _read_each(name, lambda parts: _each(decoders, parts), derived)
    decode = _decoder(type_.name, parameter)
    if parent:
        return _read_with_parent(name, _reader(type_, type_.by_name[parent]), decode, derived)
    if parameter.type in _AS_THEY_STAND:
        return lambda stored, resource_id: stored[name] if name in stored else derived(stored, resource_id)
    return _read_each(name, decode, derived)


def _read_each(name: str, decode: Callable[[Any], Any], derived: Reader) -> Reader:
    def read(stored: Stored, resource_id: str) -> Sequence[Any]:
        return [decode(value) for value in stored[name]] if name in stored else derived(stored, resource_id)

    return read


def _read_with_parent(name: str, read_parent: Reader, decode: Callable[[Any], Any], derived: Reader) -> Reader:
    """Return a reader of values that may be stored as the positions of the parent's."""

    def read(stored: Stored, resource_id: str) -> Sequence[Any]:
        if name not in stored:
            return derived(stored, resource_id)
        values = stored[name]
        of_parent = read_parent(stored, resource_id) if any(isinstance(value, int) for value in values) else ()
        return [of_parent[value] if isinstance(value, int) else decode(value) for value in values]

    return read


def _derived(type_: ResourceType, parameter: SearchParameter) -> Reader:
    """Return the reader of a parameter that has no stored values."""
    if parameter.rank is Rank.KEY:
        return lambda _, resource_id: [["", resource_id]]
    if parameter.presence:
        return lambda _, __: [[parameter.system, "false"]]
    if parameter.parts and parameter.of_resource:
        readers = [_reader(type_, part.parameter) for part in parameter.parts]

        def composed(stored: Stored, resource_id: str) -> Sequence[Any]:
            parts = [list(read(stored, resource_id)) for read in readers]
            return [parts] if any(parts) else ()

        return composed
    if not parameter.parts and (joined := type_.joined_in(parameter)):
        composite, position = joined
        read = _reader(type_, composite)
        return lambda stored, resource_id: _each_once(
            value for parts in read(stored, resource_id) for value in parts[position]
        )
    return lambda _, __: ()


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


def _each_once(values: Iterable[Any]) -> list[Any]:
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


def _decoder(type_name: str, parameter: SearchParameter) -> Callable[[Any], Any]:
    """Return a function that restores one stored value of a parameter."""
    uris, system = _uris(type_name), parameter.system
    match parameter.type:
        case ParameterType.TOKEN:
            return lambda value: [system, value] if isinstance(value, str) else [_long(uris, value[0]), value[1]]
        case ParameterType.DATE:
            return _date
        case ParameterType.QUANTITY:
            return lambda value: _quantity(uris, value)
        case ParameterType.URI:
            return lambda value: _long(uris, value)
        case _:
            return lambda value: value


def _date(value: Any) -> Sequence[int]:
    if isinstance(value, int):
        return [value, value + 1]
    return value if len(value) > 1 else [value[0], value[0] + _DAY]


def _quantity(uris: Sequence[str], value: Sequence[Any]) -> Sequence[str]:
    number, system, code, *unit = [*value, "", ""][:3] if len(value) < 3 else value
    return [number, _long(uris, system), code, unit[0] if unit else code]


def _short(type_name: str, uri: str) -> Any:
    if not uri.endswith("/") and uri in (known := _uris(type_name)):
        return known.index(uri)
    for beginning, position in _BEGINNINGS:
        if uri.startswith(beginning):
            return [position, uri.removeprefix(beginning)]
    return uri


def _long(uris: Sequence[str], short: Any) -> str:
    if isinstance(short, str):
        return short
    if isinstance(short, int):
        return uris[short]
    position, rest = short
    return f"{uris[position]}{rest}"
