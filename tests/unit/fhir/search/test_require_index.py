"""A search by what an index of an earlier release does not hold yet (ADR 22)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from careconnect.record_keys import CURSOR_KEY, INDEX_VERSION, LATER_ORDERS_SINCE
from careconnect.resource_types import DATA_HOMES, Follow, Home, ResourceType, SearchParameter, resource_type
from careconnect_testing.clock import Clock
from careconnect_testing.few_records import write_records
from careconnect_testing.stores import Reader, load, reader_on_moto
from fhir_reader.store.dynamodb import DynamoDbResourceStore

NEW = {
    ("Patient", "gender"),
    ("Patient", "general-practitioner"),
    ("Patient", "birthdate"),
    ("Condition", "patient"),
    ("Organization", "name"),
}
"""Taken for parameters that the last version of the index that a search needs has brought."""


@pytest.fixture(autouse=True)
def new_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    real, followed = ResourceType.parameter, ResourceType.followed

    def parameter(self: ResourceType, name: str) -> SearchParameter | None:
        found = real(self, name)
        return replace(found, since=LATER_ORDERS_SINCE, stored_since=0) if found and (self.name, name) in NEW else found

    def references(self: ResourceType, follow: Follow) -> tuple[SearchParameter, ...]:
        return tuple(parameter(self, one.name) or one for one in followed(self, follow))

    monkeypatch.setattr(ResourceType, "parameter", parameter)
    monkeypatch.setattr(ResourceType, "followed", references)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader_on_moto() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("records")))
        yield reader


@pytest.fixture
def reader(loaded: Reader) -> Reader:
    """A reader that has not asked for anything yet, over tables whose index is this release's own."""
    set_index(loaded, Home.RECORD, INDEX_VERSION)
    set_index(loaded, Home.DIRECTORY, INDEX_VERSION)
    loaded.calls.clear()
    return loaded.as_caller()


def set_index(reader: Reader, home: Home, version: int | None) -> None:
    """Say which version a table's index has; None as a release said it that knew of none."""
    pk, sk = CURSOR_KEY
    reader.client.update_item(
        TableName=reader.tables.name(home),
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="REMOVE #index" if version is None else "SET #index = :version",
        ExpressionAttributeNames={"#index": "index"},
        **({} if version is None else {"ExpressionAttributeValues": {":version": {"N": str(version)}}}),
    )


SEARCHES = [
    ("Patient", "gender=female", "gender", Home.RECORD),
    ("Patient", "gender:missing=true", "gender", Home.RECORD),
    ("Patient", "family=kanfeld&gender=female", "gender", Home.RECORD),
    ("Patient", "_sort=-birthdate", "_sort", Home.RECORD),
    ("Patient", "_include=Patient:general-practitioner", "_include", Home.RECORD),
    ("Patient", "_revinclude=Condition:patient", "_revinclude", Home.RECORD),
    ("Observation", "patient.gender=female", "patient.gender", Home.RECORD),
    ("Condition", "patient.family=kanfeld", "patient.family", Home.RECORD),
    ("Organization", "name=a", "name", Home.DIRECTORY),
]


@pytest.mark.parametrize(("path", "query", "name", "home"), SEARCHES)
@pytest.mark.parametrize("version", [None, LATER_ORDERS_SINCE - 1])
def test_a_search_by_what_is_not_indexed_yet_is_503_by_name(
    reader: Reader, path: str, query: str, name: str, home: Home, version: int | None
) -> None:
    assert reader.get(path, query).status == 200

    set_index(reader, home, version)
    answer = reader.as_caller().get(path, query)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "60"
    assert answer.issue["code"] == "transient"
    assert answer.issue["diagnostics"].startswith(f"{name}: the index is being renewed")
    assert answer.issue["expression"] == [f"http.{name}"]
    assert reader.observer.lines[-1]["reason"] == "index out of date"


@pytest.mark.parametrize(("path", "query", "name", "home"), SEARCHES)
def test_the_other_tables_index_does_not_matter(reader: Reader, path: str, query: str, name: str, home: Home) -> None:
    (other,) = set(DATA_HOMES) - {home}
    set_index(reader, other, 1)
    assert reader.get(path, query).status == 200


def test_any_other_search_is_answered_and_asks_for_no_version(reader: Reader) -> None:
    for home in DATA_HOMES:
        set_index(reader, home, 1)
    reader.calls.clear()

    for path, query in (("Patient", "family=kanfeld"), ("Observation", "patient=4&_sort=date"), ("Location", "")):
        assert reader.get(path, f"{query}&_count=100").total

    assert "GetItem" not in reader.calls


def test_a_request_asks_for_a_version_once(reader: Reader) -> None:
    set_index(reader, Home.RECORD, 1)
    reader.calls.clear()

    assert reader.get("Patient", "gender=female&gender=male&_sort=birthdate").status == 503

    assert reader.calls == ["GetItem"]


@pytest.mark.parametrize("enough", [LATER_ORDERS_SINCE, INDEX_VERSION])
def test_the_version_is_kept_when_no_search_needs_a_later_one_and_asked_for_again_before(
    reader: Reader, enough: int
) -> None:
    clock = Clock(1_000.0)
    names = {home: reader.tables.name(home) for home in DATA_HOMES}
    store = DynamoDbResourceStore(reader.client, names, Home.RECORD, clock)
    patient = resource_type("Patient")
    assert patient
    set_index(reader, Home.RECORD, 1)
    reader.calls.clear()

    def asked() -> tuple[int, int]:
        version = store.index_version(patient)
        return version, reader.calls.count("GetItem")

    assert asked() == (1, 1)
    clock.now += 9.9
    assert asked() == (1, 1)
    set_index(reader, Home.RECORD, enough)
    assert asked() == (1, 1)
    clock.now += 0.2
    assert asked() == (enough, 2)
    clock.now += 1_000_000
    assert asked() == (enough, 2)


def test_what_a_next_links_key_is_read_with_tells_the_version_too(reader: Reader) -> None:
    names = {home: reader.tables.name(home) for home in DATA_HOMES}
    store = DynamoDbResourceStore(reader.client, names, Home.RECORD)
    patient = resource_type("Patient")
    assert patient

    assert store.seal_key()
    assert store.index_version(patient) == INDEX_VERSION
    assert reader.calls == ["GetItem"]


def test_where_nothing_was_loaded_nothing_is_out_of_date() -> None:
    with reader_on_moto() as empty:
        assert empty.get("Patient", "gender=female").total == 0
