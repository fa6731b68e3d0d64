"""The one table of the FHIR surface: types, search parameters, includes, element paths and scope names.

The loader extracts by it, the reader searches by it and the authorizer opens paths by it. The CapabilityStatement, the
OpenAPI document, `docs/api.md` and the Postman collection are generated from it. No module outside this package names
a search parameter.
"""

from careconnect.fhir.resource_types.audit_event import AUDIT_EVENT
from careconnect.fhir.resource_types.parameters import (
    SYNTAX,
    Follow,
    Modifier,
    ParameterType,
    Rank,
    SearchParameter,
)
from careconnect.fhir.resource_types.rows import COMMON_PARAMETERS, ID_PARAMETER, LAST_UPDATED
from careconnect.fhir.resource_types.served_types import (
    RESOURCE_TYPES,
    REVERSE_INCLUDES,
    SERVED_TYPES,
    resource_type,
    served_type,
)
from careconnect.fhir.resource_types.types import DATA_TABLES, FHIR_VERSION, ID_PATTERN, ResourceType, Table, valid_id

__all__ = [
    "AUDIT_EVENT",
    "COMMON_PARAMETERS",
    "DATA_TABLES",
    "FHIR_VERSION",
    "ID_PARAMETER",
    "ID_PATTERN",
    "LAST_UPDATED",
    "RESOURCE_TYPES",
    "REVERSE_INCLUDES",
    "SERVED_TYPES",
    "SYNTAX",
    "Follow",
    "Modifier",
    "ParameterType",
    "Rank",
    "ResourceType",
    "SearchParameter",
    "Table",
    "resource_type",
    "served_type",
    "valid_id",
]
