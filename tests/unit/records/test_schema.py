"""The shapes of STU3's types, as they are read off the models."""

from careconnect_records.stu3.schema import _type_class, model_of, shape_of


def test_what_is_no_model_s_type_has_no_class() -> None:
    assert _type_class(str) is None
    assert _type_class(list[str] | None) is None


def test_the_elements_of_a_type_are_in_the_order_of_its_definition() -> None:
    shape_of.cache_clear()
    names = list(shape_of(model_of("Patient")))

    assert names.index("identifier") < names.index("active") < names.index("name") < names.index("link")
    assert not shape_of(model_of("Patient"))["name"].primitive
    assert shape_of(model_of("Patient"))["gender"].codes == {"male", "female", "other", "unknown"}


def test_codes_are_named_only_where_hl7_names_them_all() -> None:
    assert not shape_of(model_of("CapabilityStatement"))["format"].codes
    assert "entered-in-error" in shape_of(model_of("Observation"))["status"].codes
