"""The one table: rules that hold over all its rows, and the forms of ids."""

from typing import Any

import pytest

from careconnect.fhir.interactions import EVERYTHING, interactions_of, operations_of
from careconnect.fhir.resource_types import (
    AUDIT_EVENT,
    COMMON_PARAMETERS,
    ID_PARAMETER,
    RESOURCE_TYPES,
    REVERSE_INCLUDES,
    SERVED_TYPES,
    SYNTAX,
    Follow,
    ParameterType,
    Rank,
    ResourceType,
    SearchParameter,
    resource_type,
    served_type,
    valid_id,
)
from careconnect_testing.running.cases import each_of

ROWS = [(served, parameter) for served in RESOURCE_TYPES for parameter in (*COMMON_PARAMETERS, *served.parameters)]
AUDIT_ROWS = [(AUDIT_EVENT, parameter) for parameter in (ID_PARAMETER, *AUDIT_EVENT.parameters)]


def of_row(value: ResourceType | SearchParameter) -> str:
    return value.name


@each_of(("served", "parameter"), ROWS)
def test_a_row_holds_together(served: ResourceType, parameter: SearchParameter) -> None:
    is_reference = parameter.type is ParameterType.REFERENCE
    # Dates order the other entries and have none of their own.
    assert parameter.rank is Rank.COMPARED or parameter.type is not ParameterType.DATE
    assert bool(parameter.targets) is is_reference
    assert is_reference or not (parameter.follow or parameter.compartment)
    assert not (parameter.word_by_word or parameter.any_word) or parameter.type is ParameterType.STRING
    assert not parameter.presence or (parameter.type is ParameterType.TOKEN and parameter.system)
    assert bool(parameter.parts) is (parameter.type is ParameterType.COMPOSITE)
    # A plan looks a composite up by the code that is its first part.
    assert all(served.parameter(part.parameter.name) for part in parameter.parts)
    assert not parameter.parts or parameter.parts[0].parameter.type is ParameterType.TOKEN
    assert not parameter.grouped or (parameter.type is ParameterType.TOKEN and parameter.case_sensitive)
    # Chains and `_has` go along its entries.
    assert not (is_reference and parameter.searchable) or parameter.indexed or parameter.parent
    # A parameter that takes no search is there to be followed.
    assert parameter.searchable or parameter.follow
    if parameter.parent:
        parent = served.parameter(parameter.parent)
        assert parent is not None
        assert parent.indexed
        assert parent.rank is parameter.rank
    if parameter.part_of:
        whole = served.parameter(parameter.part_of)
        assert whole is not None
        assert whole.type is parameter.type
        assert not whole.part_of
        assert not whole.parent
    if Follow.REVERSE in parameter.follow:
        # It is followed back along its entries, or its parent's.
        assert parameter.indexed or parameter.parent


def test_everything_follows_what_leads_out_of_the_record() -> None:
    """STU3 Patient §8.1.14.1: `$everything` finds the resources of the patient's compartment without following them."""
    inside = {served.name for served in RESOURCE_TYPES if served.is_patient or served.patient_parameter}
    for served in RESOURCE_TYPES:
        for parameter in served.followed(Follow.INCLUDE):
            assert (Follow.EVERYTHING in parameter.follow) is bool(set(parameter.targets) - inside), parameter.name


def test_the_patient_is_what_compartments_are_of_and_has_the_operation() -> None:
    assert [served.name for served in RESOURCE_TYPES if served.is_patient] == ["Patient"]
    assert [served.name for served in RESOURCE_TYPES if EVERYTHING in interactions_of(served)] == ["Patient"]


def test_ranks_are_those_of_the_decision_on_record_keys() -> None:
    ranks: dict[Rank, set[str]] = {rank: set() for rank in Rank}
    for _, parameter in ROWS:
        ranks[parameter.rank].add(parameter.name)

    assert ranks[Rank.KEY] == {"_id"}
    assert ranks[Rank.IDENTIFIER] == {"identifier"}
    assert ranks[Rank.RECORD] == {"patient", "subject", "encounter", "episodeofcare", "context", "condition"}
    assert ranks[Rank.CONTACT] == {"email", "phone", "telecom"}
    assert ranks[Rank.SHARED] >= {"_tag", "_security", "value-concept", "body-site", "reason", "lot-number", "address"}
    assert ranks[Rank.COMPARED] >= {"_profile", "value-quantity", "component-value-quantity", "deceased", "active"}
    # An index finds references by their target.
    references = [parameter for _, parameter in ROWS if parameter.type is ParameterType.REFERENCE]
    assert all(parameter.rank <= Rank.SHARED for parameter in references)


