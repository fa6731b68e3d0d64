"""Say which type a name that is not served may have meant."""

from careconnect.fhir.nearest_name import nearest_name
from careconnect.fhir.resource_types import RESOURCE_TYPES


def meant(named: str) -> str:
    """Return a question for the end of a reason, empty if no type is near; `named` is a type, or TYPE/ID."""
    nearest = nearest_name(named.partition("/")[0], [each.name for each in RESOURCE_TYPES])
    return f": did you mean {nearest}?" if nearest else ""
