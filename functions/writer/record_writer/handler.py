"""Composition root of both writers: environment → parts → `lambda_handler`."""

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
from careconnect.runtime.snapshot import look, prepare
from careconnect_records.items.tables import RecordTables
from careconnect_records.stu3.schema import model_of, shape_of
from record_writer.app import WriterEndpoint
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.write_resources import ResourceWriter

_settings: Final = Settings(os.environ)
_table: Final = Table(_settings.choice("WRITER_TABLE", [table.value for table in DATA_TABLES]))
for _type in RESOURCE_TYPES:
    # A type's models load at its first use, in a fifth of a second each. Here all of them take half a second, as the
    # initialisation has more of a processor than a request, and a snapshot (SnapStart) holds them.
    if _type.table is _table:
        shape_of(model_of(_type.name))
_dynamodb: Final = aws.dynamodb()
_tables: Final = RecordTables(
    _dynamodb,
    record=_settings.required("RECORD_TABLE") if _table is Table.RECORD else "",
    directory=_settings.required("DIRECTORY_TABLE"),
    reference=_settings.required("REFERENCE_TABLE"),
    transaction=_settings.required("TRANSACTION_TABLE"),
    directory_transaction=_settings.required("DIRECTORY_TRANSACTION_TABLE"),
    ends=(_table,),
)
lambda_handler: Final = pipeline_of(
    _settings,
    WriterEndpoint(ResourceWriter(DynamoDbRecordStore(_tables), quota_of(_settings, _dynamodb)), _table),
    auditing_of(_settings, _dynamodb),
    proofs=DpopProofs(DynamoDbUsedProofs(_dynamodb, _settings.required("PROOF_TABLE"))),
)
"""Answer a REST proxy event of the FHIR API."""

_name: Final = next(one.name for one in RESOURCE_TYPES if one.table is _table)
# The priming request is validated, and refused for an unknown element before any table is read.
_invalid: Final = f'{{"resourceType": "{_name}", "none": [0]}}'
prepare(
    lambda_handler.observer,
    [_dynamodb],
    prime_request(lambda_handler, "POST", f"{FHIR_PATH}/{_name}", _invalid, content_type="application/fhir+json"),
    look(_dynamodb, _tables.name(_table)),
    load,
)

freeze_gc()
