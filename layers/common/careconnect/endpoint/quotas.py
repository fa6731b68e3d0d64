"""The quota of a function's clients, from its environment (ADR 18)."""

from typing import TYPE_CHECKING

from careconnect.runtime.settings import Settings
from careconnect.storage.quota import UNITS_PER_MINUTE, Quota
from careconnect.storage.usage_counters import DynamoDbUsageCounters

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def quota_of(settings: Settings, dynamodb: "DynamoDBClient") -> Quota:
    """Return the quota of each client a minute; raises `SettingError`."""
    return Quota(
        DynamoDbUsageCounters(dynamodb, settings.required("USAGE_TABLE")),
        settings.integer("CLIENT_ALLOWANCE", default=UNITS_PER_MINUTE, low=1_000, high=1_000_000_000),
    )
