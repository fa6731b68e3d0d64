"""The audit events of clients and tokens, over HTTP and by the command line (`oauth.md`)."""

import json
import time
from collections.abc import Callable, Iterator

import httpx
import jwt
import pytest
from typer.testing import CliRunner

from audit_archiver.retentions import HEARTBEAT
from careconnect.audit.event import AuditEvent, event_of
from careconnect_admin.cli import app
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.http.token_rows import GRANT

pytestmark = pytest.mark.integration

OWNER = "owner-of-events"

New = Callable[[], list[AuditEvent]]


@pytest.fixture(scope="module")
def owner(local_stack: LocalStack) -> tuple[str, str]:
    """Register a client of the directory, which this module alone uses."""
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    secret = register_client(registry, ClientRegistration(OWNER, "x", ("profile",)), now=time.time())
    return OWNER, str(secret)


@pytest.fixture
def new(local_stack: LocalStack) -> New:
    """Return a function that lists the events since it was called last."""
    dynamodb, table = local_stack.client("dynamodb"), local_stack.stack.outputs["AuditTable"]
    seen: set[str] = set()

    def listed() -> list[AuditEvent]:
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        every = [event_of(item) for page in pages for item in page["Items"] if "action" in item]
        added = [event for event in every if event.id not in seen and event.interaction != HEARTBEAT]
        seen.update(event.id for event in added)
        return sorted(added, key=lambda event: event.id)

    listed()
    return listed


def printed(event: AuditEvent) -> tuple[str, str, str, str]:
    return event.interaction, event.client_id, event.outcome.value, event.why


def test_each_call_is_one_event(http: httpx.Client, owner: tuple[str, str], new: New) -> None:
    refused = http.post("/token", data=GRANT, auth=(OWNER, "wrong"), headers={"X-Request-Id": "mine"})
    assert refused.status_code == 401
    (event,) = new()
    assert printed(event) == ("token", OWNER, "4", "client authentication")
    assert (event.service, event.request_id, event.status) == ("token_issuer", "mine", 401)
    assert event.gateway_request_id not in ("", "mine")
    assert event.address

    assert http.post("/token", data=GRANT, auth=("nobody-at-all", "wrong")).status_code == 401
    # Of nobody's failures there is one in a minute, which may have been another test's.
    assert {printed(event) for event in new()} <= {("token", "", "4", "client authentication")}

    token = http.post("/token", data=GRANT, auth=owner).json()["access_token"]
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    for path, status in (("/introspect", 200), ("/revoke", 200), ("/introspect", 200)):
        assert http.post(path, data={"token": token}, auth=owner).status_code == status
    events = new()
    assert [printed(event) for event in events] == [
        ("token", OWNER, "0", ""),
        ("introspect", OWNER, "0", ""),
        ("revoke", OWNER, "0", ""),
        ("introspect", OWNER, "0", ""),
    ]
    assert {(event.action.value, event.subject, event.jti, event.patient) for event in events} == {
        ("E", OWNER, jti, "")
    }


def test_a_change_by_the_command_line_is_one_event(
    local_stack: LocalStack, owner: tuple[str, str], new: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = local_stack.stack
    target = StackTarget(stack.name, dict(stack.outputs), local_stack.client, is_local=True, place="local")
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)

    done = CliRunner().invoke(app, ["clients", "update", OWNER, "--name", "Another name", "--json"])

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["name"] == "Another name"
    (event,) = new()
    assert printed(event) == ("client-update", "operator", "0", "")
    assert (event.action.value, event.service, event.query) == ("U", "cli", f"client_id={OWNER}&name=changed")


@pytest.fixture
def unkept(local_stack: LocalStack) -> Iterator[None]:
    """Deny the issuer's role the table of events."""
    iam, role = local_stack.client("iam"), local_stack.stack.resources["TokenFunctionRole"]
    table = local_stack.stack.outputs["AuditTable"]
    statement = {
        "Effect": "Deny",
        "Action": "dynamodb:PartiQLInsert",
        "Resource": f"arn:aws:dynamodb:*:*:table/{table}",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="no-events", PolicyDocument=policy)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="no-events")


def test_while_nothing_is_stored_all_is_503_and_no_token_is_handed_out(
    http: httpx.Client, owner: tuple[str, str], new: New, request: pytest.FixtureRequest
) -> None:
    token = http.post("/token", data=GRANT, auth=owner).json()["access_token"]
    new()
    request.getfixturevalue("unkept")

    for path in ("/token", "/introspect", "/revoke"):
        for auth in (owner, (OWNER, "wrong")):
            answer = http.post(path, data={**GRANT, "token": token}, auth=auth)
            assert answer.status_code == 503, path
            assert answer.json().keys() == {"error", "error_description"}
            assert answer.headers["Retry-After"] == "2"

    assert new() == []
