"""Composition root of both readers: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
from typing import Final

from careconnect.endpoint.auditing import auditing_of
from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.priming import prime_request
from careconnect.endpoint.proofs import DpopProofs, load
from careconnect.endpoint.quotas import quota_of
from careconnect.fhir.resource_types import DATA_TABLES, RESOURCE_TYPES, Table
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.dpop.used_proofs import DynamoDbUsedProofs
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from careconnect.runtime.snapshot import NOTHING, prepare
from careconnect.search.links import Cursor, seal
from careconnect.storage.intents import StateTables
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore

_settings: Final = Settings(os.environ)
_table: Final = Table(_settings.choice("READER_TABLE", [table.value for table in DATA_TABLES]))
_tables: Final = {Table.DIRECTORY: _settings.required("DIRECTORY_TABLE")}
if _table is Table.RECORD:
    _tables[Table.RECORD] = _settings.required("RECORD_TABLE")
_states: Final = StateTables(_settings.required("TRANSACTION_TABLE"), _settings.required("DIRECTORY_TRANSACTION_TABLE"))
_dynamodb: Final = aws.dynamodb()
lambda_handler: Final = pipeline_of(
    _settings,
    FhirEndpoint(
        store=DynamoDbResourceStore(_dynamodb, _tables, _table, _states),
        table=_table,
        quota=quota_of(_settings, _dynamodb),
    ),
    auditing_of(_settings, _dynamodb),
    proofs=DpopProofs(DynamoDbUsedProofs(_dynamodb, _settings.required("PROOF_TABLE"))),
)
"""Answer a REST proxy event of the FHIR API."""

_type: Final = next(one.name for one in RESOURCE_TYPES if one.table is _table)
prepare(
    lambda_handler.observer,
    [_dynamodb],
    prime_request(lambda_handler, "GET", f"{FHIR_PATH}/{_type}/{NOTHING}"),
    # The first `next` link loads the cipher that seals it.
    lambda: seal(Cursor([], None), b"", ""),
    load,
)

freeze_gc()
