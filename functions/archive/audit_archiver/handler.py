"""Composition root of the archiver and the verifier: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from audit_archiver.dynamodb_trail import DynamoDbTrail
from audit_archiver.jobs import ArchiveJob, VerifyJob
from audit_archiver.retentions import Retentions
from audit_archiver.s3_archive import S3Archive
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.retention import ARCHIVE_DAYS, AUDIT_DAYS, refusal
from careconnect.runtime import aws
from careconnect.runtime.observability import PowertoolsObserver
from careconnect.runtime.settings import SettingError, Settings

_ARCHIVE: Final = "archive"
_VERIFY: Final = "verify"


def _job(settings: Settings) -> Callable[[Mapping[str, Any], Any], None]:
    """Return the job that `ARCHIVE_JOB` names; raises `SettingError`."""
    observer = PowertoolsObserver(
        settings.required("POWERTOOLS_SERVICE_NAME"), namespace=settings.required("POWERTOOLS_METRICS_NAMESPACE")
    )
    days = settings.number("AUDIT_RETENTION_DAYS", AUDIT_DAYS)
    archive_days = settings.number("ARCHIVE_RETENTION_DAYS", ARCHIVE_DAYS)
    if why := refusal(days, archive_days):
        raise SettingError(f"{why}.")
    s3 = aws.s3()
    archive = S3Archive(s3, settings.required("ARCHIVE_BUCKET"))
    if settings.choice("ARCHIVE_JOB", (_ARCHIVE, _VERIFY)) == _ARCHIVE:
        return ArchiveJob(archive, observer, days)
    dynamodb, table = aws.dynamodb(), settings.required("AUDIT_TABLE")
    trail, record = DynamoDbTrail(dynamodb, table), DynamoDbAuditStore(dynamodb, table, days)
    return VerifyJob(trail, record, archive, observer, time.time, Retentions(days, archive_days))


_run: Final = _job(Settings(os.environ))
freeze_gc()


def lambda_handler(event: Mapping[str, Any], context: Any = None) -> None:
    """Archive a batch of the stream, or run a scheduled job."""
    _run(event, context)
