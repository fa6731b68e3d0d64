"""The tables that a writer of records writes to."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from careconnect.resource_types import Home

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@dataclass(frozen=True, slots=True)
class RecordTables:
    """The tables of resources and of what refers to them, by name, and the client to write them with.

    `record` is empty for a writer of the directory, which has nothing to do with that table.
    """

    client: "DynamoDBClient"
    record: str
    directory: str
    reference: str

    def name(self, home: Home) -> str:
        """Return the name of the table for `home`."""
        return self.record if home is Home.RECORD else self.directory
