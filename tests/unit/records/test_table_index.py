"""What tables say of their own index, and of whether all references are counted."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.record_keys import CURSOR_KEY, INDEX_VERSION, complete_key
from careconnect.resource_types import Home
from careconnect_records.table_index import Reached, TableIndex, reindex_is_due
from careconnect_testing.stores import Reader, reader_on_moto


@pytest.fixture
def reader() -> Iterator[Reader]:
    with reader_on_moto() as reader:
        yield reader


def index_of(reader: Reader, home: Home = Home.RECORD) -> TableIndex:
    return TableIndex(reader.tables, home)


def cursor(reader: Reader, home: Home = Home.RECORD) -> dict[str, Any]:
    pk, sk = CURSOR_KEY
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    found: dict[str, Any] = reader.client.get_item(TableName=reader.tables.name(home), Key=key).get("Item", {})
    return found


def set_version(reader: Reader, number: int | None) -> None:
    item = {name: value for name, value in cursor(reader).items() if name != "index"}
    version = {} if number is None else {"index": {"N": str(number)}}
    reader.client.put_item(TableName=reader.tables.record, Item=item | version)


def counts_all(reader: Reader, home: Home = Home.RECORD) -> bool:
    key = {"pk": {"S": complete_key(home.value)}}
    return "Item" in reader.client.get_item(TableName=reader.tables.reference, Key=key)


def forget(reader: Reader) -> None:
    key = {"pk": {"S": complete_key(Home.RECORD.value)}}
    reader.client.delete_item(TableName=reader.tables.reference, Key=key)


def test_a_new_table_has_this_releases_index_and_counts_all_references(reader: Reader) -> None:
    index = index_of(reader)
    assert (index.version(), index.is_behind()) == (None, False)

    index.ensure()
    first = cursor(reader)
    index.ensure()

    assert cursor(reader) == first
    assert (index.version(), index.is_behind()) == (INDEX_VERSION, False)
    assert counts_all(reader)
    assert not counts_all(reader, Home.DIRECTORY)


@pytest.mark.parametrize("number", [None, 1, 2])
def test_a_table_of_an_earlier_release_counts_all_references_once_it_is_through(
    reader: Reader, number: int | None
) -> None:
    index = index_of(reader)
    index.ensure()
    forget(reader)
    set_version(reader, number)

    index.ensure()
    assert (index.version(), index.is_behind(), reindex_is_due(reader.tables)) == (number or 1, True, True)
    assert not counts_all(reader)

    index.keep(Reached("Patient?0", "1"))
    assert index.reached() == Reached("Patient?0", "1")
    index.complete()
    assert (index.version(), index.reached()) == (INDEX_VERSION, None)
    assert counts_all(reader)
    assert not reindex_is_due(reader.tables)


def test_a_later_releases_version_stays(reader: Reader) -> None:
    index = index_of(reader)
    index.ensure()
    set_version(reader, INDEX_VERSION + 1)

    index.complete()
    index.ensure()

    assert (index.version(), index.is_behind()) == (INDEX_VERSION + 1, False)


@pytest.mark.parametrize(("operation", "step"), [("PutItem", "ensure"), ("UpdateItem", "complete")])
def test_what_is_denied_is_told(reader: Reader, operation: str, step: str) -> None:
    def deny(name: str) -> None:
        if name == operation:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "as asked"}}, name)

    reader.faults.append(deny)
    with pytest.raises(ClientError, match="AccessDenied"):
        getattr(index_of(reader), step)()
    reader.faults.clear()
    assert not counts_all(reader)
