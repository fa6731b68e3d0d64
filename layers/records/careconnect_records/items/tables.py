"""The tables that a write changes, and the client to write them with."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from careconnect.fhir.resource_types import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from careconnect.storage.dynamodb import FormatCheckedClient


@dataclass(frozen=True, slots=True)
class RecordTables:
    """The names of the tables of resources, of reference counts and of the states of multi-step writes, and the client.

    `record` is empty for a writer of the directory, which may not access that table.
    """

    client: "DynamoDBClient"
    record: str
    directory: str
    reference: str
    transaction: str

    def name(self, table: Table) -> str:
        """Return the name of the table for `table`."""
        return self.record if table is Table.RECORD else self.directory

    @property
    def of_resources(self) -> tuple[str, ...]:
        """The names of the tables that hold resources. Each has its own format number."""
        return tuple(filter(None, (self.record, self.directory)))

    def through(self, client: "FormatCheckedClient") -> "RecordTables":
        """Return the same tables with a client that checks their format."""
        return replace(self, client=cast("DynamoDBClient", client))
