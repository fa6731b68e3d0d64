"""Whose record a resource is a part of: by the items that are stored of it, or by a body that was sent."""

from collections.abc import Iterable, Mapping
from typing import Any

from careconnect.fhir.resource_types import ResourceType, valid_id
from careconnect_records.items.actions import Item
from careconnect_records.items.references import fhir_base_of, target_of


def patients_of_items(type_: ResourceType, resource_id: str, items: Iterable[Item]) -> tuple[str, ...]:
    """Return the ids of the patients whom a resource tells of: itself, or those who its items say it belongs to."""
    if type_.is_patient:
        return (resource_id,)
    texts = (item["patient"]["S"] for item in items if "patient" in item)
    return tuple(dict.fromkeys(patient for text in texts for patient in text.split()))


def patients_in_body(type_: ResourceType, resource: Mapping[str, Any], root: str) -> tuple[str, ...]:
    """Return the ids of the patients to whom a body says that it belongs, be it valid or not."""
    parameter = type_.patient_parameter
    if parameter is None:
        return ()
    named = (resource.get(path) for path in parameter.paths)
    texts = (one.get("reference") for one in named if isinstance(one, dict))
    targets = (target_of(text, fhir_base_of(root)) for text in texts if isinstance(text, str))
    return tuple(
        target.id for target in targets if target and target.type_name in parameter.targets and valid_id(target.id)
    )
