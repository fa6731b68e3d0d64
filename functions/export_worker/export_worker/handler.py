"""Composition root of the export's worker: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
import time
from collections.abc import Mapping
from typing import Any, Final

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.retention import AUDIT_DAYS
from careconnect.export.job import LONGEST_RETENTION_HOURS
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.resource_types import Table
from careconnect.oauth.revocation import DynamoDbRevocations
from careconnect.runtime import aws
from careconnect.runtime.observability import PowertoolsObserver
from careconnect.runtime.settings import Settings
from careconnect.storage.intents import StateTables
from careconnect.storage.operator_work import work_under_way
from export_worker.s3_bucket import S3Bucket
from export_worker.store import ExportStore
from export_worker.worker import ExportWorker

_settings: Final = Settings(os.environ)
_dynamodb: Final = aws.dynamodb()
_s3: Final = aws.s3()
_tables: Final = {
    Table.RECORD: _settings.required("RECORD_TABLE"),
    Table.DIRECTORY: _settings.required("DIRECTORY_TABLE"),
}
_transactions: Final = _settings.required("TRANSACTION_TABLE")
_export: Final = _settings.required("EXPORT_TABLE")
_observer: Final = PowertoolsObserver(
    _settings.required("POWERTOOLS_SERVICE_NAME"), namespace=_settings.required("POWERTOOLS_METRICS_NAMESPACE")
)
_days: Final = _settings.number("AUDIT_RETENTION_DAYS", AUDIT_DAYS)
_worker: Final = ExportWorker(
    DynamoDbJobs(_dynamodb, _export),
    ExportStore(_dynamodb, _tables, StateTables(_transactions, _settings.required("DIRECTORY_TRANSACTION_TABLE"))),
    S3Bucket(_s3, _settings.required("EXPORT_BUCKET")),
    DynamoDbAuditStore(_dynamodb, _settings.required("AUDIT_TABLE"), _days),
    DynamoDbRevocations(_dynamodb, _settings.required("TOKEN_TABLE")),
    _observer,
    lambda: work_under_way(_dynamodb, _transactions, time.time()),
    retention_hours=_settings.integer("EXPORT_RETENTION_HOURS", default=24, low=1, high=LONGEST_RETENTION_HOURS),
)
freeze_gc()


def lambda_handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Do one step of an export."""
    return _worker(event, context)
