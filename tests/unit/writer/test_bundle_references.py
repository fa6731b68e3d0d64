"""Names of a transaction's resources are replaced by their keys, and nothing else is changed (`bundles.md`)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.records.generated import cases
from careconnect_testing.records.generated_resources import generated_resources
from record_writer.request.bundle_references import is_condition, with_references

NAMES = {"Patient/1": "Patient/new", "https://other.example/Device/1": "Device/new", "urn:uuid:1": "Location/new"}


@pytest.mark.generated
def test_in_any_resource_all_references_that_are_names_are_replaced_and_nothing_else() -> None:
    changed = 0
    for resource in generated_resources(cases(2_000), seed=36):
        before = json_text(resource)
        expected = before
        for name, key in NAMES.items():
            expected = expected.replace(f'"reference":"{name}"', f'"reference":"{key}"')

        assert json_text(with_references(resource, NAMES, FHIR_BASE)) == expected
        assert json_text(resource) == before
        changed += expected != before
    assert changed > cases(2_000) // 10


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("Patient?identifier=urn:x|1", True),
        ("Patient?name=x", True),
        ("Patient/1", False),
        ("Patient?", False),
        ("https://other.example/Patient?identifier=a|b", False),
    ],
)
def test_a_reference_with_a_query_after_its_type_is_a_condition(text: str, condition: bool) -> None:
    assert is_condition(text) is condition


def test_every_element_of_type_uri_that_is_a_full_url_leads_to_its_resource() -> None:
    signature = {"whoReference": {"display": "x"}, "onBehalfOfUri": "https://other.example/Device/1"}
    resource = {
        "resourceType": "Observation",
        "implicitRules": "urn:uuid:1",
        "extension": [{"url": "urn:x", "valueSignature": signature}, {"url": "urn:x", "valueUri": "Patient/1"}],
    }

    assert with_references(resource, NAMES, FHIR_BASE) == {
        "resourceType": "Observation",
        "implicitRules": "Location/new",
        "extension": [
            {"url": "urn:x", "valueSignature": {**signature, "onBehalfOfUri": "Device/new"}},
            {"url": "urn:x", "valueUri": "Patient/1"},
        ],
    }


@pytest.mark.parametrize("name", NAMES)
def test_texts_that_are_names_and_no_links_stay(name: str) -> None:
    resource = {
        "resourceType": "Observation",
        "comment": name,
        "subject": {"display": name, "identifier": {"system": name, "value": name}},
        "valueSampledData": {"data": name},
        "text": {"status": name, "div": name},
        "extension": [{"url": name, "valueString": name}, {"url": "urn:x", "valueOid": name}],
    }

    assert with_references(resource, NAMES, FHIR_BASE) == resource


ANYTHING = st.recursive(
    st.sampled_from((None, True, 1, "Patient/1", "urn:uuid:1", "Observation", "x")),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                (
                    *(
                        "reference",
                        "subject",
                        "contained",
                        "resourceType",
                        "extension",
                        "valueUri",
                        "url",
                        "text",
                        "div",
                    ),
                    *("_status", "status", "component", "valueReference", "#order", "meta", "_x"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(("subject", "contained", "extension", "text", "_status", "component")), ANYTHING)
)
def test_what_is_not_as_its_type_defines_it_stays(members: dict[str, Any]) -> None:
    resource = {"resourceType": "Observation", **members}

    rewritten = with_references(resource, {"elsewhere": "Patient/new"}, FHIR_BASE)

    assert rewritten == resource
    with_references(resource, NAMES, FHIR_BASE)
