"""Search values at the limits: they match only their meaning, and never a value that a key cannot hold."""

import tracemalloc

import pytest

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.search.criteria import MAX_WORDS, Criterion, parse_criterion
from careconnect.search.result_parameters import Handling
from fhir_reader.search.access_paths import index_paths, named_ids
from fhir_reader.search.parse import parse_search

BASE = "https://care.example/careconnect-ri/STU3"


def served(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


def criterion(type_name: str, name: str, text: str, modifier: str = "") -> Criterion:
    parameter = served(type_name).parameter(name)
    assert parameter is not None
    return parse_criterion(parameter, modifier, text, fhir_base=BASE, now=0)


@pytest.mark.parametrize(
    ("name", "text", "matches"),
    [
        ("name", "bernie kanfeld", True),
        ("name", "kan ber", True),
        ("name", "kanfeld smith", False),
        ("name", "bernie anne kanfeld", True),
        ("name", "kanfeld bernie a", True),
        ("name", "anne kanfeld", False),
        ("family", "kanfeld", True),
        ("family", "kanfeld poole", False),
        ("given", "bernie anne", True),
        ("given", "anne bernie", False),
    ],
)
def test_only_a_name_is_matched_word_by_word(name: str, text: str, matches: bool) -> None:
    stored = {
        "name": ["Kanfeld", "Bernie Anne", "Poole"],
        "family": ["Kanfeld", "Poole"],
        "given": ["Bernie Anne"],
    }

    assert criterion("Patient", name, text).compiled()(stored.get(name, ())) is matches


@pytest.mark.parametrize("modifier", ["", "exact", "contains"])
def test_a_name_takes_fifty_words(modifier: str) -> None:
    assert criterion("Patient", "name", "a " * MAX_WORDS, modifier).values
    with pytest.raises(OutcomeError) as raised:
        criterion("Patient", "name", "a " * (MAX_WORDS + 1), modifier)

    assert (raised.value.status, raised.value.code) == (400, "too-costly")


def test_long_texts_that_are_searched_for_do_not_stay_in_memory() -> None:
    tracemalloc.start()
    try:
        for number in range(300):
            criterion("Patient", "family", f"{number:05}" * 4_000)
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["---", "|---", "phone|( )"])
def test_a_telephone_number_of_punctuation_alone_is_malformed(text: str) -> None:
    with pytest.raises(OutcomeError) as raised:
        criterion("Patient", "phone", text)

    assert raised.value.status == 400
    assert raised.value.text.startswith("phone:")


def test_what_cannot_be_an_id_is_not_looked_up() -> None:
    ids = named_ids([criterion("Patient", "_id", f"4,{'9' * 3000},a/b,é,4")])

    assert ids == ("4",)


@pytest.mark.parametrize(
    ("modifier", "text", "partitions"),
    [
        ("", "4", ["Patient/4"]),
        ("", f"{BASE}/Patient/4,Patient/5", ["Patient/4", "Patient/5"]),
        ("", "https://elsewhere.example/Patient/4", ["https://elsewhere.example/Patient/4"]),
        ("Patient", "4", ["Patient/4"]),
        ("Patient", "Practitioner/4", []),
    ],
)
def test_a_reference_is_looked_up_under_what_it_points_at(modifier: str, text: str, partitions: list[str]) -> None:
    (access_path,) = index_paths(served("Observation"), [criterion("Observation", "patient", text, modifier)])

    assert [one.partition for one in access_path.ranges] == partitions


def test_an_address_too_long_for_a_key_is_compared_with_all() -> None:
    text = f"https://elsewhere.example/{'x' * 2000}"

    assert index_paths(served("Observation"), [criterion("Observation", "patient", text)]) == []


def test_an_unknown_parameter_is_looked_up_and_reported_once_however_often_it_comes() -> None:
    asked = [("favourite-colour", str(number)) for number in range(199)]

    query = parse_search(served("Patient"), asked, handling=Handling.STANDARD, fhir_base=BASE, now=0)

    assert [warning.diagnostics.partition(":")[0] for warning in query.warnings] == ["favourite-colour"]
