"""The format number of a table: when it is read, and the effect of another number (ADR 31)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from careconnect.storage.dynamodb import BELIEVED_SECONDS, FormatCheckedClient
from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_records.items.table_formats import begin_table
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.stores import Reader, reader_in_memory

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
CURSOR = dict(zip(("pk", "sk"), ({"S": part} for part in CURSOR_KEY), strict=True))
BOTH = ("record", "directory")


class OtherFormatError(Exception):
    pass


@dataclass
class Watched:
    """A client of both tables, with the operations that it called; a look waits for `may_look`."""

    reader: Reader
    clock: Clock = field(default_factory=lambda: Clock(1_000.0))
    calls: list[str] = field(default_factory=list)
    may_look: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.may_look.set()
        self.reader.client.meta.events.register("before-parameter-build.dynamodb", self._note)
        self.checked = FormatCheckedClient(
            self.reader.client, self.reader.tables.of_resources, OtherFormatError, clock=self.clock
        )

    def _note(self, model: Any, params: Any, **_: Any) -> None:
        looks = params.get("Key") == CURSOR
        if looks:
            self.may_look.wait(10)
        self.calls.append("look" if looks else model.name)

    def get(self, table: str = "record") -> None:
        self.checked.get_item(TableName=self.name_of(table), Key=KEY)

    def put(self, table: str = "record") -> None:
        self.checked.put_item(TableName=self.name_of(table), Item=KEY)

    def put_both(self) -> None:
        puts = [{"Put": {"TableName": self.name_of(table), "Item": KEY}} for table in BOTH]
        self.checked.transact_write_items(TransactItems=puts)

    def get_both(self) -> None:
        self.checked.batch_get_item(RequestItems={self.name_of(table): {"Keys": [KEY]} for table in BOTH})

    def set_number(self, number: int, table: str = "record") -> None:
        item = {**CURSOR, "key": {"B": b"k" * 32}, "format": {"N": str(number)}}
        self.reader.client.put_item(TableName=self.name_of(table), Item=item)
        self.calls.clear()

    def name_of(self, table: str) -> str:
        return str(getattr(self.reader.tables, table))


@pytest.fixture
def watched() -> Iterator[Watched]:
    with reader_in_memory() as reader:
        yield Watched(reader)


def test_tables_in_which_nothing_was_written_are_right(watched: Watched) -> None:
    watched.get()
    watched.put()

    assert sorted(watched.calls) == ["GetItem", "PutItem", "look"]


def test_each_table_is_looked_at_once_beside_its_first_call(watched: Watched) -> None:
    watched.set_number(FORMAT)
    for _ in range(3):
        watched.get()

    assert sorted(watched.calls) == [*["GetItem"] * 3, "look"]
    for _ in range(2):
        watched.get_both()

    assert sorted(watched.calls) == [*["BatchGetItem"] * 2, *["GetItem"] * 3, *["look"] * 2]


def test_a_read_does_not_wait_for_the_look_before_it_is_made(watched: Watched) -> None:
    watched.may_look.clear()
    watched.reader.client.meta.events.register("after-call.dynamodb.BatchGetItem", lambda **_: watched.may_look.set())
    watched.get_both()

    assert watched.calls == ["BatchGetItem", "look", "look"]


def test_a_write_does(watched: Watched) -> None:
    watched.put_both()

    assert watched.calls == ["look", "look", "TransactWriteItems"]


@pytest.mark.parametrize("table", BOTH)
@pytest.mark.parametrize("number", [0, FORMAT + 1])
def test_no_answer_of_another_format_is_used_and_nothing_is_written(watched: Watched, table: str, number: int) -> None:
    watched.set_number(number, table)
    other = next(each for each in BOTH if each != table)
    for call in (watched.get_both, watched.put_both, lambda: watched.get(table), lambda: watched.put(table)):
        with pytest.raises(OtherFormatError):
            call()

    assert not {"PutItem", "TransactWriteItems"} & set(watched.calls)
    watched.get(other)
    watched.put(other)


def test_a_table_that_does_not_answer_keeps_no_request_from_the_other(watched: Watched) -> None:
    watched.reader.client.delete_table(TableName=watched.reader.tables.directory)
    watched.get()
    watched.put()

    for call in (watched.put_both, lambda: watched.get("directory")):
        with pytest.raises(watched.reader.client.exceptions.ResourceNotFoundException):
            call()


def test_a_match_is_believed_for_a_while_and_nothing_else_is(watched: Watched) -> None:
    watched.set_number(0)
    with pytest.raises(OtherFormatError):
        watched.get()
    watched.set_number(FORMAT)
    watched.get()
    watched.set_number(0)
    watched.clock.now += BELIEVED_SECONDS - 1
    watched.put()
    watched.clock.now += 1
    with pytest.raises(OtherFormatError):
        watched.put()


def test_an_error_of_the_look_is_the_calls(watched: Watched) -> None:
    def refuse(params: Any, **_: Any) -> None:
        if params["Key"] == CURSOR:
            raise watched.reader.client.exceptions.InternalServerError({"Error": {"Code": "InternalServerError"}}, "")

    watched.reader.client.meta.events.register("before-parameter-build.dynamodb.GetItem", refuse)
    with pytest.raises(watched.reader.client.exceptions.InternalServerError):
        watched.get()
    watched.reader.client.meta.events.unregister("before-parameter-build.dynamodb.GetItem", refuse)
    watched.get()


def test_what_a_table_has_of_its_own_comes_with_the_look(watched: Watched) -> None:
    table = watched.reader.tables.record
    assert watched.checked.own_item(table) == {}
    begin_table(watched.reader.client, table)
    watched.calls.clear()

    assert watched.checked.own_item(table)["format"] == {"N": str(FORMAT)}
    assert watched.checked.own_item(table)["key"]["B"]
    watched.get()
    assert watched.calls == ["look", "GetItem"]
