"""DynamoDB in memory, at the level of its calls, for tests and simulation."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from itertools import islice
from threading import RLock
from typing import Any, Final

from careconnect_testing.dynamodb import reads, transactions, writes
from careconnect_testing.dynamodb.errors import ResourceInUseException, ResourceNotFoundException
from careconnect_testing.dynamodb.rows import Rows
from careconnect_testing.dynamodb.table import Table
from careconnect_testing.dynamodb.values import Item

_OF_SEVERAL_ITEMS: Final[Mapping[str, Callable[..., reads.Steps]]] = {
    "batch_get_item": reads.batch_get_item,
    "query": reads.query,
    "scan": reads.scan,
    "batch_write_item": writes.batch_write_item,
    "batch_execute_statement": transactions.batch_execute_statement,
}


def _write(kind: str) -> Callable[..., dict[str, Any]]:
    return lambda tables, request, behind: writes.write_item(tables, kind, request)


def _ended(steps: reads.Steps) -> dict[str, Any]:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answer: dict[str, Any] = end.value
            return answer


class Database:
    """Tables with their indexes and streams.

    Calls of one item and transactions are atomic. Indexes lag behind their tables until `propagate`, or see each write
    at once while `auto_propagate` is true. `clock` returns epoch seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.auto_propagate = True
        self._clock = clock
        self._tables: dict[str, Table] = {}
        self._lock = RLock()
        self._transactions = transactions.Transactions(clock)
        self._at_once: Mapping[str, Callable[..., dict[str, Any]]] = {
            "get_item": reads.get_item,
            "transact_get_items": reads.transact_get_items,
            "put_item": _write(writes.PUT),
            "update_item": _write(writes.UPDATE),
            "delete_item": _write(writes.DELETE),
            "transact_write_items": self._transactions.write,
            "execute_statement": transactions.execute_statement,
        }

    @property
    def tables(self) -> list[str]:
        """The names of all tables, sorted."""
        return sorted(self._tables)

    def create_table(self, *, time_to_live: str = "", **request: Any) -> None:
        """Create a table by CreateTable's parameters; `time_to_live` names an attribute. Billing plays no part."""
        name = request["TableName"]
        if name in self._tables:
            raise ResourceInUseException(f"Table already exists: {name}")
        self._tables[name] = Table(request, self._clock, time_to_live)

    def delete_table(self, table: str) -> None:
        """Delete a table; raises `ResourceNotFoundException`."""
        self.table(table)
        del self._tables[table]

    def table(self, name: str) -> Table:
        """Return a table; raises `ResourceNotFoundException`."""
        try:
            return self._tables[name]
        except KeyError:
            raise ResourceNotFoundException("Requested resource not found") from None

    def execute(self, operation: str, request: Mapping[str, Any], *, behind: int = 0) -> dict[str, Any]:
        """Do one call, atomically, and return its answer; `operation` is the name of boto3's method.

        A read that is not consistent, or of an index, sees items as they were `behind` writes ago. Raises
        `ClientError`, as boto3 does.
        """
        with self._lock:
            if operation in self._at_once:
                answer = self._at_once[operation](self.table, request, behind)
            else:
                steps = _OF_SEVERAL_ITEMS[operation](self.table, request, behind)
                answer = _ended(steps)
            self._propagate_at_once()
            return answer

    def steps(
        self, operation: str, request: Mapping[str, Any], *, behind: int = 0
    ) -> Generator[None, None, dict[str, Any]]:
        """Do one call as `execute` does, and yield between the items of an operation that is not atomic."""
        if operation in self._at_once:
            return self.execute(operation, request, behind=behind)
        steps = _OF_SEVERAL_ITEMS[operation](self.table, request, behind)
        while True:
            with self._lock:
                try:
                    next(steps)
                except StopIteration as end:
                    answer: dict[str, Any] = end.value
                    return answer
                finally:
                    self._propagate_at_once()
            yield

    def propagate(self, count: int = 1, pick: Callable[[int], int] = lambda _: 0) -> int:
        """Apply pending writes to the indexes, and return the number of those left.

        `pick` gets the number of pending writes of an index and returns the place of one, from 0. The oldest write of
        the same item is applied, because DynamoDB promises no order of different items.
        """
        left = 0
        with self._lock:
            for table in self._tables.values():
                for index in table.indexes.values():
                    while count and index.pending:
                        index.apply(pick(len(index.pending)))
                        count -= 1
                    left += len(index.pending)
            return left

    def stream(self, table: str, after: int = 0, most: int | None = None) -> list[dict[str, Any]]:
        """Return a table's stream records, in order, as a Lambda event has them: `most` of them after some."""
        with self._lock:
            return list(islice(self.table(table).stream(after), most))

    def expire(self) -> int:
        """Remove all items whose time to live is over, as DynamoDB does in its own time; return their number."""
        removed = 0
        with self._lock:
            for table in self._tables.values():
                for key in table.expired():
                    table.write(key, None, by_time_to_live=True)
                    removed += 1
            self._propagate_at_once()
        return removed

    def items(self, table: str) -> Iterator[Item]:
        """Yield all items of a table, for assertions; an item that has not been written since is the same object.

        Nobody may change them.
        """
        return (row.item for row in list(self.table(table).rows))

    def copy(self, tables: Collection[str] | None = None, clock: Callable[[], float] | None = None) -> "Database":
        """Return a database with the same items of all or some tables, for `restore` or with another clock.

        Its tables have no history.
        """
        copy = Database(clock or self._clock)
        copy.auto_propagate = self.auto_propagate
        with self._lock:
            for name in self._tables if tables is None else tables:
                table = self.table(name)
                copy.create_table(time_to_live=table.time_to_live, **table.request)
                copy.restore(name, self)
        return copy

    def restore(self, table: str, copy: "Database") -> None:
        """Give a table the items that it has in a copy."""
        with self._lock:
            self.table(table).restore(copy.table(table).rows)

    def clear(self, table: str) -> None:
        """Remove all items of a table, without a trace in its stream."""
        with self._lock:
            self.table(table).restore(Rows())

    def _propagate_at_once(self) -> None:
        if self.auto_propagate:
            for table in self._tables.values():
                for index in table.indexes.values():
                    while index.pending:
                        index.apply()
