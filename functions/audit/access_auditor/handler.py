"""Composition root of the auditor: environment → parts → `lambda_handler`."""

import os
from collections.abc import Mapping
from typing import Any, Final

from access_auditor.app import AuditEndpoint
from careconnect import aws
from careconnect.composition import shell_of
from careconnect.recording import recording_of
from careconnect.settings import Settings

_settings: Final = Settings(os.environ)
_dynamodb: Final = aws.dynamodb()
_answer: Final = shell_of(_settings, AuditEndpoint(), recording_of(_settings, _dynamodb, aws.kms))


def lambda_handler(event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
    """Answer a REST proxy event of `AuditEvent`; of the other events nothing is done."""
    return _answer(event, context) if "httpMethod" in event else {}
