"""The seed data of a fresh stack, and the part of it that is shown."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from careconnect_admin.clients.demo import demo_clients
from careconnect_admin.loading.load import LoadReport, load_paths
from careconnect_admin.local.seeding import example_path, seed, stories_there
from careconnect_admin.sample.records import sample_resources
from careconnect_records.items.tables import RecordTables
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.audit_trails import audit_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

OUTPUTS = {"RecordTable": "records", "DirectoryTable": "directory"}


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> "Iterator[DynamoDBClient]":
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with mock_aws():
        client = boto3.client("dynamodb")
        create_table(client, "RecordTable", "records")
        create_table(client, "DirectoryTable", "directory")
        create_table(client, "ReferenceTable", "references")
        create_table(client, "TransactionTable", "transactions")
        create_table(client, "DirectoryTransactionTable", "directory-transactions")
        yield client


def load(dynamodb: "DynamoDBClient", folder: Path, *entries: dict[str, Any]) -> LoadReport:
    path = folder / "in.json"
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}), encoding="utf-8")
    return load_paths(
        [path],
        RecordTables(dynamodb, "records", "directory", "references", "transactions", "directory-transactions"),
        writers=1,
    )


def put(type_name: str, resource_id: str) -> dict[str, Any]:
    resource = {"resourceType": type_name, "id": resource_id}
    resource |= {"name": "Surgery"} if type_name == "Organization" else {}
    return {"resource": resource, "request": {"method": "PUT", "url": f"{type_name}/{resource_id}"}}


@pytest.mark.parametrize(
    ("loaded", "shown"),
    [
        (["Organization/o", "Patient/9", "Patient/4"], "Patient/4"),
        (["Organization/o", "Patient/9", "Patient/8"], "Patient/9"),
        (["Medication/m", "Organization/o"], "Organization/o"),
        (["Medication/m"], "metadata"),
    ],
)
def test_what_is_shown_is_there_and_open_to_who_reads_patients(
    dynamodb: "DynamoDBClient", tmp_path: Path, loaded: list[str], shown: str
) -> None:
    report = load(dynamodb, tmp_path, *(put(*name.split("/")) for name in loaded))
    assert example_path(dynamodb, OUTPUTS, report) == shown


def test_a_deleted_patient_is_not_shown(dynamodb: "DynamoDBClient", tmp_path: Path) -> None:
    load(dynamodb, tmp_path, put("Patient", "4"))
    report = load(dynamodb, tmp_path, {"request": {"method": "DELETE", "url": "Patient/4"}}, put("Patient", "5"))
    assert example_path(dynamodb, OUTPUTS, report) == "Patient/5"


def test_a_story_is_shown_the_samples_own_patient_alone(dynamodb: "DynamoDBClient", tmp_path: Path) -> None:
    assert stories_there(dynamodb, OUTPUTS) == []
    sample = next(each for each in sample_resources() if each["resourceType"] == "Patient" and each["id"] == "5")
    theirs = {**put("Patient", "5"), "resource": sample}
    load(dynamodb, tmp_path, put("Patient", "4"), theirs, put("Patient", "6"))
    assert [(each.patient_id, each.name) for each in stories_there(dynamodb, OUTPUTS)] == [("5", "Goran Antić")]


def test_demo_clients_and_the_load_are_in_the_audit_trail(dynamodb: "DynamoDBClient", tmp_path: Path) -> None:
    create_table(dynamodb, "ClientTable", "clients")
    events = audit_table(dynamodb, "audit")
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"resourceType": "Patient", "id": "4"}), encoding="utf-8")
    outputs = OUTPUTS | {
        "ReferenceTable": "references",
        "TransactionTable": "transactions",
        "DirectoryTransactionTable": "directory-transactions",
        "ClientTable": "clients",
        "AuditTable": "audit",
    }
    clients = demo_clients()

    seed(dynamodb, outputs, clients, [path], lambda *_: None, base_url="http://127.0.0.1:3000")

    assert {(event.interaction, event.client_id, event.outcome.value) for event in events()} == {
        ("client-add", "operator", "0"),
        ("load", "operator", "0"),
    }
    assert len(events()) == len(clients) + 1
