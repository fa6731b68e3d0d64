"""Putting restored tables into service, and removing those that are out of service."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_admin.errors import OperatorError
from careconnect_admin.restoring.drop_tables import drop_tables, out_of_service
from careconnect_admin.stack.restored_tables import TableSet
from careconnect_testing.aws.restorable_stack import INSTANT, WRITERS, Restorable, versions
from careconnect_testing.http.writes import observation
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.records.stored import stored
from careconnect_testing.running.killed import Killed

STOPPED = [("PutFunctionConcurrency", f"writer-{number}", 0) for number in (1, 2, 3, 4)]
CHANGED = {**observation("Patient/4"), "id": "o1", "status": "cancelled"}


def drop(stack: Restorable) -> None:
    drop_tables(stack.target(), out_of_service(stack.target()), tell=lambda _: None)


def formats(stack: Restorable, tables: TableSet) -> list[str]:
    key = dict(zip(("pk", "sk"), ({"S": each} for each in CURSOR_KEY), strict=True))
    found = (stack.reader.client.get_item(TableName=table, Key=key)["Item"] for table in tables.names[:2])
    return [item["format"]["N"] for item in found]


def names(stack: Restorable) -> set[str]:
    return set(stack.reader.client.list_tables()["TableNames"])


def test_one_parameter_changes_while_the_writers_are_stopped(stack: Restorable) -> None:
    restored = stack.restore()
    before = stack.reader.get("Observation/o1").json["status"]
    assert stack.writer.update(CHANGED).status == 200

    assert stack.switch(restored) == 1

    [update] = [each for each in stack.steps if each[0] == "UpdateStack"]
    assert stack.steps == [
        *STOPPED,
        update,
        ("DeleteFunctionConcurrency", "writer-1"),
        ("DeleteFunctionConcurrency", "writer-2"),
        ("DeleteFunctionConcurrency", "writer-3"),
        ("DeleteFunctionConcurrency", "writer-4"),
    ]
    assert update[1]["UsePreviousTemplate"] is True
    assert update[1]["Parameters"] == [
        {"ParameterKey": "DeletionProtection", "UsePreviousValue": True},
        {"ParameterKey": "OriginSecret", "UsePreviousValue": True},
        {"ParameterKey": "RestoredTables", "ParameterValue": "20261128T030000Z"},
    ]
    assert stack.in_service == restored
    assert stack.serving(restored).get("Observation/o1").json["status"] == before
    assert Writer(stack.serving(restored)).update(CHANGED).status == 200


def test_a_gradual_deployment_is_switched_off_since_failing_writes_would_undo_it(stack: Restorable) -> None:
    stack.parameters["TrafficShift"] = "true"

    stack.switch(stack.restore())

    [update] = [each for each in stack.steps if each[0] == "UpdateStack"]
    assert {"ParameterKey": "TrafficShift", "ParameterValue": "false"} in update[1]["Parameters"]
    assert {"ParameterKey": "TrafficShift", "UsePreviousValue": True} not in update[1]["Parameters"]
    assert any(text.startswith("TrafficShift is false from here on") for text in stack.said)


def test_versions_are_carried_over_after_the_writers_are_stopped_and_before_the_change(stack: Restorable) -> None:
    restored = stack.restore()
    assert stack.writer.update(CHANGED).status == 200
    stack.reader.calls.clear()

    stack.switch(restored)

    calls = stack.reader.calls
    stopped = len(calls) - calls[::-1].index("PutFunctionConcurrency")
    written = [at for at, name in enumerate(calls) if name in ("PutItem", "TransactWriteItems")]
    assert stopped <= min(written) <= max(written) < calls.index("UpdateStack")


def test_the_old_tables_are_closed_and_no_deployment_goes_back_to_them_unnoticed(stack: Restorable) -> None:
    restored = stack.restore()
    assert formats(stack, stack.own) == [str(FORMAT)] * 2
    stack.switch(restored)

    assert (formats(stack, stack.own), formats(stack, restored)) == (["0", "0"], [str(FORMAT)] * 2)
    assert stack.serving(stack.own).get("Patient/4").status == 503
    assert stack.serving(restored).get("Patient/4").status == 200


def test_the_writers_get_back_the_concurrency_that_they_had(stack: Restorable) -> None:
    stack.concurrency |= {"writer-1": 7, "writer-2": 0}

    stack.switch(stack.restore())

    assert stack.concurrency == {"writer-1": 7, "writer-2": 0}


def test_an_update_that_fails_leaves_the_writers_stopped_until_the_next_run(stack: Restorable) -> None:
    restored = stack.restore()
    stack.concurrency["writer-1"] = 7
    assert stack.writer.update(CHANGED).status == 200
    stack.at_the_end = "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(OperatorError, match="UPDATE_ROLLBACK_COMPLETE"):
        stack.switch(restored)
    assert (stack.in_service, stack.concurrency) == (stack.own, dict.fromkeys(WRITERS.values(), 0))
    assert stack.said[-1].startswith("The writers stay stopped: run this again, or give up")
    assert stack.reader.as_caller().get("Observation/o1").json["status"] == "cancelled"

    stack.at_the_end = "UPDATE_COMPLETE"
    stack.switch(restored)

    assert (stack.in_service, stack.concurrency) == (restored, {"writer-1": 7})
    assert len(versions(stack.serving(restored), "Observation/o1")) == 3


def test_giving_up_starts_the_writers_and_removes_the_restored_tables(stack: Restorable) -> None:
    before = names(stack)
    restored = stack.restore()
    stack.concurrency["writer-1"] = 7
    stack.at_the_end = "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(OperatorError):
        stack.switch(restored)

    drop(stack)

    assert (names(stack), stack.in_service, stack.concurrency) == (before, stack.own, {"writer-1": 7})
    assert stack.writer.update(CHANGED).status == 200


def test_another_switch_waits_for_an_unfinished_one(stack: Restorable) -> None:
    stack.concurrency["writer-1"] = 7
    first, second = stack.restore(), stack.restore(INSTANT + timedelta(hours=1))
    stack.at_the_end = "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(OperatorError):
        stack.switch(first)
    stack.at_the_end = "UPDATE_COMPLETE"

    with pytest.raises(OperatorError, match="the switch to 20261128T030000Z has not ended"):
        stack.switch(second)
    stack.switch(first)
    stack.switch(second)

    assert (stack.in_service, stack.concurrency) == (second, {"writer-1": 7})


def kills(stack: Restorable, act: Any) -> Iterator[int]:
    """Run `act` again and again, each time killed before a later call, until it ends by itself."""
    left = 0
    while True:
        stack.reader.calls.clear()

        def kill(_: str, left: int = left) -> None:
            if len(stack.reader.calls) > left:
                raise Killed

        stack.reader.faults.append(kill)
        try:
            act()
        except Killed:
            yield left
        else:
            return
        finally:
            stack.reader.faults.clear()
        left += 1


def test_killed_before_each_call_in_turn_it_is_resumed(stack: Restorable) -> None:
    restored = stack.restore()
    assert stack.writer.update(CHANGED).status == 200
    assert stack.writer.delete("Observation/o2").status == 204
    stack.concurrency["writer-1"] = 7

    times = len(list(kills(stack, lambda: stack.switch(restored))))

    assert times > 10
    assert (stack.in_service, stack.concurrency) == (restored, {"writer-1": 7})
    assert (formats(stack, stack.own), formats(stack, restored)) == (["0", "0"], [str(FORMAT)] * 2)
    reader = stack.serving(restored)
    assert [len(versions(reader, f"Observation/{each}")) for each in ("o1", "o2", "o3")] == [3, 3, 1]
    assert sum(each[0] == "UpdateStack" for each in stack.steps) == 1


def test_what_is_out_of_service_goes_and_the_stack_keeps_empty_closed_tables(stack: Restorable) -> None:
    other = "another-restored-20261128T030000Z-record"
    stack.reader.client.create_table(
        TableName=other,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    first = stack.restore()
    stack.switch(first)
    second = stack.restore(INSTANT + timedelta(hours=1))
    stack.switch(second)
    held = stored(stack.tables(second))

    drop(stack)

    assert names(stack) == {*stack.own.names, *second.names, other}
    assert stored(stack.tables(stack.own)) == {}
    assert stored(stack.tables(second)) == held
    assert formats(stack, stack.own) == ["0", "0"]
    # The table of transactions was empty.
    for table in (stack.own.record, stack.own.directory, stack.own.reference):
        described = stack.reader.client.describe_table(TableName=table)["Table"]
        backups = stack.reader.client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        assert described["DeletionProtectionEnabled"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    nothing = out_of_service(stack.target())
    assert (nothing.restored, nothing.own) == ((), ())


def test_a_killed_removal_is_resumed(stack: Restorable) -> None:
    restored = stack.restore()
    stack.switch(restored)

    assert len(list(kills(stack, lambda: drop(stack)))) > 10

    assert names(stack) == {*stack.own.names, *restored.names}
    assert stored(stack.tables(stack.own)) == {}
    assert formats(stack, stack.own) == ["0", "0"]


def test_nothing_goes_before_the_switch_has_ended(stack: Restorable) -> None:
    restored = stack.restore()

    def kill(name: str) -> None:
        if name == "DeleteFunctionConcurrency":
            raise Killed

    stack.reader.faults.append(kill)
    with pytest.raises(Killed):
        stack.switch(restored)
    stack.reader.faults.clear()

    assert stack.in_service == restored
    with pytest.raises(OperatorError, match="--switch` again"):
        drop(stack)
    stack.switch(restored)
    drop(stack)


def test_own_tables_in_service_are_never_touched(stack: Restorable) -> None:
    held = stored(stack.tables(stack.own))
    restored = stack.restore()

    drop(stack)

    assert not names(stack) & set(restored.names)
    assert stored(stack.tables(stack.own)) == held
    assert stack.reader.as_caller().get("Patient/4").status == 200
