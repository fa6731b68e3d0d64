"""DynamoDB in memory, for tests and simulation."""

from careconnect_testing.dynamodb.client import InMemoryClient
from careconnect_testing.dynamodb.database import Database

__all__ = ["Database", "InMemoryClient"]
