"""Tables in which nothing was loaded: what a writer says of them with its first write (ADR 22, ADR 25)."""

from collections.abc import Iterator

import pytest

from careconnect.record_keys import CURSOR_KEY, INDEX_VERSION
from careconnect.resource_types import Home
from careconnect_records.table_index import TableIndex
from careconnect_testing.record_writers import Writer, writer_on_moto
from careconnect_testing.stores import reader_on_moto
from careconnect_testing.writes import NHS_NUMBER, patient

ORGANIZATION = {"resourceType": "Organization", "name": "A practice"}


@pytest.fixture
def writer() -> Iterator[Writer]:
    """Both writers over tables that are new."""
    with reader_on_moto() as reader:
        yield Writer(reader)


def test_the_first_write_says_that_the_tables_index_is_of_this_release(writer: Writer) -> None:
    created = writer.create(patient("1"))

    assert created.status == 201
    assert TableIndex(writer.reader.tables, Home.RECORD).version() == INDEX_VERSION
    # A page has a link to the next.
    writer.create(patient("2"))
    assert len(writer.reader.walk("Patient", "_count=1")) == 2


def test_it_is_looked_for_once_in_an_instances_life(writer: Writer) -> None:
    writer.create(patient())
    writer.calls.clear()
    writer.create(patient())

    assert writer.calls == ["TransactWriteItems"]


def test_conditions_are_decided_on_a_new_table(writer: Writer) -> None:
    condition = f"identifier={NHS_NUMBER}|1"

    assert [writer.create(patient("1"), If_None_Exist=condition).status for _ in range(2)] == [201, 200]


def test_what_is_in_a_record_can_be_deleted_while_the_directory_is_new(writer: Writer) -> None:
    made = writer.made(patient())

    assert writer.delete(f"Patient/{made['id']}").status == 204


def test_the_directorys_writer_cannot_know_that_there_are_no_records(writer: Writer) -> None:
    made = writer.made(ORGANIZATION)

    assert writer.delete(f"Organization/{made['id']}").status == 503
    writer.made(patient())
    assert writer.delete(f"Organization/{made['id']}").status == 204


def test_a_table_of_an_earlier_release_stays_one(writer: Writer) -> None:
    pk, sk = CURSOR_KEY
    item = {"pk": {"S": pk}, "sk": {"S": sk}, "key": {"B": b"k" * 32}, "index": {"N": "2"}}
    writer.reader.client.put_item(TableName=writer.reader.tables.record, Item=item)
    made = writer.made(patient())

    assert TableIndex(writer.reader.tables, Home.RECORD).version() == 2
    assert writer.delete(f"Patient/{made['id']}").status == 503


def test_while_dynamodb_is_down_it_is_503(writer: Writer) -> None:
    def refuse(name: str) -> None:
        if name == "PutItem":
            raise writer.reader.client.exceptions.InternalServerError({"Error": {"Code": "InternalServerError"}}, name)

    writer.faults.append(refuse)
    assert writer.create(patient()).status == 503


def test_tables_of_this_release_are_left_as_they_are() -> None:
    with writer_on_moto() as ready:
        ready.create(patient())

        assert ready.calls == ["GetItem", "TransactWriteItems"]
