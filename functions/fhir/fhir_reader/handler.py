"""Composition root of both readers: environment → parts → `lambda_handler`."""

import os
from typing import Final

from careconnect import aws
from careconnect.composition import shell_of
from careconnect.resource_types import Home
from careconnect.settings import Settings
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore

_settings: Final = Settings(os.environ)
_home: Final = Home(_settings.choice("READER_HOME", [home.value for home in Home]))
_tables: Final = {Home.DIRECTORY: _settings.required("DIRECTORY_TABLE")}
if _home is Home.RECORD:
    _tables[Home.RECORD] = _settings.required("RECORD_TABLE")
lambda_handler: Final = shell_of(
    _settings, FhirEndpoint(store=DynamoDbResourceStore(aws.dynamodb(), _tables, _home), home=_home)
)
"""Answer a REST proxy event of the FHIR API."""
