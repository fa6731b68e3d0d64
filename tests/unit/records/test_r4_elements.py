"""What R4 has and STU3 has not: the table against the models of both."""

import json
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from fhir_core.utils import get_fhir_type_name, is_list_type, is_primitive_type

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_records.stu3.r4_elements import FORMS, PATH, form_of_r4, stu3_instead_of
from careconnect_records.stu3.schema import _type_class, model_of, shape_of

TABLE = json.loads(PATH.read_bytes())
ONLY_R4B = {"valueCodeableReference", "valueRatioRange"}


def fields_of(model: Any) -> dict[str, Any]:
    names = model.get_alias_mapping()
    return {name: model.model_fields[names[name]] for name in model.elements_sequence()}


def pairs(stu3: Any, r4: Any, seen: dict[str, tuple[Any, Any]]) -> dict[str, tuple[Any, Any]]:
    """Return the models of STU3 and R4 of a type and of all types within it, by STU3's name."""
    if stu3.__name__ not in seen:
        seen[stu3.__name__] = (stu3, r4)
        fields = fields_of(r4)
        for name, element in shape_of(stu3).items():
            field = fields.get(name)
            if field is None or element.primitive or is_primitive_type(field) or element.name == "contained":
                continue
            pairs(element.type_class, _type_class(field.annotation), seen)
    return seen


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[Any, Any]]:
    """The models of all types that are written."""
    found: dict[str, tuple[Any, Any]] = {}
    for each in RESOURCE_TYPES:
        if each.writable:
            pairs(model_of(each.name), get_fhir_model_class(each.name), found)
    return found


def test_every_element_that_r4_added_is_in_the_table_and_no_other(models: dict[str, tuple[Any, Any]]) -> None:
    listed = {name: [*row.get("renamed", ()), *row.get("added", ())] for name, row in TABLE.items()}
    added = {name: fields_of(r4).keys() - shape_of(stu3).keys() - ONLY_R4B for name, (stu3, r4) in models.items()}

    assert {name: sorted(names) for name, names in listed.items() if names} == {
        name: sorted(names) for name, names in added.items() if names
    }


def test_what_stu3_is_said_to_have_is_there(models: dict[str, tuple[Any, Any]]) -> None:
    for type_name, row in TABLE.items():
        for stu3 in row.get("renamed", {}).values():
            model = models[type_name][0]
            for name in stu3.split("."):
                element = shape_of(model)[name]
                model = element.type_class


def test_every_form_that_r4_changed_is_in_the_table_and_no_other(models: dict[str, tuple[Any, Any]]) -> None:
    changed: dict[str, set[str]] = {}
    for type_name, (stu3, r4) in models.items():
        fields = fields_of(r4)
        for name, element in shape_of(stu3).items():
            field = fields.get(name)
            if field is None:
                continue
            kind = get_fhir_type_name(field) if is_primitive_type(field) else _type_class(field.annotation).__name__
            is_concept = (element.primitive, kind) == ("code", "CodeableConcept")
            if is_concept or is_list_type(field) != element.repeats:
                changed.setdefault(type_name, set()).add(name)
                form = "CodeableConcept" if is_concept else "an array"
                assert form in form_of_r4(type_name, name, {"text": "x"} if is_concept else [{}])

    assert {name: set(names) for name, names in FORMS.items() if names} == changed


def test_an_element_of_neither_has_no_text() -> None:
    assert stu3_instead_of("Observation", "shoe") == stu3_instead_of("Shoe", "encounter") == ""
    assert form_of_r4("Condition", "clinicalStatus", "active") == form_of_r4("Condition", "stage", {}) == ""
    assert form_of_r4("Condition", "_clinicalStatus", {"extension": []}) == ""
