"""The elements of every STU3 type in the order of its definition, read off the models of fhir.resources."""

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, get_args, get_origin

from fhir.resources.STU3 import get_fhir_model_class
from fhir_core.utils import get_fhir_type_name, is_list_type, is_primitive_type

# The models list the codes that fit into an element's short description; where that ends in `+` they are
# not all. These are whole (STU3 ValueSets observation-status, encounter-status, quantity-comparator).
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
_WHOLE_CODES: Final = {
    ("Observation", "status"): _OBSERVATION_STATUS,
    ("Encounter", "status"): _ENCOUNTER_STATUS,
    ("EncounterStatusHistory", "status"): _ENCOUNTER_STATUS,
    ("Quantity", "comparator"): frozenset(("<", "<=", ">=", ">")),
}


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: a primitive has a `primitive` type name, any other the class of its type.

    `codes` are the codes of a required binding, empty where there is none. `attribute` says that XML writes
    the value as an attribute of the parent (STU3 XML §2.6.1). What `extends` may have an `_` object beside it; these
    cannot, nor can a narrative or a resource's id. `choice` is the name
    that the forms of a choice share (`value` of `valueString`); it is the choice then that is `required`. `position`
    counts the elements of a type in their order. `targets` are the types that a Reference may point at, empty where it
    may point at any.
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
        """The elements of this element's type, in order; those of `Resource` for a contained one."""
        return shape_of(self.type_class)


def shape_beside_primitive() -> dict[str, Element]:
    """Return the elements that a primitive may have beside its value (STU3 JSON §2.6.2)."""
    return shape_of(get_fhir_model_class("Element"))


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
    """Return the model class of the resource type `type_name`, or None where STU3 has none."""
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
        # STU3's Reference(Any) names the type that all types are of.
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
        codes = _WHOLE_CODES.get((model.__name__, name), frozenset(extra.get("enum_values", ())))
        # An unfinished list that is not known here must not refuse what STU3 allows.
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
