"""The sender as Lambda runs it: settings at cold start, and the deployment over moto."""

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from careconnect.export.job import Chain, JobFile, file_key
from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.outcomes import OutcomeError
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.events import fhir_event
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.export_jobs import EXPORT_TABLE, JOB_ID, KEYS, a_job
from careconnect_testing.stacks.refused_start import missing_settings
from export_sender.s3_files import S3Files

SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "export_sender",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "EXPORT_TABLE": EXPORT_TABLE,
    "EXPORT_BUCKET": "exports",
    "TOKEN_TABLE": "tokens",
    "PROOF_TABLE": "proofs",
    "AUDIT_TABLE": "events",
    "AUDIT_RETENTION_DAYS": "0",
    "AUDIT_FAILURE": "closed",
    "ALLOWED_ORIGINS": "*",
    "BASE_URL": "https://care.example",
}
NAME = "Patient.0.1.ndjson"
LINES = '{"resourceType":"Patient","id":"4"}\n'
Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def test_a_missing_setting_stops_the_start_and_is_named() -> None:
    needed = {name: value for name, value in SETTINGS.items() if name != "BASE_URL"}

    assert missing_settings("export_sender", needed) == {name: f"The setting {name} is missing." for name in needed}


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="eu-west-2")
        location: Any = {"LocationConstraint": "eu-west-2"}
        client.create_bucket(Bucket="exports", CreateBucketConfiguration=location)
        yield client


@pytest.fixture
def handler(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handler]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in {**SETTINGS, "AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-2"}.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("export_sender.handler", None)
    yield importlib.import_module("export_sender.handler").lambda_handler
    sys.modules.pop("export_sender.handler", None)


def test_it_answers_a_file_from_its_table_and_its_bucket_and_records_that(s3: Any, handler: Handler) -> None:
    dynamodb = boto3.client("dynamodb", region_name="eu-west-2")
    dynamodb.create_table(TableName=EXPORT_TABLE, BillingMode="PAY_PER_REQUEST", **KEYS)
    create_table(dynamodb, "TokenTable", "tokens")
    events = audit_table(dynamodb, "events")
    jobs, job = DynamoDbJobs(dynamodb, EXPORT_TABLE), a_job(time.time())
    jobs.put(job, 2)
    jobs.checkpoint(job, 0, Chain(1), [JobFile(NAME, "Patient", 1)])
    jobs.complete(job.id, int(time.time() * 1000) + 60_000)
    s3.put_object(Bucket="exports", Key=file_key(JOB_ID, NAME), Body=LINES.encode())
    caller = {"client_id": "client-1", "scope": "system/*.rs", "expires_at": str(int(time.time()) + 600)}

    answer = handler(fhir_event("GET", f"$export/{JOB_ID}/{NAME}", authorizer=caller), None)

    assert (answer["statusCode"], answer["body"]) == (200, LINES)
    assert [(each.job, each.file, each.service) for each in events()] == [(JOB_ID, NAME, "export_sender")]


def test_an_object_that_is_not_there_or_is_denied_has_no_text_and_else_s3_is_unavailable(s3: Any) -> None:
    assert S3Files(s3, "exports").text(JOB_ID, NAME) is None

    with pytest.raises(OutcomeError) as raised:
        S3Files(s3, "no-bucket").text(JOB_ID, NAME)
    assert (raised.value.status, raised.value.reason) == (503, "NoSuchBucket")
