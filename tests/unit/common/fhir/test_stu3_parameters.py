"""STU3's search parameters, compared with those that the one table offers."""

import pytest

from careconnect.fhir.interactions import Agent, operations_of
from careconnect.fhir.resource_types import COMMON_PARAMETERS, SERVED_TYPES, ResourceType, SearchParameter
from careconnect.fhir.resource_types.stu3 import RESOURCE_NAMES, definition
from careconnect.fhir.result_parameter_names import SEARCH_PARAMETERS
from careconnect.fhir.stu3_parameters import is_defined, parameters_of_all_types
from careconnect_testing.running.cases import each_of

ROWS = [(served, parameter) for served in SERVED_TYPES for parameter in served.parameters]


def of_row(value: ResourceType | SearchParameter) -> str:
    return value.name


@each_of(("served", "parameter"), ROWS)
def test_what_a_type_offers_is_of_stu3_and_of_the_same_type_there(
    served: ResourceType, parameter: SearchParameter
) -> None:
    assert definition(served.name)["parameters"][parameter.name]["type"] == parameter.type.value
    assert parameter.paths


@pytest.mark.parametrize("parameter", COMMON_PARAMETERS, ids=of_row)
def test_what_every_type_offers_is_of_stu3_and_of_the_same_type_there(parameter: SearchParameter) -> None:
    assert definition("Resource")["parameters"][parameter.name]["type"] == parameter.type.value


@each_of("served", SERVED_TYPES)
def test_the_elements_of_a_type_and_the_targets_of_its_references_are_of_stu3(served: ResourceType) -> None:
    defined = definition(served.name)

    assert served.name in RESOURCE_NAMES
    assert {"id", "meta", "implicitRules"} < set(defined["summary"]) <= served.summary
    assert served.mandatory.difference(defined["mandatory"]) == {"resourceType", "id", "meta", "implicitRules"}
    for parameter in served.parameters:
        # A reference to any type has no targets in the data.
        assert set(parameter.targets) <= set(defined["parameters"][parameter.name].get("targets", RESOURCE_NAMES))


def test_what_hl7_does_not_define_has_an_empty_definition() -> None:
    assert definition("Toaster") == {"parameters": {}}


def test_every_operation_has_its_parameters() -> None:
    defined = definition("Patient/$everything")["parameters"]
    assert {name: each["type"] for name, each in defined.items()} == {"start": "date", "end": "date"}
    for served in SERVED_TYPES:
        assert all(
            definition(f"{served.name}/{each.operation}")["parameters"]
            for each in operations_of(served)
            if each.agent is Agent.READER
        )


def test_of_all_types_are_those_that_stu3s_pages_list() -> None:
    """STU3 Search §2.21.1.1, its summary table; RESTful API, general parameters."""
    listed = (
        "_id _lastUpdated _tag _profile _security _text _content _list _has _type _query _filter "
        "_sort _count _include _revinclude _summary _elements _contained _containedType _format _pretty"
    )
    # `_total` is R4's.
    assert parameters_of_all_types() == set(listed.split()) > set(SEARCH_PARAMETERS) - {"_total"}


KNOWN = [
    ("Patient", "phonetic", True),
    ("Patient", "_text", True),
    ("Patient", "_filter", True),
    ("Patient", "Phonetic", False),
    ("Patient", "phonetic:exact", False),
    ("Patient", "date", False),
    ("Patient", "start", False),
    ("Patient", "_since", False),
    ("Patient", "token", False),
    ("Patient", "", False),
    ("Organization", "alias", True),
    ("AuditEvent", "agent", True),
    ("AuditEvent", "client", False),
    ("Patient/$everything", "start", True),
    ("Patient/$everything", "_since", True),
    ("Patient/_history", "_since", True),
    ("Patient/_history", "_at", True),
    ("Patient/_history", "_sort", True),
    ("Patient/_history", "birthdate", False),
    ("Patient/$everything", "_at", False),
    ("Patient/$everything", "_type", True),
    ("Patient/$everything", "gender", False),
    ("Toaster", "_id", True),
    ("Toaster", "name", False),
]


@each_of(("of", "name", "known"), KNOWN)
def test_a_parameter_is_known_by_its_name_and_what_it_is_of(of: str, name: str, known: bool) -> None:
    assert is_defined(of, name) is known
