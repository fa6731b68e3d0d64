"""The worker as Lambda runs it: settings at cold start, and a whole job over moto."""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from careconnect.export.job import CHAINS, file_key
from careconnect.export.jobs import DynamoDbJobs
from careconnect_records.items.table_formats import begin_table
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.export_jobs import EXPORT_TABLE, KEYS, a_job
from careconnect_testing.parts.stores import load, reader_on_moto
from careconnect_testing.records.few_records import write_records
from careconnect_testing.stacks.refused_start import missing_settings

SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "export_worker",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "RECORD_TABLE": "records",
    "DIRECTORY_TABLE": "directory",
    "TRANSACTION_TABLE": "transactions",
    "DIRECTORY_TRANSACTION_TABLE": "directory-transactions",
    "EXPORT_TABLE": EXPORT_TABLE,
    "EXPORT_BUCKET": "exports",
    "TOKEN_TABLE": "tokens",
    "AUDIT_TABLE": "events",
    "AUDIT_RETENTION_DAYS": "0",
}
Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def test_a_missing_setting_stops_the_start_and_is_named() -> None:
    assert missing_settings("export_worker", SETTINGS) == {name: f"The setting {name} is missing." for name in SETTINGS}


class Context:
    """What Lambda tells of a call."""

    aws_request_id = "asked-1"

    def get_remaining_time_in_millis(self) -> int:
        """Return what is left of five minutes."""
        return 300_000


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Handler]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with reader_on_moto() as reader:
        for table in reader.tables.of_resources:
            begin_table(reader.client, table)
        load(reader, write_records(tmp_path), datetime.fromtimestamp(time.time() - 120, UTC))
        tables = {
            "RECORD_TABLE": reader.tables.record,
            "DIRECTORY_TABLE": reader.tables.directory,
            "TRANSACTION_TABLE": reader.tables.transaction,
            "DIRECTORY_TRANSACTION_TABLE": reader.tables.directory_transaction,
        }
        region = {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-2"}
        for name, value in {**SETTINGS, **tables, **region}.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("export_worker.handler", None)
        yield importlib.import_module("export_worker.handler").lambda_handler
        sys.modules.pop("export_worker.handler", None)


def test_it_exports_its_tables_into_its_bucket_and_records_whose_data_that_is(handler: Handler) -> None:
    dynamodb: Any = boto3.client("dynamodb", region_name="eu-west-2")
    s3 = boto3.client("s3", region_name="eu-west-2")
    location: Any = {"LocationConstraint": "eu-west-2"}
    s3.create_bucket(Bucket="exports", CreateBucketConfiguration=location)
    dynamodb.create_table(TableName=EXPORT_TABLE, BillingMode="PAY_PER_REQUEST", **KEYS)
    create_table(dynamodb, "TokenTable", "tokens")
    events = audit_table(dynamodb, "events")
    jobs, job = DynamoDbJobs(dynamodb, EXPORT_TABLE), a_job(time.time() - 60)
    jobs.put(job, 2)

    def step(name: str, **more: Any) -> dict[str, Any]:
        return handler({"job": job.id, "step": name, **more}, Context())

    assert step("begin") == {"chains": list(range(CHAINS))}
    for chain in range(CHAINS):
        assert step("read", chain=chain) == {"more": False}
    assert step("record") == {"more": False}
    assert set(step("finish")) == {"expires"}

    keys = [file_key(job.id, each.name) for each in jobs.files(job.id)]
    texts = [s3.get_object(Bucket="exports", Key=key)["Body"].read().decode() for key in keys]
    patients = sorted(json.loads(line)["id"] for text in texts for line in text.splitlines())
    assert patients
    assert sorted(each.patient for each in events()) == patients
    assert {(each.job, each.service) for each in events()} == {(job.id, "export_worker")}
    assert handler({"patients": [patients[0], "nobody"]}, Context()) == {"absent": ["nobody"], "never": ["nobody"]}
