"""Composition root of the recovery of multi-step writes: environment → parts → `lambda_handler`."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
from collections.abc import Mapping
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.runtime import aws
from careconnect.runtime.observability import PowertoolsObserver
from careconnect.runtime.settings import Settings
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from write_recovery.recovery_job import RecoveryJob

_settings: Final = Settings(os.environ)
_dynamodb: Final = aws.dynamodb()
_tables: Final = RecordTables(
    _dynamodb,
    record=_settings.required("RECORD_TABLE"),
    directory=_settings.required("DIRECTORY_TABLE"),
    reference=_settings.required("REFERENCE_TABLE"),
    transaction=_settings.required("TRANSACTION_TABLE"),
    directory_transaction=_settings.required("DIRECTORY_TRANSACTION_TABLE"),
)
_observer: Final = PowertoolsObserver(
    _settings.required("POWERTOOLS_SERVICE_NAME"), namespace=_settings.required("POWERTOOLS_METRICS_NAMESPACE")
)
_checked: Final = FormatCheckedClient(_dynamodb, _tables.of_resources, outcomes.other_format)
_run: Final = RecoveryJob(Release(_tables.through(_checked)), _observer)
freeze_gc()


def lambda_handler(event: Mapping[str, Any], context: Any = None) -> None:
    """Release the multi-step writes that have ended, as scheduled."""
    _run(event, context)
