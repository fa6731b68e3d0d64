"""The number that says how a table is laid out: when it is looked at, and what comes of another (ADR 31)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.record_keys import CURSOR_KEY, FORMAT
from careconnect.table_format import BELIEVED_SECONDS, FormatCheckedClient
from careconnect_records.table_formats import begin_table
from careconnect_testing.clock import Clock
from careconnect_testing.stores import Reader, reader_on_moto

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}


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
        self.reader.client.meta.events.register("before-call", self._note)
        self.checked = FormatCheckedClient(
            self.reader.client, self.reader.tables.of_resources, OtherFormatError, clock=self.clock
        )

    def _note(self, model: Any, **_: Any) -> None:
        if model.name == "BatchGetItem":
            self.may_look.wait(10)
        self.calls.append(model.name)

    def get(self) -> None:
        self.checked.get_item(TableName=self.reader.tables.record, Key=KEY)

    def put(self) -> None:
        self.checked.put_item(TableName=self.reader.tables.record, Item=KEY)

    def set_number(self, number: int, table: str = "record") -> None:
        pk, sk = CURSOR_KEY
        item = {"pk": {"S": pk}, "sk": {"S": sk}, "key": {"B": b"k" * 32}, "format": {"N": str(number)}}
        self.reader.client.put_item(TableName=getattr(self.reader.tables, table), Item=item)
        self.calls.clear()


@pytest.fixture
def watched() -> Iterator[Watched]:
    with reader_on_moto() as reader:
        yield Watched(reader)


def test_tables_in_which_nothing_was_written_are_right(watched: Watched) -> None:
    watched.get()
    watched.put()

    assert sorted(watched.calls) == ["BatchGetItem", "GetItem", "PutItem"]


def test_it_is_looked_at_once_beside_the_first_call(watched: Watched) -> None:
    watched.set_number(FORMAT)
    for _ in range(3):
        watched.get()

    assert sorted(watched.calls) == ["BatchGetItem", *["GetItem"] * 3]


def test_a_read_does_not_wait_for_the_look_before_it_is_made(watched: Watched) -> None:
    watched.may_look.clear()
    watched.reader.client.meta.events.register("after-call.dynamodb.GetItem", lambda **_: watched.may_look.set())
    watched.get()

    assert watched.calls == ["GetItem", "BatchGetItem"]


def test_a_write_does(watched: Watched) -> None:
    watched.put()

    assert watched.calls == ["BatchGetItem", "PutItem"]


@pytest.mark.parametrize("table", ["record", "directory"])
@pytest.mark.parametrize("number", [0, FORMAT + 1])
def test_no_answer_of_another_format_is_used_and_nothing_is_written(watched: Watched, table: str, number: int) -> None:
    watched.set_number(number, table)
    for call in (watched.get, watched.put, watched.get):
        with pytest.raises(OtherFormatError):
            call()

    assert "PutItem" not in watched.calls
    assert watched.calls.count("BatchGetItem") == 3


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
    def refuse(model: Any, **_: Any) -> None:
        if model.name == "BatchGetItem":
            raise watched.reader.client.exceptions.InternalServerError({"Error": {"Code": "InternalServerError"}}, "")

    watched.reader.client.meta.events.register("before-call", refuse)
    with pytest.raises(watched.reader.client.exceptions.InternalServerError):
        watched.get()
    watched.reader.client.meta.events.unregister("before-call", refuse)
    watched.get()


def test_keys_that_stay_unprocessed_are_an_error_and_no_match() -> None:
    class Throttled:
        def batch_get_item(self, RequestItems: Any) -> Any:  # noqa: N803 - boto3's name
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

        def get_item(self, **_: Any) -> Any:
            return {}

    client: Any = Throttled()
    with pytest.raises(ClientError, match="UnprocessedKeys"):
        FormatCheckedClient(client, ("a", "b"), OtherFormatError).get_item(TableName="a", Key=KEY)


def test_what_a_table_has_of_its_own_comes_with_the_look(watched: Watched) -> None:
    table = watched.reader.tables.record
    assert watched.checked.own_item(table) == {}
    begin_table(watched.reader.client, table)
    watched.calls.clear()

    assert watched.checked.own_item(table)["format"] == {"N": str(FORMAT)}
    assert watched.checked.own_item(table)["key"]["B"]
    watched.get()
    assert watched.calls == ["BatchGetItem", "GetItem"]
