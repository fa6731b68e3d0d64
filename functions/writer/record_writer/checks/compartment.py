"""Find the patients with a resource in their compartments, by its stored items or the body of a request."""

from collections.abc import Mapping
from typing import Any

from careconnect.fhir.resource_types import ResourceType, valid_id
from careconnect_records.items.actions import Item
from careconnect_records.items.references import fhir_base_of, target_of
from careconnect_records.items.resource_items import former_patients_of, patients_of
from careconnect_records.writes.target import Target


def stored_patients(target: Target, *items: Item | None) -> tuple[str, ...]:
    """Return the ids of the patients of stored versions and of the versions before them, each once.

    A Patient's version is of that patient alone. Without an item there are none.
    """
    stored = [item for item in items if item]
    if stored and target.type.is_patient:
        return (target.id,)
    return tuple(
        dict.fromkeys(patient for item in stored for patient in (*patients_of(item), *former_patients_of(item)))
    )


def patients_in_body(type_: ResourceType, resource: Mapping[str, Any], root: str) -> tuple[str, ...]:
    """Return the ids of the patients that a body names as its own, whether it is valid or not."""
    parameter = type_.patient_parameter
    if parameter is None:
        return ()
    named = (resource.get(path) for path in parameter.paths)
    texts = (one.get("reference") for one in named if isinstance(one, dict))
    targets = (target_of(text, fhir_base_of(root)) for text in texts if isinstance(text, str))
    return tuple(
        target.id for target in targets if target and target.type_name in parameter.targets and valid_id(target.id)
    )
