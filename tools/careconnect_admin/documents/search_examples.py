"""An example value of every search parameter, taken from the project's sample, so that each finds something."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from careconnect.resource_types import (
    COMMON_PARAMETERS,
    RESOURCE_TYPES,
    ParameterType,
    ResourceType,
    SearchParameter,
)
from careconnect_admin.loading.extract import search_values
from careconnect_admin.sample.generator import sample_resources

PATIENT_ID: Final = "4"
"""The patient whose record the examples are taken from, as far as it goes."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO: Final = "ge2020-01-01"


@dataclass(frozen=True, slots=True)
class TypeExamples:
    """A type's examples: the id of a resource of the sample, and (parameter, value) pairs, not yet encoded."""

    type: ResourceType
    resource_id: str
    searches: tuple[tuple[str, str], ...]


def search_examples() -> Iterator[TypeExamples]:
    """Yield the examples of each type, in the table's order.

    Raises:
        LookupError: the sample has no value for a parameter.
    """
    of_type: dict[str, list[dict[str, Any]]] = {served.name: [] for served in RESOURCE_TYPES}
    for resource in sample_resources():
        of_type[resource["resourceType"]].append(resource)
    for served in RESOURCE_TYPES:
        known = [(resource["id"], search_values(resource)) for resource in of_type[served.name]]
        # A stable sort: those of the one patient first.
        known.sort(key=lambda each: not _is_of_the_patient(served, *each))
        searches = tuple(
            (parameter.name, _example(served, parameter, [values for _, values in known]))
            for parameter in (*COMMON_PARAMETERS, *served.searchable)
        )
        yield TypeExamples(served, known[0][0], searches)


def _is_of_the_patient(served: ResourceType, resource_id: str, values: dict[str, list[Any]]) -> bool:
    if served.name == "Patient":
        return resource_id == PATIENT_ID
    return f"Patient/{PATIENT_ID}" in values.get("patient", ())


def _example(served: ResourceType, parameter: SearchParameter, known: list[dict[str, list[Any]]]) -> str:
    if parameter.name == "_lastUpdated":
        # The loader sets it: the sample itself has none.
        return _LONG_AGO
    value = next((values[parameter.name][0] for values in known if parameter.name in values), None)
    if value is None:
        raise LookupError(f"the sample has no value for {served.name}.{parameter.name}")
    match parameter.type:
        case ParameterType.TOKEN:
            system, code = value
            return f"{_escaped(system)}|{_escaped(code)}" if system else _escaped(code)
        case ParameterType.DATE:
            return f"ge{(_EPOCH + timedelta(milliseconds=value[0])).date().isoformat()}"
        case _:
            return _escaped(str(value))


def _escaped(text: str) -> str:
    """Put a backslash before what separates values (STU3 Search §2.21.1.7)."""
    return re.sub(r"([\\,|$])", r"\\\1", text)
