"""Tables in which nothing was loaded: what a writer says of them with its first write (ADR 31)."""

from collections.abc import Iterator
from typing import Any

import pytest

from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_testing.http.writes import NHS_NUMBER, patient
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.stores import reader_in_memory

ORGANIZATION = {"resourceType": "Organization", "name": "A practice"}


@pytest.fixture
def writer() -> Iterator[Writer]:
    """Both writers over tables that are new."""
    with reader_in_memory() as reader:
        yield Writer(reader)


def own_item(writer: Writer) -> dict[str, Any]:
    pk, sk = CURSOR_KEY
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    found: dict[str, Any] = writer.reader.client.get_item(TableName=writer.reader.tables.record, Key=key).get(
        "Item", {}
    )
    return found


def test_the_first_write_says_how_the_table_is_laid_out(writer: Writer) -> None:
    created = writer.create(patient("1"))

    assert created.status == 201
    assert own_item(writer)["format"] == {"N": str(FORMAT)}
    # A page has a link to the next.
    writer.create(patient("2"))
    assert len(writer.reader.walk("Patient", "_count=1")) == 2


def test_it_is_said_once_in_an_instances_life(writer: Writer) -> None:
    writer.create(patient())
    assert writer.calls == ["PutItem", "TransactWriteItems"]
    writer.calls.clear()
    writer.create(patient())

    assert writer.calls == ["TransactWriteItems"]


def test_conditions_are_decided_on_a_new_table(writer: Writer) -> None:
    condition = f"identifier={NHS_NUMBER}|1"

    assert [writer.create(patient("1"), If_None_Exist=condition).status for _ in range(2)] == [201, 200]


def test_what_is_in_a_record_can_be_deleted_while_the_directory_is_new(writer: Writer) -> None:
    made = writer.made(patient())

    assert writer.delete(f"Patient/{made['id']}").status == 204


def test_the_directory_is_deleted_from_while_there_are_no_records(writer: Writer) -> None:
    made = writer.made(ORGANIZATION)

    assert writer.delete(f"Organization/{made['id']}").status == 204


def test_while_dynamodb_is_down_it_is_503(writer: Writer) -> None:
    def refuse(name: str) -> None:
        if name == "PutItem":
            raise writer.reader.client.exceptions.InternalServerError({"Error": {"Code": "InternalServerError"}}, name)

    writer.faults.append(refuse)
    assert writer.create(patient()).status == 503


def test_tables_of_this_release_are_left_as_they_are() -> None:
    with writer_in_memory() as ready:
        ready.create(patient())

        assert ready.calls == ["TransactWriteItems"]
