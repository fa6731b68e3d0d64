"""The tables that a write changes, and the client to write them with."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from careconnect.fhir.resource_types import DATA_TABLES, Table
from careconnect.storage.intents import StateTables, states_with

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from careconnect.storage.dynamodb import FormatCheckedClient


@dataclass(frozen=True, slots=True)
class RecordTables:
    """The names of the tables of resources, of reference counts and of the states of multi-step writes, and the client.

    `record` is empty for a writer of the directory, which may not access that table, and whose writes have their states
    in `directory_transaction`; those of all others are in `transaction`. `ends` says which states may be changed.
    """

    client: "DynamoDBClient"
    record: str
    directory: str
    reference: str
    transaction: str
    directory_transaction: str
    ends: tuple[Table, ...] = field(default=DATA_TABLES, kw_only=True)

    def name(self, table: Table) -> str:
        """Return the name of the table for `table`."""
        return self.record if table is Table.RECORD else self.directory

    @property
    def of_resources(self) -> tuple[str, ...]:
        """The names of the tables that hold resources. Each has its own format number."""
        return tuple(filter(None, (self.record, self.directory)))

    @property
    def states(self) -> StateTables:
        """The names of the tables of states."""
        return StateTables(self.transaction, self.directory_transaction)

    @property
    def own_states(self) -> Table:
        """Which table of states has those of the writes with these tables."""
        return Table.RECORD if self.record else Table.DIRECTORY

    def may_end(self, name: str) -> bool:
        """Return True if the state of the write of this name may be changed."""
        return states_with(name) in self.ends

    def through(self, client: "FormatCheckedClient") -> "RecordTables":
        """Return the same tables with a client that checks their format."""
        return replace(self, client=cast("DynamoDBClient", client))
