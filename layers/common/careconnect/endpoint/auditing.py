"""The audit settings of a function, from its environment (ADR 33)."""

from typing import TYPE_CHECKING, Final

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.retention import AUDIT_DAYS
from careconnect.endpoint.pipeline import Auditing
from careconnect.runtime.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CLOSED: Final = "closed"
_OPEN: Final = "open"


def auditing_of(settings: Settings, dynamodb: "DynamoDBClient") -> Auditing:
    """Return the audit store of a function and its failure mode; raises `SettingError`."""
    return Auditing(
        DynamoDbAuditStore(dynamodb, settings.required("AUDIT_TABLE"), retention_days(settings)),
        settings.required("POWERTOOLS_SERVICE_NAME"),
        fails_open=settings.choice("AUDIT_FAILURE", (_CLOSED, _OPEN)) == _OPEN,
    )


def retention_days(settings: Settings) -> int:
    """Return the number of days that an event is stored, 0 for ever; raises `SettingError`."""
    return settings.number("AUDIT_RETENTION_DAYS", AUDIT_DAYS)
