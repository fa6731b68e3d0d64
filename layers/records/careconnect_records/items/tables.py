"""The tables of resources and references, and the client to write them with."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from careconnect.fhir.resource_types import Home

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from careconnect.storage.dynamodb import FormatCheckedClient


@dataclass(frozen=True, slots=True)
class RecordTables:
    """The names of the tables of resources and of reference counts, and the client to write them with.

    `record` is empty for a writer of the directory, which may not access that table.
    """

    client: "DynamoDBClient"
    record: str
    directory: str
    reference: str

    def name(self, home: Home) -> str:
        """Return the name of the table for `home`."""
        return self.record if home is Home.RECORD else self.directory

    @property
    def of_resources(self) -> tuple[str, ...]:
        """The names of the tables that hold resources. Each has its own format number."""
        return tuple(filter(None, (self.record, self.directory)))

    def through(self, client: "FormatCheckedClient") -> "RecordTables":
        """Return the same tables with a client that checks their format."""
        return replace(self, client=cast("DynamoDBClient", client))
