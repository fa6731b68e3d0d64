"""The operations on one resource, by name. The table of resource types lists the operations of each type."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from careconnect.fhir.rendering.bundle import Bundle
from careconnect.fhir.result_parameter_names import RECORD_PARAMETERS
from fhir_reader.patient_everything import EVERYTHING, patient_everything
from fhir_reader.search.context import SearchContext
from fhir_reader.search.parse import SearchQuery


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: the parameters that it `takes`, and the use case that returns its Bundle for a resource id."""

    takes: Collection[str]
    answer: Callable[[str, SearchQuery, SearchContext], Bundle]


OPERATIONS: Final[Mapping[str, Operation]] = {EVERYTHING: Operation(RECORD_PARAMETERS, patient_everything)}
