"""The keys of records and of their index entries."""

from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.resource_types import ID_PATTERN
from careconnect.search.values import normalise
from careconnect.storage.keys import (
    SHARDS,
    entry_sort_key,
    position_of,
    reference_prefix,
    resource_key,
    shard_of,
    string_partition,
    string_prefix,
    token_partition,
    token_prefix,
    type_partition,
)

_IDS = st.from_regex(ID_PATTERN, fullmatch=True)
_ORDERS = st.integers(min_value=0, max_value=10**15 - 1).map(lambda number: f"{number:015d}")
# Any text a resource may hold; half a surrogate pair is no text.
_TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
_LONG_TEXTS = st.builds(lambda text, times: text * times, _TEXTS, st.integers(min_value=1, max_value=200))

_PARTITION_KEY_BYTES = 2048
_SORT_KEY_BYTES = 1024


def test_the_kinds_of_partitions_are_apart() -> None:
    assert resource_key("Patient", "4") == "Patient/4"
    assert type_partition("Patient", 2) == "Patient?2"
    assert token_partition("Patient", "identifier", "9990000018") == "Patient?identifier=9990000018"
    assert string_partition("Patient", "name", "munoz") == "Patient?name^m"
    assert reference_prefix("Observation", "patient") == "Observation?patient#"


@given(_IDS, _ORDERS, _LONG_TEXTS)
def test_place_and_id_come_back_from_every_entry(resource_id: str, order: str, text: str) -> None:
    for prefix in (
        "",
        token_prefix(text),
        f"{string_prefix(normalise(text))}#",
        reference_prefix("Observation", "patient"),
    ):
        assert position_of(entry_sort_key(prefix, order, resource_id)) == (order, resource_id)


@given(_IDS, _ORDERS, _LONG_TEXTS)
def test_keys_keep_within_the_quotas_whatever_the_text(resource_id: str, order: str, text: str) -> None:
    normalised = normalise(text)
    assert len(token_partition("MedicationStatement", "identifier", text).encode()) <= _PARTITION_KEY_BYTES
    assert len(string_partition("Organization", "address-postalcode", normalised).encode()) <= _PARTITION_KEY_BYTES
    for prefix in (token_prefix(text), f"{string_prefix(normalised)}#"):
        assert len(entry_sort_key(prefix, order, resource_id).encode()) <= _SORT_KEY_BYTES


def test_long_codes_that_differ_at_the_end_stay_apart() -> None:
    assert token_partition("Patient", "identifier", "9" * 300) != token_partition("Patient", "identifier", "9" * 301)
    assert token_prefix("urn:" + "a" * 300) != token_prefix("urn:" + "a" * 299 + "b")


@given(_TEXTS, _TEXTS)
def test_a_text_is_found_by_its_beginning(beginning: str, rest: str) -> None:
    normalised = normalise(beginning + rest)
    for length in range(1, len(normalised) + 1):
        assert f"{string_prefix(normalised)}#".startswith(string_prefix(normalised[:length]))


@given(_IDS)
def test_an_id_always_has_the_same_shard(resource_id: str) -> None:
    assert shard_of(resource_id) == shard_of(resource_id)
    assert 0 <= shard_of(resource_id) < SHARDS


def test_shards_are_filled_evenly() -> None:
    counts = [0] * SHARDS
    for number in range(10_000):
        counts[shard_of(str(number))] += 1
    assert max(counts) < 1.1 * min(counts)
