"""Composition root of the sender: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
from typing import Final

from careconnect.endpoint.auditing import auditing_of
from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.proofs import DpopProofs
from careconnect.export.jobs import DynamoDbJobs
from careconnect.oauth.dpop.used_proofs import DynamoDbUsedProofs
from careconnect.oauth.revocation import DynamoDbRevocations
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from export_sender.app import FileEndpoint
from export_sender.s3_files import S3Files

_settings: Final = Settings(os.environ)
_dynamodb: Final = aws.dynamodb()
_s3: Final = aws.s3()
_export_table: Final = _settings.required("EXPORT_TABLE")
_files: Final = S3Files(_s3, _settings.required("EXPORT_BUCKET"))
_revocations: Final = DynamoDbRevocations(_dynamodb, _settings.required("TOKEN_TABLE"))

lambda_handler: Final = pipeline_of(
    _settings,
    FileEndpoint(DynamoDbJobs(_dynamodb, _export_table), _files, _revocations),
    auditing_of(_settings, _dynamodb),
    proofs=DpopProofs(DynamoDbUsedProofs(_dynamodb, _settings.required("PROOF_TABLE"))),
)
"""Answer a REST proxy event of a bulk export's file."""

freeze_gc()
