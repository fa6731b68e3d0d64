"""The one table: what its rows say together, and the forms of ids."""

from typing import Any

import pytest

from careconnect.record_keys import INDEX_VERSION
from careconnect.resource_types import (
    COMMON_PARAMETERS,
    RESOURCE_TYPES,
    SYNTAX,
    Follow,
    ParameterType,
    Rank,
    ResourceType,
    SearchParameter,
    resource_type,
    valid_id,
)

ROWS = [(served, parameter) for served in RESOURCE_TYPES for parameter in (*COMMON_PARAMETERS, *served.parameters)]


def of_row(value: ResourceType | SearchParameter) -> str:
    return value.name


@pytest.mark.parametrize(("served", "parameter"), ROWS, ids=of_row)
def test_a_row_holds_together(served: ResourceType, parameter: SearchParameter) -> None:
    is_reference = parameter.type is ParameterType.REFERENCE
    # Dates order the other entries and have none of their own.
    assert parameter.rank is Rank.COMPARED or parameter.type is not ParameterType.DATE
    assert bool(parameter.targets) is is_reference
    assert is_reference or not (parameter.follow or parameter.compartment)
    assert not parameter.word_by_word or parameter.type is ParameterType.STRING
    assert not parameter.grouped or (parameter.type is ParameterType.TOKEN and parameter.case_sensitive)
    # A table that says that it has this release's index has all of it.
    assert 1 <= parameter.since <= INDEX_VERSION
    # Chains and `_has` go along its entries.
    assert not (is_reference and parameter.searchable) or parameter.indexed or parameter.within
    # What nothing is searched by is there to be followed.
    assert parameter.searchable or parameter.follow
    if parameter.within:
        holder = served.parameter(parameter.within)
        assert holder is not None
        assert holder.indexed
        assert holder.rank is parameter.rank
    if Follow.REVERSE in parameter.follow:
        # It is followed back along its entries.
        assert parameter.indexed


def test_everything_follows_what_leads_out_of_the_record() -> None:
    """STU3 Patient §8.1.14.1: what is of the patient's compartment is found there already."""
    inside = {served.name for served in RESOURCE_TYPES if served.is_patient or served.patient_parameter}
    for served in RESOURCE_TYPES:
        for parameter in served.followed(Follow.INCLUDE):
            assert (Follow.EVERYTHING in parameter.follow) is bool(set(parameter.targets) - inside), parameter.name


def test_the_patient_is_what_compartments_are_of_and_has_the_operation() -> None:
    assert [served.name for served in RESOURCE_TYPES if served.is_patient] == ["Patient"]
    assert {served.name: served.operations for served in RESOURCE_TYPES if served.operations} == {
        "Patient": ("$everything",)
    }


def test_ranks_are_those_of_the_decision_on_record_keys() -> None:
    ranks: dict[Rank, set[str]] = {rank: set() for rank in Rank}
    for _, parameter in ROWS:
        ranks[parameter.rank].add(parameter.name)

    assert ranks[Rank.KEY] == {"_id"}
    assert ranks[Rank.IDENTIFIER] == {"identifier"}
    assert ranks[Rank.RECORD] == {"patient", "subject", "encounter", "episodeofcare"}
    assert ranks[Rank.CONTACT] == {"email", "phone"}
    assert not ranks[Rank.SHARED] & ranks[Rank.KEY]


def test_a_description_states_all_modifiers_and_prefixes() -> None:
    for _, parameter in ROWS:
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("4", True), ("a-B.9", True), ("x" * 64, True), ("x" * 65, False), ("", False)),
        *(("a_b", False), ("a/b", False), ("4\n", False), ("é", False), (4, False), (None, False)),
    ],
)
def test_ids_are_one_to_64_letters_digits_hyphens_and_dots(text: Any, expected: bool) -> None:
    assert valid_id(text) is expected
