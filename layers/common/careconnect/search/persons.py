"""Tell which criteria name persons: whoever guesses their values can tell persons apart (`audit.md`, Whose)."""

from careconnect.fhir.resource_types import ID_PARAMETER, Modifier, ParameterType, ResourceType, resource_type
from careconnect.search.criteria import Criterion


def names_persons(type_: ResourceType, criterion: Criterion) -> bool:
    """Return True if a criterion on a type names persons, whatever its modifier and whatever is stored."""
    if not type_.has_patients:
        return False
    parameter, is_missing = criterion.parameter, criterion.modifier == Modifier.MISSING
    match parameter.type:
        case ParameterType.REFERENCE:
            targets = parameter.targets if is_missing else [value.partition("/")[0] for value in criterion.values]
            return any(map(_may_be_of_a_patient, targets))
        case ParameterType.DATE if not is_missing and any(value.has_time for value in criterion.values):
            return True
    return parameter is ID_PARAMETER or parameter.personal


def _may_be_of_a_patient(target: str) -> bool:
    """Return True unless a target is of a type that belongs to nobody: a RelatedPerson or a URL may be a patient's."""
    type_ = resource_type(target)
    return type_ is None or type_.has_patients
