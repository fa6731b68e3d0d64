"""An example value of every search parameter, taken from the project's sample: each search finds something.

The examples of a type come from one resource as far as it has values. A search by all of those finds it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from careconnect.fhir.resource_types import (
    COMMON_PARAMETERS,
    RESOURCE_TYPES,
    ParameterType,
    ResourceType,
    SearchParameter,
)
from careconnect_admin.sample.records import sample_resources
from careconnect_records.items.extract import search_values
from careconnect_records.items.resource_items import epoch_milliseconds, with_version

PATIENT_ID: Final = "4"
"""The patient with the compartment that examples are taken from first."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOADED: Final = epoch_milliseconds(datetime(2020, 1, 1, tzinfo=UTC))
"""The load time of the sample in the examples: long ago, so that every real load is later."""


@dataclass(frozen=True, slots=True)
class TypeExamples:
    """A type's examples: a resource of the sample, and (parameter, value) pairs that are not yet URL-encoded.

    `others` are the parameters that this resource has no value for. Their examples come from other resources.
    """

    type: ResourceType
    resource: dict[str, Any]
    searches: tuple[tuple[SearchParameter, str], ...]
    others: frozenset[str]

    @property
    def resource_id(self) -> str:
        """The resource's id."""
        return str(self.resource["id"])

    @property
    def together(self) -> dict[str, str]:
        """The values of this resource by parameter."""
        return {parameter.name: value for parameter, value in self.searches if parameter.name not in self.others}


def search_examples() -> Iterator[TypeExamples]:
    """Yield the examples of each type, in the table's order.

    Raises:
        LookupError: the sample has no value for a parameter.
    """
    of_type: dict[str, list[dict[str, Any]]] = {served.name: [] for served in RESOURCE_TYPES}
    for resource in sample_resources():
        of_type[resource["resourceType"]].append(resource)
    for served in RESOURCE_TYPES:
        known = [(each, search_values(with_version(each, 1, _LOADED))) for each in of_type[served.name]]
        # Resources of the patient first, then those with values for the most parameters; the sort is stable.
        known.sort(key=lambda each: (PATIENT_ID not in served.patients_of(each[0]["id"], each[1]), -len(each[1])))
        searches = tuple(
            (parameter, _example(served, parameter, [values for _, values in known]))
            for parameter in (*COMMON_PARAMETERS, *served.searchable)
        )
        resource, values = known[0]
        others = frozenset(parameter.name for parameter, _ in searches if not any(_found(parameter, [values])))
        yield TypeExamples(served, resource, searches, others)


def _example(served: ResourceType, parameter: SearchParameter, known: list[dict[str, list[Any]]]) -> str:
    value = next(_found(parameter, known), None)
    if value is None:
        raise LookupError(f"the sample has no value for {served.name}.{parameter.name}")
    return _written(parameter, value)


def _found(parameter: SearchParameter, known: list[dict[str, list[Any]]]) -> Iterator[Any]:
    """Yield the values for an example; those of a composite have a value of each part."""
    found = (value for values in known for value in values.get(parameter.name, ()))
    return (value for value in found if all(value)) if parameter.parts else found


def _written(parameter: SearchParameter, value: Any) -> str:
    match parameter.type:
        case ParameterType.TOKEN:
            system, code = value
            return f"{_escaped(system)}|{_escaped(code)}" if system else _escaped(code)
        case ParameterType.DATE:
            return f"ge{(_EPOCH + timedelta(milliseconds=value[0])).date().isoformat()}"
        case ParameterType.QUANTITY:
            number, system, code, unit = value
            written = (number, system, code) if system else (number, "", unit) if unit else (number,)
            return "|".join(_escaped(each) for each in written)
        case ParameterType.COMPOSITE:
            parts = zip(parameter.parts, value, strict=True)
            return "$".join(_written(part.parameter, values[0]) for part, values in parts)
        case _:
            return _escaped(str(value))


def _escaped(text: str) -> str:
    """Return the text with a backslash before each separator of values (STU3 Search §2.21.1.7)."""
    return re.sub(r"([\\,|$])", r"\\\1", text)
