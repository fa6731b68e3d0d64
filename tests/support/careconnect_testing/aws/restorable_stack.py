"""A deployed stack that can be restored: moto's tables, and a CloudFormation and a Lambda that are made up."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from careconnect.fhir.resource_types import RESOURCE_TYPES, Table
from careconnect_admin.restoring.carry_versions import carry_versions
from careconnect_admin.restoring.restore_tables import restore_tables
from careconnect_admin.restoring.switch_tables import Switch
from careconnect_admin.stack.restored_tables import OUTPUTS, TableSet, restored_set, suffix_of
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.writes import LONG_TEXT, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE, Reader, load, reader_on_moto
from careconnect_testing.records.few_records import few_records, write_records

INSTANT = datetime(2026, 11, 28, 3, tzinfo=UTC)
NAMED = {resource["id"]: resource for resource in few_records() if resource["resourceType"] == "Patient"}
SEED = {"resourceType": "Organization", "id": "many", "name": "Of many names", "text": LONG_TEXT}
MANY_NAMES = {**SEED, "alias": [f"{chr(ord('a') + number % 26)}{number} name" for number in range(130)]}
"""More entries than a transaction takes."""
_TYPES = {"Patient", *(each.name for each in RESOURCE_TYPES if each.table is Table.DIRECTORY)}
_OBSERVATIONS = {"o1", "o2", "o3"}
WRITERS = {
    "RecordWriterFunction": "writer-1",
    "DirectoryWriterFunction": "writer-2",
    "BundleFunction": "writer-3",
    "RecoveryFunction": "writer-4",
}
OTHERS = {
    "AuditTable": "audit",
    "ClientTable": "clients",
    "TokenTable": "tokens",
    "UsageTable": "usage",
    "ProofTable": "proofs",
    "ExportTable": "exports",
}
"""The tables that a restore to a point in time leaves alone."""
_MAPPING = {
    "UUID": "mapping",
    "EventSourceArn": "arn:aws:dynamodb:eu-west-2:123456789012:table/audit/stream/gone",
    "FunctionArn": "arn:aws:lambda:eu-west-2:123456789012:function:archiver:live",
    "BatchSize": 3000,
    "MaximumRetryAttempts": -1,
    "State": "Enabled",
}


@dataclass
class Restorable:
    """The stack. `steps` are its changes of functions and stack, `at_the_end` is what becomes of its next update."""

    reader: Reader
    own: TableSet
    writer: Writer
    parameters: dict[str, str] = field(
        default_factory=lambda: {"RestoredTables": "", "DeletionProtection": "true", "OriginSecret": "****"}
    )
    concurrency: dict[str, int] = field(default_factory=dict)
    status: str = "UPDATE_COMPLETE"
    at_the_end: str = "UPDATE_COMPLETE"
    steps: list[Any] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    mappings: list[dict[str, Any]] = field(default_factory=list)
    """The mappings of streams that commands have made."""

    @property
    def in_service(self) -> TableSet:
        """The tables that the functions have."""
        suffix = self.parameters.get("RestoredTables", "")
        return restored_set("careconnect", suffix) if suffix else self.own

    def target(self) -> StackTarget:
        """Return the stack as a new command finds it."""
        services = {"dynamodb": self.reader.client, "cloudformation": self, "lambda": self, "stepfunctions": self}
        others = {**OTHERS, "ExportMachine": "the machine of exports", "BaseUrl": BASE}
        outputs = {**dict(zip(OUTPUTS, self.in_service.names, strict=True)), **others}
        return StackTarget("careconnect", outputs, services.__getitem__, parameters=dict(self.parameters))

    def tables(self, names: TableSet) -> RecordTables:
        """Return some tables of the stack."""
        return RecordTables(self.reader.client, *names.names)

    def serving(self, names: TableSet) -> Reader:
        """Return a reader of some tables, whose calls count with the others."""
        return Reader(self.reader.client, self.tables(names), calls=self.reader.calls, faults=self.reader.faults)

    def restore(self, instant: datetime = INSTANT) -> TableSet:
        """Restore the tables in service as they are, since moto ignores the time."""
        restore_tables(self.target(), instant, tell=lambda _: None, progress=lambda *_: None, sleep=lambda _: None)
        return restored_set("careconnect", suffix_of(instant))

    def written_since(self) -> TableSet:
        """Restore, and then do everything to resources that may happen to them; return the restored tables."""
        write = self.writer
        assert write.update({**observation("Patient/4"), "id": "deleted"}).status == 201
        assert write.delete("Observation/deleted").status == 204
        assert write.update(MANY_NAMES).status == 201
        restored = self.restore()
        assert write.update({**NAMED["5"], "gender": "other"}).status == 200
        assert write.update({**NAMED["4"], "active": False}).status == 200
        assert write.update(NAMED["4"]).status == 200
        assert write.delete("Observation/o1").status == 204
        assert write.update({**observation("Patient/6"), "id": "new"}).status == 201
        assert write.update({**patient("9434765919"), "id": "brief"}).status == 201
        assert write.delete("Patient/brief").status == 204
        assert write.update({**observation("Patient/5"), "id": "deleted"}).status == 201
        assert write.delete("Observation/deleted").status == 204
        assert write.update(SEED).status == 200
        return restored

    def carry(self, restored: TableSet) -> int:
        """Carry versions over from the stack's own tables to restored ones."""
        return carry_versions(
            self.tables(self.own),
            self.tables(restored),
            base_url=BASE,
            announce=self.patients.extend,
            sleep=lambda _: None,
        )

    def switch(self, restored: TableSet, erased: Sequence[str] = ()) -> int:
        """Put restored tables into service."""
        announced, said = self.patients.extend, self.said.append
        return Switch(self.target(), restored, announced, said, sleep=lambda _: None, erased=erased).run()

    def _step(self, name: str, *about: Any) -> None:
        self.reader.calls.append(name)
        for fault in self.reader.faults:
            fault(name)
        self.steps.append((name, *about))

    def get_paginator(self, operation: str) -> Any:
        """Return the stack's resources."""
        assert operation == "list_stack_resources"
        resources = {
            **{name: ("AWS::DynamoDB::Table", table) for name, table in zip(OUTPUTS, self.own.names, strict=True)},
            **{name: ("AWS::Lambda::Function", function) for name, function in WRITERS.items()},
            "ArchiverMapping": ("AWS::Lambda::EventSourceMapping", "mapping"),
        }
        summaries = [
            {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": physical}
            for name, (kind, physical) in resources.items()
        ]
        return SimpleNamespace(paginate=lambda **_: [{"StackResourceSummaries": summaries}])

    def describe_stacks(self, **_: Any) -> Any:
        """Return the stack; each call advances an update by one step."""
        described = {
            "StackStatus": self.status,
            "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in self.parameters.items()],
        }
        if self.status == "UPDATE_IN_PROGRESS":
            self.status = self.at_the_end
        return {"Stacks": [described]}

    def update_stack(self, **request: Any) -> None:
        """Begin an update."""
        self._step("UpdateStack", request)
        changed = {
            each["ParameterKey"]: each["ParameterValue"] for each in request["Parameters"] if "ParameterValue" in each
        }
        if self.at_the_end == "UPDATE_COMPLETE":
            self.parameters |= changed
        self.status = "UPDATE_IN_PROGRESS"

    def get_function_concurrency(self, *, FunctionName: str) -> Any:  # noqa: N803 - botocore's own name
        """Return a function's reserved concurrency."""
        found = self.concurrency.get(FunctionName)
        return {} if found is None else {"ReservedConcurrentExecutions": found}

    def put_function_concurrency(self, *, FunctionName: str, ReservedConcurrentExecutions: int) -> None:  # noqa: N803
        """Reserve a function's concurrency."""
        self._step("PutFunctionConcurrency", FunctionName, ReservedConcurrentExecutions)
        self.concurrency[FunctionName] = ReservedConcurrentExecutions

    def delete_function_concurrency(self, *, FunctionName: str) -> None:  # noqa: N803
        """Reserve none."""
        self._step("DeleteFunctionConcurrency", FunctionName)
        self.concurrency.pop(FunctionName, None)

    def get_event_source_mapping(self, *, UUID: str) -> Any:  # noqa: N803
        """Return the stack's own mapping of the audit table's stream."""
        return dict(_MAPPING) if UUID == "mapping" else {}

    def list_event_source_mappings(self, *, EventSourceArn: str) -> Any:  # noqa: N803
        """Return the mappings of a stream."""
        return {
            "EventSourceMappings": [each for each in self.mappings if each["EventSourceArn"] == EventSourceArn],
        }

    def create_event_source_mapping(self, **mapping: Any) -> None:
        """Map a stream."""
        self._step("CreateEventSourceMapping")
        self.mappings.append(mapping)


@contextmanager
def restorable_stack(folder: Path) -> Iterator[Restorable]:
    """Yield a stack that holds a few records, with the writers of the tables that are in service at first."""
    with reader_on_moto() as reader:
        load(
            reader,
            write_records(
                folder,
                [each for each in few_records() if each["resourceType"] in _TYPES or each["id"] in _OBSERVATIONS],
            ),
        )
        tables = reader.tables
        own = TableSet("", tables.record, tables.directory, tables.reference, *tables.states)
        for table in own.names:
            recovery = {"PointInTimeRecoveryEnabled": True}
            reader.client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
        reader.calls.clear()
        yield Restorable(reader, own, Writer(reader))


def versions(reader: Reader, path: str) -> Sequence[tuple[str, str]]:
    """Return (ETag, status) of each version in a history, the newest first, after checking that none is missing."""
    answer = reader.get(f"{path}/_history")
    assert answer.status == 200, answer.text
    found = [(each["response"]["etag"], each["response"]["status"]) for each in answer.json["entry"]]
    assert [etag for etag, _ in found] == [f'W/"{number}"' for number in range(answer.json["total"], 0, -1)]
    return found
