"""The write units of a transaction against those of its entries alone (ADR 43)."""

from math import ceil
from typing import Any

import pytest

from careconnect_records.items.resource_items import item_size
from careconnect_records.multi_step.release import Release
from careconnect_testing.http.writes import Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.recorded_writes import with_record
from careconnect_testing.running.bundle_service import Bundles, entry

_AT_MOST = 1.3


class UnitMeter:
    """Counts write units as DynamoDB charges them: by KB of the larger of the item before and after.

    Entries in indexes are not counted.
    """

    def __init__(self, database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.units = 0
        self._database = database
        self._execute = database.execute
        monkeypatch.setattr(database, "execute", self)

    def __call__(self, operation: str, request: dict[str, Any]) -> Any:
        """Do an operation on items."""
        places = list(self._places(operation, request))
        before = [self._size(*place) for place in places]
        answer = self._execute(operation, request)
        factor = 2 if operation == "transact_write_items" else 1
        sizes = zip(before, (self._size(*place) for place in places), strict=True)
        self.units += sum(factor * ceil(max(1, *pair) / 1024) for pair in sizes)
        return answer

    def _places(self, operation: str, request: dict[str, Any]) -> Any:
        if operation == "transact_write_items":
            writes = [each for action in request["TransactItems"] for each in action.values()]
        elif operation in ("put_item", "update_item", "delete_item"):
            writes = [request]
        else:
            assert operation != "batch_write_item"
            return
        for write in writes:
            table = write["TableName"]
            names = [each["AttributeName"] for each in self._database.table(table).request["KeySchema"]]
            yield table, {name: write.get("Key", write.get("Item"))[name] for name in names}

    def _size(self, table: str, key: dict[str, Any]) -> int:
        answer = self._execute("get_item", {"TableName": table, "Key": key, "ConsistentRead": True})
        return item_size(answer["Item"]) if "Item" in answer else 0


def weighed(number: int) -> Resource:
    """Return an observation as an interface sends it: with its own identifier, a time, a performer and a value."""
    return observation(
        "Patient/4",
        identifier=[{"system": "urn:x", "value": f"o{number}"}],
        effectiveDateTime="2017-10-03T08:00:00+01:00",
        performer=[{"reference": "Organization/a"}],
        valueQuantity={"value": 72, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    )


def test_thirty_observations_cost_little_more_together(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded, _ = with_record(writer)
    recorded.made({**patient(), "id": "4"})
    recorded.made({"resourceType": "Organization", "id": "a", "name": "A"})
    meter = UnitMeter(writer.reader.client.database, monkeypatch)

    for number in range(30):
        assert recorded.create(weighed(number)).status == 201
    alone, meter.units = meter.units, 0
    Bundles(recorded).transaction(*[entry("POST", "Observation", weighed(number)) for number in range(30, 60)])
    Release(writer.reader.tables).release_all()

    assert alone < meter.units < _AT_MOST * alone
