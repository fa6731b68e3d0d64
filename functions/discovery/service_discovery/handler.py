"""Composition root of discovery: environment → parts → `lambda_handler`."""

import os
import time
from typing import Any, Final

from careconnect import aws
from careconnect.http import Cors
from careconnect.observability import Observer
from careconnect.settings import Settings
from careconnect.signing_keys import KmsSigningKeys
from service_discovery.app import Deployment, build_app

_settings: Final = Settings(os.environ)

_app: Final = build_app(
    Deployment(
        keys=KmsSigningKeys(aws.kms(), _settings.required("SIGNING_KEY_ALIAS"), clock=time.time),
        configured_base_url=_settings.optional("BASE_URL"),
        region=_settings.required("AWS_REGION"),
        cors=Cors(_settings.origins()),
        observer=Observer(_settings.required("POWERTOOLS_SERVICE_NAME")),
        now=time.time,
    )
)


def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer a REST proxy event of a discovery document, or one that no function takes."""
    return _app(event)
