"""AuditEvent: the type of the audit trail, which the functions write themselves (`audit.md`)."""

from dataclasses import replace
from typing import Final

from careconnect.fhir.resource_types.directory_types import DIRECTORY_TYPES
from careconnect.fhir.resource_types.parameters import Follow
from careconnect.fhir.resource_types.record_types import RECORD_TYPES
from careconnect.fhir.resource_types.rows import ID_PARAMETER, PATIENT, code, date, reference, status, type_row
from careconnect.fhir.resource_types.types import ResourceType, Table

_DATA_TYPES: Final = tuple(each.name for each in (*RECORD_TYPES, *DIRECTORY_TYPES))

AUDIT_EVENT: Final[ResourceType] = replace(
    type_row(
        Table.AUDIT,
        "AuditEvent",
        # STU3 searches `agent.reference` too; here an agent is a client, never a patient.
        replace(PATIENT, paths=("entity.reference",), follow=Follow.NOTHING),
        date("date"),
        code("user"),
        status("action", system="audit-event-action"),
        # STU3 lets it point at any type; events are of the served ones.
        reference("entity", *_DATA_TYPES, follow=Follow.NOTHING),
        status("outcome", system="audit-event-outcome"),
        order_by="date",
    ),
    common=(ID_PARAMETER,),
    writable=False,
    versioned=False,
    by_name_only=True,
)
