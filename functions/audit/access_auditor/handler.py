"""Composition root of the auditor: environment → parts → `lambda_handler`."""

from careconnect.start import started  # isort: skip - see there

import os
import time
from collections.abc import Mapping
from typing import Any, Final

from access_auditor.app import AuditEndpoint
from access_auditor.dynamodb_event_store import DynamoDbEventStore
from access_auditor.jobs import Jobs
from access_auditor.kms_link_key import KmsLinkKey
from careconnect import aws
from careconnect.access_record.chain_store import DynamoDbAccessChain, KmsSeal
from careconnect.composition import shell_of
from careconnect.observability import PowertoolsObserver
from careconnect.recording import recording_of, retention_days
from careconnect.searching.next_link import Cursor, seal
from careconnect.settings import Settings
from careconnect.snapshot import look, prepare

_settings: Final = Settings(os.environ)
_dynamodb: Final = aws.dynamodb()
_audit_table: Final = _settings.required("AUDIT_TABLE")
_seal_table: Final = _settings.required("SEAL_TABLE")
_seal_alias: Final = _settings.required("ACCESS_SEAL_KEY_ALIAS")
_answer: Final = shell_of(
    _settings,
    AuditEndpoint(
        DynamoDbEventStore(_dynamodb, _audit_table, _seal_table),
        KmsLinkKey(aws.kms, _seal_alias),
    ),
    recording_of(_settings, _dynamodb),
)
_jobs: Final = Jobs(
    DynamoDbAccessChain(_dynamodb, _audit_table, _seal_table, retention_days(_settings)),
    # A start for a request need not wait for this client.
    lambda: KmsSeal(aws.kms(), _seal_alias),
    PowertoolsObserver(
        _settings.required("POWERTOOLS_SERVICE_NAME"), namespace=_settings.required("POWERTOOLS_METRICS_NAMESPACE")
    ),
    time.time,
)
prepare(
    _answer.observer,
    [_dynamodb],
    look(_dynamodb, _seal_table),
    # The first link to a next page loads what it is sealed with.
    lambda: seal(Cursor([], None), b"", ""),
)
started()


def lambda_handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Answer a REST proxy event of `AuditEvent`, or seal or verify, as another event asks."""
    return _answer(event, context) if "httpMethod" in event else _jobs(event, context)
