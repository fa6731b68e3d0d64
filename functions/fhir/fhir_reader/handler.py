"""Composition root of both readers: environment → parts → `lambda_handler`."""

import os
import time
from typing import Any, Final

from careconnect import aws
from careconnect.http import Cors
from careconnect.observability import Observer
from careconnect.resource_types import Home
from careconnect.settings import Settings
from fhir_reader.app import Deployment, build_app
from fhir_reader.store.dynamodb import DynamoDbResourceStore

_settings: Final = Settings(os.environ)
_tables: Final = {Home.DIRECTORY: _settings.required("DIRECTORY_TABLE")}
_home: Final = Home.RECORD if _settings.optional("RECORD_TABLE") else Home.DIRECTORY
if _home is Home.RECORD:
    _tables[Home.RECORD] = _settings.required("RECORD_TABLE")

_app: Final = build_app(
    Deployment(
        store=DynamoDbResourceStore(aws.dynamodb(), _tables, _home),
        home=_home,
        configured_base_url=_settings.optional("BASE_URL"),
        region=_settings.optional("AWS_REGION"),
        cors=Cors(_settings.origins()),
        observer=Observer(_settings.required("POWERTOOLS_SERVICE_NAME")),
        now=time.time,
    )
)


def lambda_handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer a REST proxy event of the FHIR API."""
    return _app(event)
