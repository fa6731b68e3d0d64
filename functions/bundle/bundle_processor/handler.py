"""Composition root: environment → the readers' and writers' endpoints → `lambda_handler`."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
from dataclasses import replace
from typing import Final

from bundle_processor.app import BundleEndpoint, EntryEndpoints, Respond
from bundle_processor.refused_entry import RefusedEntries
from careconnect.endpoint.auditing import auditing_of
from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.pipeline import Endpoint
from careconnect.endpoint.proofs import DpopProofs
from careconnect.endpoint.quotas import quota_of
from careconnect.fhir.resource_types import DATA_TABLES, RESOURCE_TYPES, Table
from careconnect.http.origin import Origin
from careconnect.oauth.dpop.used_proofs import DynamoDbUsedProofs
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from careconnect_records.items.tables import RecordTables
from careconnect_records.stu3.schema import model_of, shape_of
from fhir_reader.app import FhirEndpoint
from fhir_reader.store.dynamodb import DynamoDbResourceStore
from record_writer.app import WriterEndpoint
from record_writer.dynamodb_record_store import DynamoDbRecordStore
from record_writer.write_resources import ResourceWriter

_settings: Final = Settings(os.environ)
for _name in ("Bundle", *(each.name for each in RESOURCE_TYPES if each.table in DATA_TABLES)):
    # The models load at their first use, as the writers' do.
    shape_of(model_of(_name))
_dynamodb: Final = aws.dynamodb()
_quota: Final = quota_of(_settings, _dynamodb)
_names: Final = {
    Table.RECORD: _settings.required("RECORD_TABLE"),
    Table.DIRECTORY: _settings.required("DIRECTORY_TABLE"),
}
_tables: Final = RecordTables(
    _dynamodb,
    record=_names[Table.RECORD],
    directory=_names[Table.DIRECTORY],
    reference=_settings.required("REFERENCE_TABLE"),
    transaction=_settings.required("TRANSACTION_TABLE"),
    directory_transaction=_settings.required("DIRECTORY_TRANSACTION_TABLE"),
)


def _reader(table: Table) -> FhirEndpoint:
    names = {each: name for each, name in _names.items() if table in (each, Table.RECORD)}
    store = DynamoDbResourceStore(_dynamodb, names, table, _tables.states)
    return FhirEndpoint(store=store, table=table, quota=_quota)


def _writer(table: Table) -> WriterEndpoint:
    tables = _tables if table is Table.RECORD else replace(_tables, record="")
    return WriterEndpoint(ResourceWriter(DynamoDbRecordStore(tables), _quota), table)


_auditing: Final = auditing_of(_settings, _dynamodb)


def _respond(endpoint: Endpoint, service: str = "record_writer") -> Respond:
    """Compose the pipeline of entries; metrics and events have the name of the service for single requests."""
    part = pipeline_of(_settings, endpoint, replace(_auditing, service=service), service)
    # The whole request has come through the edge.
    return replace(part, origin=Origin()).respond


_together: Final = ResourceWriter(DynamoDbRecordStore(_tables), _quota)
lambda_handler: Final = pipeline_of(
    _settings,
    BundleEndpoint(
        {
            table: EntryEndpoints(_respond(_reader(table), "fhir_reader"), _respond(_writer(table)))
            for table in DATA_TABLES
        },
        _respond(RefusedEntries(_together.stored_keys), _auditing.service),
        _quota,
        _together,
    ),
    _auditing,
    proofs=DpopProofs(DynamoDbUsedProofs(_dynamodb, _settings.required("PROOF_TABLE"))),
)
"""Answer a REST proxy event at the FHIR base."""

freeze_gc()
