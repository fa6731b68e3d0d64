"""Save the items of a local stack's tables in a file for the next run.

The emulator can save its own state, but only as a whole. The functions' code and the API of the earlier template would
come back with it, and a changed template would not be deployed.
"""

import base64
import gzip
import json
import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careconnect.storage.keys import CURSOR_KEY, FORMAT, INDEX_ITEM
from careconnect_admin.errors import SettingError
from careconnect_admin.loading.load import LoadReport
from careconnect_admin.loading.load_request import LoadOutcome
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.resource_items import DELETED

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TABLES: Final = (*OUTPUTS, "ClientTable")
# DynamoDB's limit for a batch.
_BATCH: Final = 25
_WRITERS: Final = 4


@dataclass(frozen=True, slots=True)
class SavedTables:
    """The resources with all versions, the reference counts and the clients of an earlier run.

    Only this user can read the file. The clients named in `without` are not saved, because each run creates them.
    """

    file: Path
    without: Collection[str] = ()

    def are_there(self) -> bool:
        """Return True if an earlier run has saved its tables."""
        return self.file.exists()

    def save(self, dynamodb: "DynamoDBClient", outputs: Mapping[str, str]) -> None:
        """Write the tables' items atomically; `outputs` are the stack's outputs, which name the tables."""
        unfinished = self.file.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as raw, gzip.open(raw, "wt", encoding="utf-8", compresslevel=1) as file:
            for table in _TABLES:
                for page in dynamodb.get_paginator("scan").paginate(TableName=outputs[table], ConsistentRead=True):
                    for item in page["Items"]:
                        if item.get("client_id", {}).get("S") not in self.without:
                            file.write(json.dumps([table, item], default=_as_text, ensure_ascii=False) + "\n")
        unfinished.replace(self.file)

    def restore(self, dynamodb: "DynamoDBClient", outputs: Mapping[str, str]) -> LoadReport:
        """Write the saved items into new tables and return the counts of their resources, as unchanged.

        Raises:
            SettingError: the file cannot be read, or a release with another format has written it.
        """
        report = LoadReport()

        def put(batch: list[tuple[str, dict[str, Any]]]) -> None:
            asked: Any = {}
            for table, item in batch:
                asked.setdefault(outputs[table], []).append({"PutRequest": {"Item": item}})
            while asked:
                asked = dynamodb.batch_write_item(RequestItems=asked).get("UnprocessedItems")

        try:
            with ThreadPoolExecutor(_WRITERS, thread_name_prefix="restore") as executor:
                for _ in executor.map(put, _batches(self._items(report))):
                    pass
        except (OSError, EOFError, ValueError, KeyError) as error:
            raise SettingError(f"KEEP: {self.file} cannot be read: remove it to start anew") from error
        return report

    def _items(self, report: LoadReport) -> Iterator[tuple[str, dict[str, Any]]]:
        with gzip.open(self.file, "rt", encoding="utf-8") as file:
            for line in file:
                table, item = json.loads(line)
                if item.get("pk", {}).get("S") == CURSOR_KEY[0] and item.get("format") != {"N": str(FORMAT)}:
                    raise SettingError(f"KEEP: {self.file} is of another format: remove it to start anew")
                if table in _TABLES[:2] and item["sk"]["S"] == INDEX_ITEM and item["digest"]["S"] != DELETED:
                    type_name, _, resource_id = item["pk"]["S"].partition("/")
                    report.add(type_name, LoadOutcome.UNCHANGED, resource_id)
                yield table, {name: _from_text(value) for name, value in item.items()}


def _batches(items: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    while batch := list(islice(items, _BATCH)):
        yield batch


def _as_text(value: Any) -> str:
    """Return the bytes of an attribute of type B as text for JSON."""
    if not isinstance(value, bytes):
        raise TypeError(f"not an attribute's value: {type(value).__name__}")
    return base64.b64encode(value).decode()


def _from_text(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": base64.b64decode(value["B"])} if "B" in value else value
