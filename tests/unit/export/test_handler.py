"""The keeper as Lambda runs it: settings at cold start, its adapters, and the deployment over moto."""

import importlib
import io
import json
import sys
import time
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from careconnect.export.jobs import DynamoDbJobs
from careconnect.fhir.outcomes import OutcomeError
from careconnect.runtime import aws
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.events import fhir_event
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.export_jobs import EXPORT_TABLE, JOB_ID, KEYS, a_job
from careconnect_testing.stacks.refused_start import missing_settings
from export_keeper.step_functions_machine import StepFunctionsMachine
from export_keeper.worker_patients import Absent, WorkerPatients

MACHINE = "arn:aws:states:eu-west-2:123456789012:stateMachine:exports"
SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "export_keeper",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "EXPORT_TABLE": EXPORT_TABLE,
    "EXPORT_MACHINE": MACHINE,
    "EXPORT_WORKER": "worker",
    "TOKEN_TABLE": "tokens",
    "PROOF_TABLE": "proofs",
    "USAGE_TABLE": "usage",
    "AUDIT_TABLE": "events",
    "AUDIT_RETENTION_DAYS": "0",
    "AUDIT_FAILURE": "closed",
    "ALLOWED_ORIGINS": "*",
    "BASE_URL": "https://care.example",
}


def test_a_missing_setting_stops_the_start_and_is_named() -> None:
    needed = {name: value for name, value in SETTINGS.items() if name != "BASE_URL"}

    assert missing_settings("export_keeper", needed) == {name: f"The setting {name} is missing." for name in needed}


def test_it_answers_a_status_from_its_table_and_records_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in {**SETTINGS, "AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-2"}.items():
        monkeypatch.setenv(name, value)
    sys.modules.pop("export_keeper.handler", None)
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-2")
        dynamodb.create_table(TableName=EXPORT_TABLE, BillingMode="PAY_PER_REQUEST", **KEYS)
        for table, name in (("TokenTable", "tokens"), ("UsageTable", "usage")):
            create_table(dynamodb, table, name)
        events = audit_table(dynamodb, "events")
        DynamoDbJobs(dynamodb, EXPORT_TABLE).put(a_job(time.time()), 2)
        caller = {"client_id": "client-1", "scope": "system/*.rs", "expires_at": str(int(time.time()) + 600)}
        handler = importlib.import_module("export_keeper.handler").lambda_handler
        answer = handler(fhir_event("GET", f"$export/{JOB_ID}", authorizer=caller), None)

        assert answer["statusCode"] == 202
        assert [(each.job, each.service) for each in events()] == [(JOB_ID, "export_keeper")]
    sys.modules.pop("export_keeper.handler", None)


class Executions:
    """Notes executions that are started, or fails with a code."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        self.started: list[dict[str, str]] = []

    def start_execution(self, **request: str) -> None:
        if self.code:
            raise ClientError({"Error": {"Code": self.code}}, "StartExecution")
        self.started.append(request)


def machine(executions: Any) -> StepFunctionsMachine:
    return StepFunctionsMachine(executions, MACHINE)


def test_an_execution_knows_the_jobs_id_alone_and_is_named_by_it() -> None:
    executions = Executions()
    machine(executions).run("a-job")

    assert executions.started == [{"stateMachineArn": MACHINE, "name": "a-job", "input": '{"job": "a-job"}'}]


def test_each_removal_is_an_execution_of_its_own_since_one_before_may_have_found_that_the_job_goes_on() -> None:
    executions = Executions()
    machine(executions).remove("a-job")
    machine(executions).remove("a-job")

    assert {each["input"] for each in executions.started} == {'{"job": "a-job", "remove": true}'}
    assert len({each["name"] for each in executions.started}) == 2
    assert all(each["name"].startswith("a-job-") for each in executions.started)


def test_an_execution_that_was_started_before_is_enough_and_an_engine_that_fails_is_503() -> None:
    machine(Executions("ExecutionAlreadyExists")).run("a-job")
    with pytest.raises(OutcomeError) as raised:
        machine(Executions("ExecutionLimitExceeded")).run("a-job")

    assert (raised.value.status, raised.value.reason) == (503, "ExecutionLimitExceeded")


class Worker:
    """Answers an invocation with a payload, or raises an error."""

    def __init__(self, answer: dict[str, Any] | Exception) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def invoke(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def absent(worker: Any) -> Absent:
    return WorkerPatients(worker, "worker").absent_among(["4", "5"])


def test_the_worker_is_asked_for_patients() -> None:
    worker = Worker({"Payload": io.BytesIO(b'{"absent": ["4", "5"], "never": ["5"]}')})

    assert absent(worker) == Absent(frozenset({"4", "5"}), frozenset({"5"}))
    assert [(each["FunctionName"], json.loads(each["Payload"])) for each in worker.asked] == [
        ("worker", {"patients": ["4", "5"]})
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {"FunctionError": "Unhandled", "Payload": io.BytesIO(b"{}")},
        ReadTimeoutError(endpoint_url="x"),
        ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"),
    ],
)
def test_a_worker_that_fails_is_503(answer: Any) -> None:
    with pytest.raises(OutcomeError) as raised:
        absent(Worker(answer))

    assert raised.value.status == 503


def test_the_worker_is_waited_for_as_long_as_a_request_may_take_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    config: Any = aws.functions().meta.config

    assert (config.read_timeout, config.connect_timeout) == (22.0, 1)
    assert config.retries["total_max_attempts"] == 1
