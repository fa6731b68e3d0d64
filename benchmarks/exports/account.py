"""Count the calls, the units and the processor time of a measured export.

The tables of records are computed, all others are in memory. They are called through boto3 without a socket. The CPU
that their own answers take is counted, to be left out.
"""

import base64
import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from io import BytesIO
from threading import Lock
from typing import Any, Final

import boto3
from benchmarks.scale.partitions import RecordItems
from benchmarks.scale.population import Kind, Population, numbered
from benchmarks.scale.procedural_table import ProceduralTables
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from careconnect.storage.keys import JSON_ITEM
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import body_item, item_size, patients_stamp, with_version
from careconnect_testing.dynamodb import InMemoryClient
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.dynamodb.transactions import inserted

RECORDS, DIRECTORY, REFERENCES = "records", "directory", "references"
TRANSACTIONS, DIRECTORY_TRANSACTIONS = "transactions", "directory-transactions"
EXPORTS, TOKENS, AUDIT = "exports", "tokens", "audit"
_COMPUTED: Final = (RECORDS, DIRECTORY)
_IN_MEMORY: Final = (TRANSACTIONS, DIRECTORY_TRANSACTIONS, EXPORTS, AUDIT)
_READ: Final = 4096
_WRITE: Final = 1024


class _Bodies(RecordItems):
    """The items of a population, each made when it is asked for and without the rest of its plan.

    Nothing is remembered: an export asks for everything once, and its memory is measured.
    """

    def __init__(self, population: Population) -> None:
        super().__init__(population)
        self.values = self._values

    def item(self, key: str, sort_key: str) -> Item | None:
        """Return one item, or None if there is none."""
        if sort_key != JSON_ITEM or (found := numbered(key)) is None:
            return super().item(key, sort_key)
        return self._body(key, *found)

    def _body(self, key: str, kind: Kind, number: int) -> Item:
        population, version = self.population, self._newest(kind)
        updated = population.updated(kind, number)
        resource = population.resource(kind, number)
        patient = resource["id"] if kind.name == "Patient" else resource["subject"]["reference"].partition("/")[2]
        stamp = {"version": {"N": str(version)}, "updated": {"N": str(updated)}, **patients_stamp([patient], ())}
        return body_item(key, with_version(resource, version, updated), stamp, "PUT", 201)


class _Tables(ProceduralTables):
    def __init__(self, population: Population) -> None:
        super().__init__(population)
        self.records = _Bodies(population)


class Account:
    """The tables of an export, with the calls, units and own CPU seconds of its requests."""

    def __init__(self, population: Population, now: float) -> None:
        self.calls: Counter[str] = Counter()
        self.reads = 0.0
        self.writes = 0.0
        self.events = 0
        self.own_seconds = 0.0
        self._computed = _Tables(population)
        self._lock = Lock()
        self.database = Database(lambda: now)
        for name in _IN_MEMORY:
            _create(self.database, name, ("pk", "sk"))
        _create(self.database, TOKENS, ("pk",))
        self._stored: Any = InMemoryClient(self.database)

    def client(self) -> Any:
        """Return a boto3 client that gets its answers from here."""
        client = boto3.session.Session("testing", "testing", region_name="eu-west-2").client(
            "dynamodb", config=Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
        )
        client.meta.events.register("before-send.dynamodb", self._respond)
        return client

    def clear(self) -> None:
        """Reset all counts."""
        self.calls.clear()
        self.reads = self.writes = self.own_seconds = 0.0
        self.events = 0

    def _respond(self, request: Any, event_name: str, **_: Any) -> Any:
        begun = time.thread_time()
        operation, asked = event_name.rpartition(".")[2], json.loads(request.body)
        with self._lock:
            self.calls[operation] += 1
            answer = self._answer(operation, asked)
        text = json.dumps(answer, default=_base64).encode()
        headers = HTTPHeaders.from_dict({"content-type": "application/x-amz-json-1.0"})
        response = AWSResponse(request.url, 200, headers, _Raw(text))
        with self._lock:
            self.own_seconds += time.thread_time() - begun
        return response

    def _answer(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        if operation == "BatchExecuteStatement":
            return self._insert(asked)
        tables = asked.get("RequestItems") or [asked.get("TableName") or _first_table(asked)]
        if not all(table in _COMPUTED for table in tables):
            return self._of_memory(operation, asked)
        if operation == "Query":
            return self._queried(asked)
        share = {"BatchGetItem": self._computed.batch_get_item, "GetItem": self._computed.get_item}
        found: Mapping[str, Any] = share[operation](**asked)
        items = found["Responses"] if "Responses" in found else {"": [found["Item"]] if "Item" in found else []}
        self.reads += sum(_units(item_size_of(item), _READ) for some in items.values() for item in some)
        return found

    def _queried(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        whole = {name: value for name, value in asked.items() if name != "ProjectionExpression"}
        answer = self._computed.query(**whole)
        self.reads += _units(sum(map(item_size_of, answer["Items"])), _READ)
        if "ProjectionExpression" not in asked:
            return answer
        names = asked.get("ExpressionAttributeNames", {})
        shown = [names.get(name, name) for name in asked["ProjectionExpression"].split(", ")]
        items = [{name: item[name] for name in shown if name in item} for item in answer["Items"]]
        return {**answer, "Items": items}

    def _of_memory(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")
        answer: Mapping[str, Any] = getattr(self._stored, name)(**asked)
        if operation in ("Query", "GetItem", "BatchGetItem"):
            self.reads += 1
        else:
            actions = asked.get("TransactItems", [asked])
            self.writes += len(actions) * (2 if "TransactItems" in asked else 1)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def _insert(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take audit events, which are counted with their entries of the index, and not kept."""
        for statement in asked["Statements"]:
            _, item = inserted(statement)
            self.events += 1
            self.writes += 2 * _units(item_size_of(item), _WRITE)
        return {"Responses": [{"TableName": AUDIT} for _ in asked["Statements"]]}


class _Raw(BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Yield the body."""
        yield self.getvalue()


def item_size_of(item: Mapping[str, Any]) -> int:
    """Return the approximate bytes of an item."""
    return item_size({name: typed for name, typed in item.items() if "B" not in typed})


def _units(size: int, each: int) -> int:
    return max(1, math.ceil(size / each))


def _first_table(asked: Mapping[str, Any]) -> str:
    return next(str(action["TableName"]) for each in asked["TransactItems"] for action in each.values())


def _create(database: Database, name: str, keys: tuple[str, ...]) -> None:
    kinds = ("HASH", "RANGE")
    database.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
