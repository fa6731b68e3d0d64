"""What a function is composed of that records its requests: environment → where their events are kept (ADR 27)."""

from typing import TYPE_CHECKING, Final

from careconnect.access_record.digest import AccessDigest
from careconnect.access_record.dynamodb_record import DynamoDbAccessRecord
from careconnect.access_record.record import left_out
from careconnect.settings import Settings
from careconnect.shell import Recording

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient

_CLOSED: Final = "closed"
_OPEN: Final = "open"
_MOST_DAYS: Final = 36_500


def recording_of(
    settings: Settings, dynamodb: "DynamoDBClient", kms: "Callable[[], KMSClient] | None" = None
) -> Recording:
    """Return where a function keeps the events of its requests; raises `SettingError`.

    `kms` makes the client that the first personal value needs; a function that takes no search needs none.
    """
    is_open = settings.choice("AUDIT_FAILURE", (_CLOSED, _OPEN)) == _OPEN
    return Recording(
        DynamoDbAccessRecord(dynamodb, settings.required("AUDIT_TABLE"), retention_days(settings)),
        settings.required("POWERTOOLS_SERVICE_NAME"),
        AccessDigest(kms, settings.required("ACCESS_DIGEST_KEY_ALIAS"), fails_open=is_open) if kms else left_out,
        fails_open=is_open,
    )


def retention_days(settings: Settings) -> int:
    """Return how many days an event is kept, 0 for ever; raises `SettingError`."""
    return settings.integer("AUDIT_RETENTION_DAYS", default=0, low=0, high=_MOST_DAYS)
