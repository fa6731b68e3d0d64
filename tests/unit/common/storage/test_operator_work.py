"""Which operators' commands are under way, for those who wait for them (ADR 53)."""

from typing import Any

from careconnect.storage.operator_work import PARTITION, work_under_way
from careconnect_testing.dynamodb import Database, InMemoryClient
from careconnect_testing.parts.export_jobs import KEYS


def test_commands_are_named_until_they_end_or_expire() -> None:
    client: Any = InMemoryClient(Database(clock=lambda: 1000.0))
    client.create_table(TableName="transactions", **KEYS)
    for name, expires_at in (("load/1", 1001), ("load/2", 1060), ("erase", 1060), ("move", 1000)):
        item = {"pk": {"S": PARTITION}, "sk": {"S": name}, "expires_at": {"N": str(expires_at)}}
        client.put_item(TableName="transactions", Item=item)

    assert work_under_way(client, "transactions", 1000.0) == ["erase", "load"]
    assert work_under_way(client, "transactions", 1060.0) == []
