"""The parameters of a kick-off as the audit trail records them (`audit.md`; `export.md`, Audit events)."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from careconnect.audit.nhs_numbers import is_nhs_number
from careconnect.audit.query import LEFT_OUT, PATIENT, AuditParameter, AuditQuery, audit_query
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import resource_type
from careconnect.fhir.result_parameter_names import EXPORT_PARAMETERS
from export_keeper.kick_off_parameters import PATIENTS, Given
from export_keeper.parse_kick_off import filter_parts, named_patients

_FILTER: Final = "_typeFilter"


def audit_parameters(given: Sequence[Given], fhir_base: str) -> AuditQuery:
    """Return the parameters of a kick-off, of its query and its body, without personal values.

    Patients that are too many or malformed are left out, and unknown parameters counted.
    """
    found = []
    for each in given:
        if each.name == _FILTER and isinstance(each.value, str):
            found.append(AuditParameter(_FILTER, _filter(each.value, fhir_base)))
        elif each.name in EXPORT_PARAMETERS and isinstance(each.value, str):
            found.append(AuditParameter(each.name, each.value))
    patients: tuple[str, ...] = ()
    with suppress(OutcomeError):
        patients = named_patients(given, fhir_base)
    unknown = sum(each.name not in (*EXPORT_PARAMETERS, PATIENTS) for each in given)
    return AuditQuery((*found, *map(_patient, patients)), unknown)


def _patient(patient: str) -> AuditParameter:
    key = f"{PATIENT.name}/{patient}"
    return AuditParameter(PATIENTS, key, (patient,), numbers=((key,),) if is_nhs_number(patient) else ())


def _filter(text: str, fhir_base: str) -> str:
    """Return a filter without the values that are personal or name patients."""
    try:
        name, pairs = filter_parts(text)
    except OutcomeError:
        return LEFT_OUT
    if (type_ := resource_type(name)) is None:
        return LEFT_OUT
    told = audit_query(type_, pairs, fhir_base)
    parts = (
        f"{each.name}={LEFT_OUT if each.patients or each.identifiers or each.numbers else each.value}"
        for each in told.parameters
    )
    return f"{name}?{'&'.join(parts)}"
