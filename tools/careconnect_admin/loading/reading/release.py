"""Distinguish resources of FHIR R4 from invalid ones of STU3."""

from typing import Any, Final

from careconnect_records.stu3.schema import model_of, shape_of

_MAX_NAMED: Final = 3


def later_release(resource: dict[str, Any]) -> str:
    """Return the reason why an invalid resource looks like R4, as the end of a sentence; `""` if it does not.

    The reason is an element that R4 has and STU3 lacks (`encounter` for `context`), or an object where STU3 has a code
    and R4 a CodeableConcept (`clinicalStatus`).
    """
    type_name = resource["resourceType"]
    later, model = _r4_model(type_name), model_of(type_name)
    if later is None:
        return ""
    if model is None:
        return f"this looks like R4, which has {type_name}; STU3 is served"
    shape, later_shape = shape_of(model), shape_of(later)
    signs = [
        name
        for name, value in resource.items()
        if name in later_shape
        and (
            name not in shape or (isinstance(value, dict) and shape[name].primitive and not later_shape[name].primitive)
        )
    ]
    return f"this looks like R4 ({', '.join(signs[:_MAX_NAMED])}); STU3 is served" if signs else ""


def _r4_model(type_name: str) -> Any | None:
    # Imported late: it is slow, and most loads never need it.
    from fhir.resources.R4B import get_fhir_model_class

    try:
        model = get_fhir_model_class(type_name)
    except (KeyError, ValueError):
        return None
    return model if model.has_resource_base() else None
