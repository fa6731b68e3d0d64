"""Composition root of both readers: environment → parts → `lambda_handler`."""

from careconnect.runtime.freeze_gc import started  # isort: skip - see there

import os
from typing import Final

from careconnect.endpoint.auditing import recording_of
from careconnect.endpoint.composition import shell_of
from careconnect.endpoint.priming import rehearsal
from careconnect.fhir.resource_types import DATA_HOMES, RESOURCE_TYPES, Home
from careconnect.http.base_url import FHIR_PATH
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from careconnect.runtime.snapshot import NOTHING, prepare
from careconnect.search.cursor import Cursor, seal
from fhir_reader.app import FhirEndpoint
from fhir_reader.quota import UNITS_PER_MINUTE, Allowances
from fhir_reader.store.dynamodb import DynamoDbResourceStore
from fhir_reader.store.usage_counters import DynamoDbAccounts

_settings: Final = Settings(os.environ)
_home: Final = Home(_settings.choice("READER_HOME", [home.value for home in DATA_HOMES]))
_tables: Final = {Home.DIRECTORY: _settings.required("DIRECTORY_TABLE")}
if _home is Home.RECORD:
    _tables[Home.RECORD] = _settings.required("RECORD_TABLE")
_dynamodb: Final = aws.dynamodb()
lambda_handler: Final = shell_of(
    _settings,
    FhirEndpoint(
        store=DynamoDbResourceStore(_dynamodb, _tables, _home),
        home=_home,
        allowances=Allowances(
            DynamoDbAccounts(_dynamodb, _settings.required("ALLOWANCE_TABLE")),
            _settings.integer("CLIENT_ALLOWANCE", default=UNITS_PER_MINUTE, low=1_000, high=1_000_000_000),
        ),
    ),
    recording_of(_settings, _dynamodb),
)
"""Answer a REST proxy event of the FHIR API."""

_type: Final = next(one.name for one in RESOURCE_TYPES if one.home is _home)
prepare(
    lambda_handler.observer,
    [_dynamodb],
    rehearsal(lambda_handler, "GET", f"{FHIR_PATH}/{_type}/{NOTHING}"),
    # The first link to a next page loads what it is sealed with.
    lambda: seal(Cursor([], None), b"", ""),
)

started()
