"""Composition root of the keeper: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
from typing import Final

from careconnect.endpoint.auditing import auditing_of
from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.proofs import DpopProofs
from careconnect.endpoint.quotas import quota_of
from careconnect.export.jobs import DynamoDbJobs
from careconnect.oauth.dpop.used_proofs import DynamoDbUsedProofs
from careconnect.oauth.revocation import DynamoDbRevocations
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from export_keeper.app import KeeperEndpoint
from export_keeper.step_functions_machine import StepFunctionsMachine
from export_keeper.worker_patients import WorkerPatients

_settings: Final = Settings(os.environ)
_dynamodb: Final = aws.dynamodb()
_export_table: Final = _settings.required("EXPORT_TABLE")

lambda_handler: Final = pipeline_of(
    _settings,
    KeeperEndpoint(
        DynamoDbJobs(_dynamodb, _export_table),
        StepFunctionsMachine(aws.step_functions(), _settings.required("EXPORT_MACHINE")),
        WorkerPatients(aws.functions(), _settings.required("EXPORT_WORKER")),
        DynamoDbRevocations(_dynamodb, _settings.required("TOKEN_TABLE")),
        quota_of(_settings, _dynamodb),
        _settings.integer("EXPORT_JOBS_PER_CLIENT", default=2, low=1, high=100),
    ),
    auditing_of(_settings, _dynamodb),
    proofs=DpopProofs(DynamoDbUsedProofs(_dynamodb, _settings.required("PROOF_TABLE"))),
)
"""Answer a REST proxy event of a bulk export's job."""

freeze_gc()
