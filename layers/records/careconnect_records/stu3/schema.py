"""The elements of every STU3 type in the order of its definition, from the models of fhir.resources."""

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, get_args, get_origin

from fhir.resources.STU3 import get_fhir_model_class
from fhir_core.utils import get_fhir_type_name, is_list_type, is_primitive_type

# The models list the codes of an element's short description. A list that ends in `+` is incomplete; these are the
# complete ones (STU3 ValueSets observation-status, encounter-status, quantity-comparator).
_OBSERVATION_STATUS: Final = frozenset(
    (
        *("registered", "preliminary", "final", "amended", "corrected"),
        *("cancelled", "entered-in-error", "unknown"),
    )
)
_ENCOUNTER_STATUS: Final = frozenset(
    (
        *("planned", "arrived", "triaged", "in-progress", "onleave"),
        *("finished", "cancelled", "entered-in-error", "unknown"),
    )
)
_COMPLETE_CODES: Final = {
    ("Observation", "status"): _OBSERVATION_STATUS,
    ("Encounter", "status"): _ENCOUNTER_STATUS,
    ("EncounterStatusHistory", "status"): _ENCOUNTER_STATUS,
    # Media types are allowed too.
    ("CapabilityStatement", "format"): frozenset(),
    ("Quantity", "comparator"): frozenset(("<", "<=", ">=", ">")),
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: a primitive has a `primitive` type name, any other element a `type_class`.

    `codes` are the codes of a required binding, empty without one. `attribute` says that XML writes the value as an
    attribute of the parent (STU3 XML §2.6.1). `extends` says that an `_` object may stand beside the value; an
    attribute, a narrative and a resource's id have none. `choice` is the common name of a choice's forms (`value` of
    `valueString`); `required` then applies to the choice. `position` is the place in the type's definition. `targets`
    are the types that a Reference may refer to (empty: any).
    """

    name: str
    repeats: bool
    primitive: str = ""
    codes: frozenset[str] = frozenset()
    attribute: bool = False
    type_class: Any = None
    required: bool = False
    choice: str = ""
    position: int = 0
    extends: bool = False
    targets: frozenset[str] = frozenset()

    @property
    def shape(self) -> dict[str, "Element"]:
        """The elements of this element's type, in order; those of `Resource` for a contained resource."""
        return shape_of(self.type_class)


def model_beside_primitive() -> Any:
    """Return the model class of the id and the extensions beside a primitive's value (STU3 JSON §2.6.2)."""
    return get_fhir_model_class("Element")


def shape_beside_primitive() -> dict[str, Element]:
    """Return the elements that a primitive may have beside its value."""
    return shape_of(model_beside_primitive())


@lru_cache(maxsize=512)
def shape_of(model: Any) -> dict[str, Element]:
    """Return the elements of a model class by name, in the order of its StructureDefinition."""
    field_names = model.get_alias_mapping()
    return {
        name: replace(_element(model, name, model.model_fields[field_names[name]]), position=position)
        for position, name in enumerate(model.elements_sequence())
    }


@lru_cache(maxsize=256)
def model_of(type_name: str) -> Any | None:
    """Return the model class of a resource type, or None if STU3 has no such type."""
    try:
        model = get_fhir_model_class(type_name)
    except ValueError:
        return None
    return model if model.has_resource_base() and type_name not in ("Resource", "DomainResource") else None


def _element(model: Any, name: str, field: Any) -> Element:
    extra = field.json_schema_extra or {}
    choice = extra.get("one_of_many", "")
    required = field.is_required() or bool(extra.get("one_of_many_required" if choice else "element_required"))
    if not is_primitive_type(field):
        named = extra.get("enum_reference_types", ())
        # STU3 writes Reference(Any) as a reference to `Resource`, the base of all types.
        targets = frozenset() if "Resource" in named else frozenset(named)
        return Element(
            name,
            is_list_type(field),
            type_class=_type_class(field.annotation),
            required=required,
            choice=choice,
            targets=targets,
        )
    primitive = get_fhir_type_name(field)
    codes: frozenset[str] = frozenset()
    if primitive == "code":
        codes = _COMPLETE_CODES.get((model.__name__, name), frozenset(extra.get("enum_values", ())))
        # An incomplete list must not refuse a code that STU3 allows.
        codes = frozenset() if "+" in codes else codes
    attribute = (name == "id" and not model.has_resource_base()) or (model.__name__, name) == (
        "Extension",
        "url",
    )
    extends = not attribute and primitive != "xhtml" and f"{name}__ext" in model.model_fields
    return Element(
        name, is_list_type(field), primitive, codes, attribute, required=required, choice=choice, extends=extends
    )


def _type_class(annotation: Any) -> Any:
    if get_origin(annotation) is None:
        path = getattr(annotation, "_model_klass", "")
        if not path:
            return None
        module, _, name = path.rpartition(".")
        return getattr(import_module(module), name)
    return next((found for arg in get_args(annotation) if (found := _type_class(arg)) is not None), None)
