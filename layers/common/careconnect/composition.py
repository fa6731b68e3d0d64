"""What every function is composed of beside its endpoint: environment → shell."""

import time
from typing import TYPE_CHECKING, Final

from careconnect.access_record import DynamoDbAccessRecord
from careconnect.http import Cors
from careconnect.observability import PowertoolsObserver
from careconnect.origin import Origin
from careconnect.settings import Settings
from careconnect.shell import Endpoint, Recording, Shell

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CLOSED: Final = "closed"
_OPEN: Final = "open"
_MOST_DAYS: Final = 36_500


def shell_of(settings: Settings, endpoint: Endpoint, recording: Recording | None = None) -> Shell:
    """Return the function's shell around `endpoint`, whose requests are recorded if it has a `recording`.

    Raises `SettingError`.
    """
    return Shell(
        endpoint=endpoint,
        configured_base_url=settings.root_url("BASE_URL"),
        region=settings.required("AWS_REGION"),
        cors=Cors(settings.origins()),
        observer=PowertoolsObserver(
            settings.required("POWERTOOLS_SERVICE_NAME"), namespace=settings.required("POWERTOOLS_METRICS_NAMESPACE")
        ),
        clock=time.time,
        origin=Origin(settings.optional("ORIGIN_SECRET")),
        recording=recording,
    )


def recording_of(settings: Settings, dynamodb: "DynamoDBClient") -> Recording:
    """Return where a function keeps the events of its requests; raises `SettingError`."""
    days = settings.integer("AUDIT_RETENTION_DAYS", default=0, low=0, high=_MOST_DAYS)
    return Recording(
        DynamoDbAccessRecord(dynamodb, settings.required("AUDIT_TABLE"), days),
        settings.required("POWERTOOLS_SERVICE_NAME"),
        fails_open=fails_open(settings),
    )


def fails_open(settings: Settings) -> bool:
    """Say whether a request is answered though its event cannot be kept; raises `SettingError`."""
    return settings.choice("AUDIT_FAILURE", (_CLOSED, _OPEN)) == _OPEN