def test_a_description_states_all_modifiers_and_prefixes() -> None:
    for _, parameter in (*ROWS, *AUDIT_ROWS):
        told = parameter.description
        assert all(f"`:{modifier}`" in told for modifier in parameter.modifiers)
        assert all(prefix in told for prefix in SYNTAX[parameter.type].prefixes)
        assert (f"`{parameter.chain}`" in told) is bool(parameter.chain)


def test_every_reference_that_is_searched_by_takes_chains() -> None:
    for served, parameter in ROWS:
        targets = [resource_type(name) for name in parameter.targets if parameter.searchable]
        assert bool(parameter.chain) is any(targets)
        if parameter.chain:
            reference, _, inner = parameter.chain.partition(".")
            assert served.parameter(reference) is parameter
            assert any(target.parameter(inner) for target in targets if target)
    for served in RESOURCE_TYPES:
        assert served.chained == tuple(parameter for row, parameter in ROWS if row is served and parameter.chain)


def test_the_audit_trail_is_served_and_is_no_type_of_resources() -> None:
    assert (*RESOURCE_TYPES, AUDIT_EVENT) == SERVED_TYPES
    assert served_type("AuditEvent") is AUDIT_EVENT
    assert resource_type("AuditEvent") is None
    for served in RESOURCE_TYPES:
        assert served_type(served.name) is resource_type(served.name) is served
    assert served_type("auditevent") is None


def test_the_audit_trail_is_searched_by_six_parameters_and_read_alone() -> None:
    names = ["_id", "patient", "date", "user", "action", "entity", "outcome"]
    assert [parameter.name for _, parameter in AUDIT_ROWS] == list(AUDIT_EVENT.by_name) == names
    assert AUDIT_EVENT.common == (ID_PARAMETER,)
    assert (AUDIT_EVENT.writable, AUDIT_EVENT.versioned, operations_of(AUDIT_EVENT)) == (False, False, ())


def test_the_audit_trail_leads_nowhere_and_nothing_leads_to_it() -> None:
    """Its function reads no other table: no include, no chain, and no search of it below a patient."""
    led = (AUDIT_EVENT.includes, AUDIT_EVENT.reverse_includes, AUDIT_EVENT.chained, AUDIT_EVENT.members)
    assert not any(led)
    for served in RESOURCE_TYPES:
        assert AUDIT_EVENT.name not in served.members
        assert AUDIT_EVENT.name not in dict(REVERSE_INCLUDES[served.name])
        assert not AUDIT_EVENT.reaches(served)
        assert not served.reaches(AUDIT_EVENT)


def test_the_audit_trail_alone_is_opened_by_name_only_never_changes_and_has_parameters_of_its_own() -> None:
    for served in RESOURCE_TYPES:
        assert (served.by_name_only, served.versioned, served.common) == (False, True, COMMON_PARAMETERS)
    assert AUDIT_EVENT.by_name_only


def test_what_is_followed_back_is_of_the_same_table() -> None:
    table = {served.name: served.table for served in RESOURCE_TYPES}

    pairs = [(target, source) for target, sources in REVERSE_INCLUDES.items() for source, _ in sources]
    assert ("Practitioner", "PractitionerRole") in pairs
    assert all(table[target] is table[source] for target, source in pairs)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("4", True), ("a-B.9", True), ("x" * 64, True), ("x" * 65, False), ("", False)),
        *(("a_b", False), ("a/b", False), ("4\n", False), ("é", False), (4, False), (None, False)),
    ],
)
def test_ids_are_one_to_64_letters_digits_hyphens_and_dots(text: Any, expected: bool) -> None:
    assert valid_id(text) is expected
