"""Fill a stack that has just been made: the demo clients, and records."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.fhir.resource_types import RESOURCE_TYPES, Home
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
from careconnect_admin.sample.generator import StoryTeller, story_tellers, write_sample
from careconnect_records.items.tables import RecordTables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SECRETS: Final = ("EXPLORER_SECRET", "EDITOR_SECRET", "AUDITOR_SECRET")
_DOCUMENTED_PATIENT: Final = "4"
"""The patient of the README's call."""


def local_clients(environment: Mapping[str, str]) -> tuple[DemoClient, ...]:
    """Return the demo clients, with the secrets of `EXPLORER_SECRET` and its like if the environment has them.

    Raises:
        SettingError: one is too weak, or clients would have to encode it; the text names the variable.
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
    """Return the paths that `DATA` gives, once it is sure that something in them can be loaded.

    It reads up to the first resource that is valid; what is wrong with the others is for the load to tell.

    Raises:
        SettingError: a path is empty, leads nowhere or holds nothing that can be loaded.
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
    """Register the clients and load `data`, or the project's own sample if there is none; returns what came of it.

    What an earlier run `kept` comes first, and takes the sample's place. A client's registration is in the audit trail,
    as one by `careconnect clients add` is, and the load is one event there, of nobody. `outputs` are the stack's, which
    name its tables. Raises `SettingError` if what was kept cannot be read, or has another format.
    """
    tables = RecordTables(dynamodb, outputs["RecordTable"], outputs["DirectoryTable"], outputs["ReferenceTable"])
    restored = kept.restore(dynamodb, outputs) if kept and kept.are_there() else None
    record = OperatorEvents(DynamoDbAuditStore(dynamodb, outputs["AuditTable"]), Operator(LOCAL_OPERATOR))
    registry = DynamoDbClientRegistry(dynamodb, outputs["ClientTable"])
    register(clients, AuditedClientRegistry(registry, lambda: record))
    if restored and not data:
        return restored
    with tempfile.TemporaryDirectory(prefix="careconnect-sample-") as folder:
        paths = list(data)
        if not paths:
            paths = [Path(folder)]
            write_sample(paths[0])
        return recorded_load(
            record, lambda _: load_paths(paths, tables, progress, base_url=base_url), find_sources(paths)
        )


def example_path(dynamodb: "DynamoDBClient", outputs: Mapping[str, str], report: LoadReport) -> str:
    """Return the path, below the FHIR base, of a resource to show: one that is there, for whoever reads patients.

    It is the patient of the README's call if that one was loaded, or else the first patient, or the first resource of
    the directory, which is open to everybody with a token. Without any of them it is `metadata`.
    """
    if _patient(dynamodb, outputs, _DOCUMENTED_PATIENT):
        return f"Patient/{_DOCUMENTED_PATIENT}"
    open_types = ("Patient", *(served.name for served in RESOURCE_TYPES if served.home is Home.DIRECTORY))
    named = next((name for name in open_types if name in report.first_ids), "")
    return f"{named}/{report.first_ids[named]}" if named else "metadata"


def stories_there(dynamodb: "DynamoDBClient", outputs: Mapping[str, str]) -> list[StoryTeller]:
    """Return the sample's patients with a story that the tables hold, whichever run they were loaded by.

    Records of one's own may have the same ids: the NHS number says whether it is the same patient.
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
    """Return a patient that the tables hold, or nothing."""
    key = {"pk": {"S": resource_key("Patient", patient_id)}, "sk": {"S": JSON_ITEM}}
    item = dynamodb.get_item(TableName=outputs["RecordTable"], Key=key).get("Item", {})
    found: dict[str, Any] = json.loads(item["body"]["S"]) if "body" in item else {}
    return found
