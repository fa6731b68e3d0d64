"""Refuse a bound client's writes that take over another person's identity (`write.md`, Who may write what).

Conditional writes of all clients match identifiers: a client that could give its patient's resources any identifier
would receive what others write for someone else.
"""

from collections.abc import Mapping
from typing import Any, Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect_records.parsing.exact_json import json_text
from record_writer import refusals
from record_writer.request.preconditions import IDENTIFIER, Identifier

_IDENTITY: Final = (IDENTIFIER, "link", "active", "_active")
"""The elements of a Patient's identity. `_active` has the extensions of `active`."""


def require_own_condition(caller: Caller, type_: ResourceType, condition: Identifier | None) -> None:
    """Raise the 403 outcome for a bound caller's condition on a Patient, or on a system that is not one of its own."""
    if caller.patient and condition is not None:
        if type_.is_patient:
            raise refusals.identity_of_patient()
        if condition.system not in caller.identifier_systems:
            raise refusals.other_identifier_system()


def require_own_identifiers(
    caller: Caller, type_: ResourceType, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Raise the 403 outcome if a bound caller's change from `before` to `after` is one of identity.

    Both are valid resources, or empty for an absent one.
    """
    if not caller.patient:
        return
    if type_.is_patient:
        if any(_elements(before, name).keys() != _elements(after, name).keys() for name in _IDENTITY):
            raise refusals.identity_of_patient()
        return
    old, new = _elements(before, IDENTIFIER), _elements(after, IDENTIFIER)
    changed = ((old | new)[text] for text in old.keys() ^ new.keys())
    if not all(each.get("system") in caller.identifier_systems for each in changed):
        raise refusals.other_identifier_system()


def _elements(resource: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an element's repetitions by their text, which is the same for any order of members."""
    value = resource.get(name, [])
    return {json_text(each, sort_keys=True): each for each in (value if isinstance(value, list) else [value])}
