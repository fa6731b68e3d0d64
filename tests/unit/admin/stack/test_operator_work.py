"""Commands that write resources say so while they run, so that bulk exports wait for them (ADR 53)."""

import time
from email.utils import formatdate
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.storage.operator_work import LASTS_SECONDS, work_item, work_under_way
from careconnect_admin.errors import OperatorError
from careconnect_admin.stack import operator_work
from careconnect_admin.stack.operator_work import LapsedError, registered
from careconnect_records.items.tables import RecordTables
from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.stores import made_tables


@pytest.fixture
def clock() -> Clock:
    return Clock(1_796_000_000.5)


@pytest.fixture
def tables(clock: Clock) -> RecordTables:
    return made_tables(InMemoryClient(Database(clock)))


def under_way(tables: RecordTables, now: float) -> list[str]:
    return work_under_way(tables.client, tables.transaction, now)


def test_a_command_is_under_way_until_it_has_ended_however_it_ends(tables: RecordTables, clock: Clock) -> None:
    with registered(tables, "load", clock), registered(tables, "move", clock), registered(tables, "load", clock):
        assert under_way(tables, clock.now) == ["load", "move"]
    assert under_way(tables, clock.now) == []

    with pytest.raises(KeyError), registered(tables, "erase", clock):
        raise KeyError
    assert under_way(tables, clock.now) == []


def test_one_that_was_killed_is_waited_for_no_longer_than_it_could_write(tables: RecordTables, clock: Clock) -> None:
    tables.client.put_item(TableName=tables.transaction, Item=work_item("load", "killed", clock.now))

    assert under_way(tables, clock.now + LASTS_SECONDS - 1) == ["load"]
    assert under_way(tables, clock.now + LASTS_SECONDS) == []


def test_it_is_renewed_while_it_runs_and_a_failure_is_tried_again(
    tables: RecordTables, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_work, "RENEWED_EACH_SECONDS", 0.001)
    client: Any = tables.client
    failures: list[str] = []

    def fail_once(operation: str, _request: Any) -> None:
        if operation == "PutItem" and not failures:
            failures.append(operation)
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)

    with registered(tables, "load", clock):
        client.before = fail_once
        clock.now += 50
        end = time.monotonic() + 10
        while under_way(tables, clock.now + LASTS_SECONDS - 2) != ["load"] and time.monotonic() < end:
            time.sleep(0.001)
        assert under_way(tables, clock.now + LASTS_SECONDS - 2) == ["load"]
    assert failures


def test_nothing_is_sent_once_nobody_may_wait_for_it(tables: RecordTables, clock: Clock) -> None:
    item: Any = {"pk": {"S": "Patient/4"}, "sk": {"S": "#json"}}
    with registered(tables, "load", clock):
        tables.client.put_item(TableName=tables.record, Item=item)
        # The machine slept.
        clock.now += LASTS_SECONDS
        with pytest.raises(LapsedError, match="at a standstill"):
            tables.client.put_item(TableName=tables.record, Item=item)

    tables.client.put_item(TableName=tables.record, Item=item)


@pytest.mark.parametrize("off", [-60, 60])
def test_nothing_is_written_by_a_wrong_clock(tables: RecordTables, clock: Clock, off: int) -> None:
    date = formatdate(clock.now + off, usegmt=True)

    def dated(parsed: Any, **_: Any) -> None:
        parsed["ResponseMetadata"]["HTTPHeaders"]["date"] = date

    tables.client.meta.events.register("after-call.dynamodb", dated)
    with pytest.raises(OperatorError, match="60 s off DynamoDB's"), registered(tables, "load", clock):
        pytest.fail("it has begun")
    assert under_way(tables, clock.now) == []
