"""Extract a resource's search values and index entries, by the table of search parameters alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from careconnect.fhir.resource_types import (
    COMMON_PARAMETERS,
    ID_PATTERN,
    LAST_UPDATED,
    ParameterType,
    ResourceType,
    SearchParameter,
    resource_type,
)
from careconnect.http.base_url import FHIR_PATH
from careconnect.search.elements import elements_at, steps_of, tokens_of
from careconnect.search.values import (
    FIRST_INSTANT,
    LAST_INSTANT,
    SearchValues,
    date_range,
    is_long_period,
    normalise,
    order_key,
    order_text,
)
from careconnect.storage.keys import (
    LONGEST_REFERENCE,
    Key,
    change_partition,
    deletion_partition,
    entry_sort_key,
    period_partition,
    reference_prefix,
    shard_of,
    string_partition,
    string_prefix,
    token_partition,
    token_prefix,
    type_partition,
)
from careconnect_records.parsing.exact_json import JsonNumber

LITERAL_REFERENCE: Final = re.compile(
    r"(?:(?P<base>[A-Za-z][A-Za-z0-9+.-]*://\S+?)/)?"
    rf"(?P<type>[A-Z][A-Za-z]+)/(?P<id>{ID_PATTERN})(?:/_history/{ID_PATTERN})?"
)
ABSOLUTE_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
"""The form of a reference to another server (RFC 3986 §4.3). Any other text could name a partition of the index."""
# The string elements of HumanName and Address.
_TEXTS: Final = (
    *("family", "given", "prefix", "suffix", "text"),
    *("line", "city", "district", "state", "postalCode", "country"),
)


def search_values(resource: Mapping[str, Any], *, base_url: str = "") -> dict[str, list[Any]]:
    """Return the values of every search parameter of `resource`, in the forms of `careconnect.search.values`.

    Parameters without a value are left out. References below `base_url`'s FHIR base become relative. Raises
    `SearchValueError` for a date that the calendar does not have, and `KeyError` for a type that is not served.
    """
    fhir_base = f"{base_url.rstrip('/')}{FHIR_PATH}" if base_url else ""
    values: dict[str, list[Any]] = {}
    for parameter in _parameters_of(resource):
        found = _each_once(_found(parameter, resource, fhir_base))
        if parameter.presence:
            found = [[parameter.system, "true" if any(code != "false" for _, code in found) else "false"]]
        if found:
            values[parameter.name] = found
    return values


def require_dates(resource: Mapping[str, Any]) -> None:
    """Raise `SearchValueError` if a date among the values of `resource` is not in the calendar, as `search_values`."""
    for parameter in _parameters_of(resource):
        if _has_dates(parameter):
            list(_found(parameter, resource, ""))


def _parameters_of(resource: Mapping[str, Any]) -> tuple[SearchParameter, ...]:
    served = resource_type(resource["resourceType"])
    if served is None:
        raise KeyError(resource["resourceType"])
    return (*COMMON_PARAMETERS, *served.parameters)


def _has_dates(parameter: SearchParameter) -> bool:
    if not parameter.parts:
        return parameter.type is ParameterType.DATE
    return any(_has_dates(part.parameter) for part in parameter.parts)


def _found(parameter: SearchParameter, resource: Mapping[str, Any], fhir_base: str) -> Iterator[Any]:
    """Yield the values of a parameter, repetitions too."""
    for path in parameter.paths:
        for element in elements_at(resource, steps_of(path)):
            yield from _values(parameter, element, fhir_base)


def _each_once(values: Iterable[Any]) -> list[Any]:
    """Return JSON values without repetitions, in linear time."""
    return list({repr(value): value for value in values}.values())


def index_keys(served: ResourceType, resource_id: str, values: SearchValues) -> list[Key]:
    """Return the keys of all index entries of a resource, each once: its type's, then its parameters'.

    A parameter with a parent has entries under the parent's name, where a search by either finds them.
    """
    order, shard = order_key(values, served.order_by), shard_of(resource_id)
    keys: dict[Key, None] = {(type_partition(served.name, shard), entry_sort_key("", order, resource_id)): None}
    for changed, _ in values.get(LAST_UPDATED.name, ()):
        keys[change_partition(served.name, shard), entry_sort_key("", order_text(changed), resource_id)] = None
    if is_long_period(values, served.order_by):
        keys[period_partition(served.name, shard), entry_sort_key("", order, resource_id)] = None
    for parameter in (*served.parameters, *COMMON_PARAMETERS):
        parent = (served.parameter(parameter.parent) if parameter.parent else None) or parameter
        # The entries of its first part find a composite.
        if parent.indexed and not parameter.parts:
            for partition, prefix in _entries(served.name, parent, values.get(parameter.name, ())):
                keys[partition, entry_sort_key(prefix, order, resource_id)] = None
    return list(keys)


def deletion_key(served: ResourceType, resource_id: str, deleted: int) -> Key:
    """Return the key of the only entry of a resource that was deleted at an instant, in epoch milliseconds."""
    return deletion_partition(served.name, shard_of(resource_id)), entry_sort_key("", order_text(deleted), resource_id)


def _values(parameter: SearchParameter, element: Any, fhir_base: str) -> Iterator[Any]:
    match parameter.type:
        case ParameterType.STRING:
            yield from _strings(element)
        case ParameterType.TOKEN:
            yield from tokens_of(parameter, element)
        case ParameterType.DATE:
            yield from _dates(element)
        case ParameterType.REFERENCE:
            yield from _references(parameter, element, fhir_base)
        case ParameterType.QUANTITY:
            yield from _quantities(element)
        case ParameterType.URI:
            yield element
        case ParameterType.COMPOSITE:
            yield from _joined(parameter, element, fhir_base)


def _strings(element: Any) -> Iterator[str]:
    if isinstance(element, str):
        yield element
        return
    for part in _TEXTS:
        texts = element.get(part)
        yield from (text for text in (texts if isinstance(texts, list) else [texts]) if text)


def _dates(element: Any) -> Iterator[list[int]]:
    if isinstance(element, str):
        yield list(date_range(element))
        return
    for event in element.get("event") or ():
        if event is not None:
            yield list(date_range(event))
    start, end = element.get("start"), element.get("end")
    if start or end:
        yield [
            date_range(start)[0] if start else FIRST_INSTANT,
            date_range(end)[1] if end else LAST_INSTANT,
        ]


def _references(parameter: SearchParameter, element: Any, fhir_base: str) -> Iterator[str]:
    """Yield the target of a literal reference; contained and logical references and URNs have none."""
    text = element.get("reference") or ""
    if not text or text.startswith("#"):
        return
    literal = LITERAL_REFERENCE.fullmatch(text)
    if literal is None:
        # A URN is the name of a Bundle's entry: of a resource that is not stored under it.
        if ABSOLUTE_URI.fullmatch(text) and text[:4].lower() != "urn:":
            yield text
        return
    if parameter.targets and literal["type"] not in parameter.targets:
        return
    reference = f"{literal['type']}/{literal['id']}"
    yield reference if literal["base"] in (None, fhir_base) else f"{literal['base']}/{reference}"


def _quantities(element: Any) -> Iterator[list[str]]:
    """Yield `[number, system, code, unit]` of a Quantity, the number with its original digits."""
    number = element.get("value")
    if number is not None:
        text = number.literal if isinstance(number, JsonNumber) else str(number)
        yield [text, *(element.get(part) or "" for part in ("system", "code", "unit"))]


def _joined(parameter: SearchParameter, element: Any, fhir_base: str) -> Iterator[list[list[Any]]]:
    """Yield the values of each part of a composite, if the element has any."""
    parts: list[list[Any]] = []
    for part in parameter.parts:
        found = elements_at(element, steps_of(part.path))
        parts.append([value for each in found for value in _values(part.parameter, each, fhir_base)])
    if any(parts):
        yield parts


def _entries(type_name: str, parameter: SearchParameter, values: Any) -> Iterator[tuple[str, str]]:
    """Yield the partition and the sort key prefix of each entry of a parameter."""
    match parameter.type:
        case ParameterType.TOKEN:
            for system, code in values:
                yield token_partition(type_name, parameter.name, code), token_prefix(system)
        case ParameterType.STRING:
            for text in values:
                normalised = normalise(text)
                for beginning in normalised.split() if parameter.any_word else filter(None, (normalised,)):
                    partition = string_partition(type_name, parameter.name, beginning)
                    yield partition, f"{string_prefix(beginning)}#"
        case ParameterType.REFERENCE:
            for reference in values:
                if len(reference.encode()) <= LONGEST_REFERENCE:
                    yield reference, reference_prefix(type_name, parameter.name)
        case _:
            raise ValueError(f"{parameter.name}: a {parameter.type} has no entries of its own")
