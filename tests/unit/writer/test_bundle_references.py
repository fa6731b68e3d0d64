"""Names of a transaction's resources are replaced by their keys, and nothing else is changed (`bundles.md`)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.parts.stores import FHIR_BASE
from careconnect_testing.records.generated import cases
from careconnect_testing.records.generated_resources import generated_resources
from record_writer.request.bundle_references import with_references

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
