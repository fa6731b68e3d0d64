"""The index of events by patient, ordered by id: it holds only events that name a patient.

It projects what a search tests (`audit.md`, Asked in FHIR), and an event itself is read by its key. Its entry is there
a moment after the event.
"""

from collections.abc import Callable
from typing import Any, Final

from careconnect.runtime.aws import SERVICE_ERRORS, error_code

PATIENT_INDEX: Final = "by-patient-2"

PROJECTED: Final = ("action", "client", "ids", "outcome")
"""What the index holds of an event besides its keys (`pk`, `sk`, `patient`)."""

FORMER_PATIENT_INDEX: Final = "by-patient"
"""The index of former releases, of whole events: it answers until the other is filled (`docs/change.md`)."""

_NOT_THERE: Final = ("ValidationException", "ResourceNotFoundException")


def definition() -> dict[str, Any]:
    """Return the index as CreateTable takes it."""
    return {
        "IndexName": PATIENT_INDEX,
        "KeySchema": [
            {"AttributeName": "patient", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(PROJECTED)},
    }


def query_patient(query: Callable[..., Any], **asked: Any) -> Any:
    """Return the answer of a query of the index, or of the former one if a table has no other that is filled.

    The table decides, not a setting: CloudFormation changes it before the functions. Errors pass through.
    """
    try:
        return query(IndexName=PATIENT_INDEX, **asked)
    except SERVICE_ERRORS as error:
        if error_code(error) not in _NOT_THERE:
            raise
        return query(IndexName=FORMER_PATIENT_INDEX, **asked)
