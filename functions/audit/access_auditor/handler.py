"""Composition root of the auditor: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
from typing import Final

from access_auditor.app import AuditEndpoint
from access_auditor.dynamodb_event_store import DynamoDbEventStore
from careconnect.endpoint.auditing import auditing_of, retention_days
from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.proofs import DpopProofs
from careconnect.endpoint.quotas import quota_of
from careconnect.oauth.dpop.used_proofs import DynamoDbUsedProofs
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings

_settings: Final = Settings(os.environ)
_dynamodb: Final = aws.dynamodb()
_audit_table: Final = _settings.required("AUDIT_TABLE")
_store: Final = DynamoDbEventStore(_dynamodb, _audit_table, retention_days(_settings))

lambda_handler: Final = pipeline_of(
    _settings,
    AuditEndpoint(_store, quota_of(_settings, _dynamodb)),
    auditing_of(_settings, _dynamodb),
    proofs=DpopProofs(DynamoDbUsedProofs(_dynamodb, _settings.required("PROOF_TABLE"))),
)
"""Answer a REST proxy event of `AuditEvent`."""

freeze_gc()
