"""Fill a new stack with the demo clients and records."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.fhir.resource_types import RESOURCE_TYPES, Table
from careconnect.storage.keys import JSON_ITEM, resource_key
from careconnect_admin.auditing.audited_clients import AuditedClientRegistry
from careconnect_admin.auditing.audited_load import recorded_load
from careconnect_admin.auditing.operator_events import LOCAL_OPERATOR, Operator, OperatorEvents
from careconnect_admin.clients.demo import DemoClient, demo_clients, register
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registration import check_secret
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.errors import SettingError
from careconnect_admin.loading.load import LoadReport, Progress, load_paths
from careconnect_admin.loading.reading.checked import nothing_to_load
from careconnect_admin.loading.reading.sources import find_sources, read_source
from careconnect_admin.local.saved_tables import SavedTables
from careconnect_admin.sample.records import SAMPLE, StoryTeller, story_tellers
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SECRETS: Final = ("EXPLORER_SECRET", "EDITOR_SECRET", "AUDITOR_SECRET")
_DOCUMENTED_PATIENT: Final = "4"
"""The patient in the README's example request."""


def local_clients(environment: Mapping[str, str]) -> tuple[DemoClient, ...]:
    """Return the demo clients, with the secrets of `EXPLORER_SECRET` and similar variables if they are set.

    Raises:
        SettingError: a secret is too weak, or clients would have to encode it; the text names the variable.
    """
    for name in _SECRETS:
        try:
            if environment.get(name):
                check_secret(environment[name])
        except RegistrationError as error:
            remedy = "make one with `openssl rand -hex 64`, or leave it out"
            raise SettingError(f"{name}: {error}: {remedy}") from error
    return demo_clients(*(environment.get(name) for name in _SECRETS))


def checked_data(given: Sequence[str]) -> list[Path]:
    """Return the paths of `DATA`, after checking that each has something to load.

    The check stops at the first valid resource of a path. The load reports the problems of the other resources.

    Raises:
        SettingError: a path is empty, does not exist or has nothing that can be loaded.
    """
    paths = []
    for text in given:
        if not text:
            raise SettingError("DATA is empty: name a folder or a file of FHIR records, or leave it out for the sample")
        sources = find_sources([Path(text)])
        try:
            problem = next(iter(sources.problems), None) or nothing_to_load(
                found for path in sources.files for found in read_source(path)
            )
        except LookupError:
            raise SettingError(f"DATA: {text} holds no record") from None
        if problem is not None:
            raise SettingError(f"DATA: nothing in {text} can be loaded: {problem}")
        paths.append(Path(text))
    return paths


def seed(
    dynamodb: "DynamoDBClient",
    outputs: Mapping[str, str],
    clients: Sequence[DemoClient],
    data: Sequence[Path],
    progress: Progress,
    *,
    base_url: str,
    kept: SavedTables | None = None,
) -> LoadReport:
    """Register the clients, load `data` or else the project's own sample, and return the load's report.

    The tables that an earlier run `kept` are restored first, and replace the sample. A client's registration is in the
    audit trail, like one by `careconnect clients add`. The load is one audit event, without a patient. `outputs` are
    the stack's outputs, which name its tables. Raises `SettingError` if the saved tables cannot be read, or have
    another format.
    """
    tables = RecordTables(dynamodb, *(outputs[name] for name in OUTPUTS))
    restored = kept.restore(dynamodb, outputs) if kept and kept.are_there() else None
    record = OperatorEvents(DynamoDbAuditStore(dynamodb, outputs["AuditTable"]), Operator(LOCAL_OPERATOR))
    registry = DynamoDbClientRegistry(dynamodb, outputs["ClientTable"])
    register(clients, AuditedClientRegistry(registry, lambda: record))
    if restored and not data:
        return restored
    paths = list(data) or [SAMPLE]
    return recorded_load(record, lambda _: load_paths(paths, tables, progress, base_url=base_url), find_sources(paths))


def example_path(dynamodb: "DynamoDBClient", outputs: Mapping[str, str], report: LoadReport) -> str:
    """Return the path below the FHIR base of an existing resource, for the example request.

    It is the patient of the README's example if that one was loaded, or else the first patient, or else the first
    resource of the directory, which every client with a token may read. Without any of them it is `metadata`.
    """
    if _patient(dynamodb, outputs, _DOCUMENTED_PATIENT):
        return f"Patient/{_DOCUMENTED_PATIENT}"
    open_types = ("Patient", *(served.name for served in RESOURCE_TYPES if served.table is Table.DIRECTORY))
    named = next((name for name in open_types if name in report.first_ids), "")
    return f"{named}/{report.first_ids[named]}" if named else "metadata"


def stories_there(dynamodb: "DynamoDBClient", outputs: Mapping[str, str]) -> list[StoryTeller]:
    """Return the sample's patients with a story that are in the tables, loaded by this run or an earlier one.

    The user's own records may have the same ids, so the NHS number has to match too.
    """
    return [
        each
        for each in story_tellers()
        if any(
            identifier.get("value") == each.nhs_number
            for identifier in _patient(dynamodb, outputs, each.patient_id).get("identifier", ())
        )
    ]


def _patient(dynamodb: "DynamoDBClient", outputs: Mapping[str, str], patient_id: str) -> dict[str, Any]:
    """Return a patient from the tables, or an empty dict."""
    key = {"pk": {"S": resource_key("Patient", patient_id)}, "sk": {"S": JSON_ITEM}}
    item = dynamodb.get_item(TableName=outputs["RecordTable"], Key=key).get("Item", {})
    found: dict[str, Any] = json.loads(item["body"]["S"]) if "body" in item else {}
    return found
