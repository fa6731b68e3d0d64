"""GetItem, BatchGetItem, TransactGetItems, Query and Scan.

Each takes the tables, a request and how many writes behind it may read. Those of several items are generators: each
reads item by item, and other calls may be made whenever one yields.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.conditions import attributes
from careconnect_testing.dynamodb.expressions.key_conditions import KIND, key_range
from careconnect_testing.dynamodb.expressions.paths import Parts, projected
from careconnect_testing.dynamodb.rows import TOP, Place, Row, Rows
from careconnect_testing.dynamodb.schema import KeySchema
from careconnect_testing.dynamodb.table import Table
from careconnect_testing.dynamodb.terms import Terms
from careconnect_testing.dynamodb.values import Item, copied_item

Tables = Callable[[str], Table]
"""Returns a table by its name; raises `ResourceNotFoundException`."""
Steps = Generator[None, None, dict[str, Any]]

_PAGE_BYTES: Final = 1024 * 1024
_BATCH_BYTES: Final = 16 * 1024 * 1024
_MAX_KEYS: Final = 100
_FILTER: Final = "FilterExpression"


def get_item(tables: Tables, request: Mapping[str, Any], behind: int) -> dict[str, Any]:
    """Return `Item` if there is one."""
    table = tables(request["TableName"])
    terms = Terms(request)
    paths = terms.projection()
    terms.finish()
    row = table.rows.get(*table.key.of_key(request["Key"]), 0 if request.get("ConsistentRead") else behind)
    return {"Item": _shown(row.item, paths)} if row else {}


def transact_get_items(tables: Tables, request: Mapping[str, Any], behind: int) -> dict[str, Any]:
    """Return `Responses`, in the order of the request."""
    gets = [each["Get"] for each in request["TransactItems"]]
    return {"Responses": [get_item(tables, {**get, "ConsistentRead": True}, behind) for get in gets]}


def batch_get_item(tables: Tables, request: Mapping[str, Any], behind: int) -> Steps:
    """Return `Responses` by tables; `UnprocessedKeys` beyond 16 MB."""
    wanted = []
    for name, asked in request["RequestItems"].items():
        table, terms = tables(name), Terms(asked)
        paths = terms.projection()
        terms.finish()
        keys = [table.key.of_key(key) for key in asked["Keys"]]
        if not keys or len(set(keys)) < len(keys):
            raise ValidationException("Provided list of item keys contains duplicates" if keys else "Keys is empty")
        lag = 0 if asked.get("ConsistentRead") else behind
        wanted += [(table, key, asked, number, paths, lag) for number, key in enumerate(keys)]
    if not 1 <= len(wanted) <= _MAX_KEYS:
        raise ValidationException("Too many items requested for the BatchGetItem call")
    found: dict[str, list[Any]] = {name: [] for name in request["RequestItems"]}
    left: dict[str, Any] = {}
    size = 0
    for at, (table, key, asked, number, paths, lag) in enumerate(wanted):
        if at:
            yield
        row = table.rows.get(*key, lag)
        size += row.size if row else 0
        if size > _BATCH_BYTES:
            left.setdefault(table.name, {**asked, "Keys": []})["Keys"].append(asked["Keys"][number])
        elif row:
            found[table.name].append(_shown(row.item, paths))
    return {"Responses": found, "UnprocessedKeys": left}


def query(tables: Tables, request: Mapping[str, Any], behind: int) -> Steps:
    """Return a page of `Items` of one partition, with `Count`, `ScannedCount` and perhaps `LastEvaluatedKey`."""
    table, rows, key, terms = _opened(tables, request)
    condition = terms.condition(KIND)
    if condition is None:
        raise ValidationException("Either the KeyConditions or KeyConditionExpression parameter must be specified")
    hash_key, start, stop = key_range(condition, key, terms.names, terms.values)
    filter_ = terms.condition(_FILTER)
    for name in attributes(filter_.tree, terms.names) if filter_ else ():
        if name in (part.name for part in key.parts):
            raise ValidationException(
                "Filter Expression can only contain non-primary key attributes: Primary key attribute: " + name
            )
    forward = request.get("ScanIndexForward", True)
    if "ExclusiveStartKey" in request:
        began, place = _start(table, request)
        if began != hash_key:
            raise ValidationException(
                "The provided starting key is outside query boundaries based on provided conditions"
            )
        if not start <= place < stop:
            raise ValidationException("The provided starting key does not match the range key predicate")
        start, stop = ((*place, TOP), stop) if forward else (start, place)
    return (yield from _page(request, terms, table, rows, [(hash_key, start, stop)], behind))


def scan(tables: Tables, request: Mapping[str, Any], behind: int) -> Steps:
    """Return a page of `Items` of all partitions, in an order that nobody may rely on."""
    table, rows, _, terms = _opened(tables, request)
    segment, segments = request.get("Segment", 0), request.get("TotalSegments", 1)
    order = sorted((_hashed(each) % segments, _hashed(each), each) for each in rows.partitions)
    ranges: list[tuple[Any, Place, Place]] = [(each, (), (TOP,)) for at, _, each in order if at == segment]
    if "ExclusiveStartKey" in request:
        began, place = _start(table, request)
        passed = (_hashed(began), began)
        ranges = [(each, (), (TOP,)) for each, _, _ in ranges if (_hashed(each), each) > passed]
        ranges.insert(0, (began, (*place, TOP), (TOP,)))
    return (yield from _page(request, terms, table, rows, ranges, behind))


@lru_cache(maxsize=65_536)
def _hashed(partition: Any) -> int:
    return crc32(str(partition).encode())


def _opened(tables: Tables, request: Mapping[str, Any]) -> tuple[Table, Rows, KeySchema, Terms]:
    table = tables(request["TableName"])
    if request.get("Limit", 1) < 1:
        raise ValidationException("Limit must be greater than or equal to 1")
    if "IndexName" not in request:
        return table, table.rows, table.key, Terms(request)
    index = table.indexes.get(request["IndexName"])
    if index is None:
        raise ValidationException(f"The table does not have the specified index: {request['IndexName']}")
    if request.get("ConsistentRead"):
        raise ValidationException("Consistent reads are not supported on global secondary indexes")
    return table, index.rows, index.schema.key, Terms(request)


def _start(table: Table, request: Mapping[str, Any]) -> tuple[Any, Place]:
    """Return the partition key and place of `ExclusiveStartKey`."""
    given = request["ExclusiveStartKey"]
    parts = {part.name: part.kind for part in table.key.parts}
    index = table.indexes[request["IndexName"]].schema if "IndexName" in request else None
    if index:
        parts |= {part.name: part.kind for part in index.key.parts}
    if given.keys() != parts.keys() or any(kind not in given[name] for name, kind in parts.items()):
        raise ValidationException("The provided starting key is invalid")
    place = index.place(given) if index else table.key.values(given)
    assert place
    return place


def _page(
    request: Mapping[str, Any],
    terms: Terms,
    table: Table,
    rows: Rows,
    ranges: Iterable[tuple[Any, Place, Place]],
    behind: int,
) -> Steps:
    """Read ranges, each a partition key, the first place and the place behind the last."""
    filter_, paths = terms.condition(_FILTER), terms.projection()
    terms.finish()
    lag = 0 if request.get("ConsistentRead") else behind
    forward, limit = request.get("ScanIndexForward", True), request.get("Limit", 0)
    items: list[Any] = []
    matches = seen = size = 0
    last: Row | None = None
    more = False
    for hash_key, start, stop in ranges:
        while found := rows.next(hash_key, start, stop, forward=forward, behind=lag):
            place, row = found
            if last and size + row.size > _PAGE_BYTES:
                more = True
                break
            seen, size, last = seen + 1, size + row.size, row
            start, stop = ((*place, TOP), stop) if forward else (start, place)
            if terms.holds(filter_, row.item):
                matches += 1
                if request.get("Select") != "COUNT":
                    items.append(_shown(row.item, paths))
            if seen == limit:
                more = True
                break
            yield
        if more:
            break
    answer: dict[str, Any] = {"Count": matches, "ScannedCount": seen}
    if request.get("Select") != "COUNT":
        answer = {"Items": items, **answer}
    if more and last:
        key = table.key.key_of(last.item)
        if "IndexName" in request:
            key |= table.indexes[request["IndexName"]].schema.key.key_of(last.item)
        answer["LastEvaluatedKey"] = key
    return answer


def _shown(item: Item, paths: list[Parts] | None) -> dict[str, Any]:
    return copied_item(item) if paths is None else projected(item, paths)
