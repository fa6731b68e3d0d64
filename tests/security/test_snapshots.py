"""The calls of each function before a snapshot stay within its role, and leave nothing behind."""

import sys
from typing import Any

import pytest

from careconnect.runtime.observability import PowertoolsObserver
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.stacks.deployed_function import function_here
from careconnect_testing.stacks.granted import GRANTED, KEYS_GRANTED
from careconnect_testing.stacks.snapshots import lambdas_hooks

pytestmark = pytest.mark.integration

LOOKS = {
    "TokenFunction": {"BatchGetItem", "GetPublicKey"},
    "ReadAuthorizerFunction": {"BatchGetItem", "GetPublicKey"},
    "WriteAuthorizerFunction": {"BatchGetItem", "GetPublicKey"},
    "PatientRecordFunction": {"GetItem"},
    "DirectoryFunction": {"GetItem"},
    "RecordWriterFunction": {"GetItem"},
    "DirectoryWriterFunction": {"GetItem"},
}
"""What each function asks for before a snapshot: nothing that writes, signs or makes a digest."""

PACKAGES = {
    "TokenFunction": "token_issuer",
    "ReadAuthorizerFunction": "scope_authorizer",
    "WriteAuthorizerFunction": "scope_authorizer",
    "PatientRecordFunction": "fhir_reader",
    "DirectoryFunction": "fhir_reader",
    "RecordWriterFunction": "record_writer",
    "DirectoryWriterFunction": "record_writer",
}


@pytest.mark.parametrize("function", LOOKS)
def test_a_function_asks_before_a_snapshot_for_what_its_role_may_read(
    local_stack: LocalStack, function: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(PowertoolsObserver, "count", lambda _, name: counted.append(name))
    with lambdas_hooks() as snapshots, function_here(local_stack, function, PACKAGES[function]) as (_, used):
        assert used == set()
        snapshots.take()

    assert {action.partition(":")[2] for action, _ in used} == LOOKS[function]
    assert all(_may(function, action, resource) for action, resource in used)
    # Neither a request nor a failure, nor a metric.
    assert caplog.records == []
    assert counted == []


def _may(function: str, action: str, resource: str) -> bool:
    if action.startswith("kms:"):
        return (action, "SigningKey") in KEYS_GRANTED[function] and resource.endswith("SigningKeyAlias")
    return (action, resource) in GRANTED[function]


@pytest.mark.parametrize("function", LOOKS)
def test_no_connection_of_before_a_snapshot_is_in_it(local_stack: LocalStack, function: str) -> None:
    def pools() -> list[Any]:
        sessions = [client._endpoint.http_session for client in clients]
        return [pool for session in sessions for pool in session._manager.pools._container.values()]

    with lambdas_hooks() as snapshots, function_here(local_stack, function, PACKAGES[function]) as (_, used):
        clients = clients_of(function)
        snapshots.take()
        assert used or not clients

        assert pools() == []


def clients_of(function: str) -> list[Any]:
    return [value for value in vars(sys.modules[f"{PACKAGES[function]}.handler"]).values() if hasattr(value, "meta")]


def test_a_copy_calls_by_connections_of_its_own(local_stack: LocalStack) -> None:
    with (
        lambdas_hooks() as snapshots,
        function_here(local_stack, "ReadAuthorizerFunction", "scope_authorizer") as (_, used),
    ):
        client = next(each for each in clients_of("ReadAuthorizerFunction") if hasattr(each, "get_public_key"))
        snapshots.take()
        snapshots.restore()

        key = local_stack.stack.resources["SigningKey"]
        assert client.get_public_key(KeyId=key)["SigningAlgorithms"]
        assert used


def test_a_function_starts_where_nothing_answers_and_says_so(
    local_stack: LocalStack, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(**_: Any) -> None:
        raise ConnectionError("secret-detail")

    with lambdas_hooks() as snapshots, function_here(local_stack, "ReadAuthorizerFunction", "scope_authorizer"):
        for client in clients_of("ReadAuthorizerFunction"):
            client.meta.events.register("before-call", fails)
        snapshots.take()

    told = [vars(record)["msg"] for record in caplog.records]
    assert [(each["message"], each["action"]) for each in told] == [("failure", "snapshot")] * 2
    assert "secret-detail" not in str([vars(record) for record in caplog.records])
