"""The access record of a deployed template: sealed by its function, tampered with by an administrator, verified."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect.access_record.chain import link_key
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import Action, AuditEvent, event_key, new_event_id
from careconnect_admin.cli import app
from careconnect_admin.clients.demo import DemoClient, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.target import StackTarget

pytestmark = [pytest.mark.integration, pytest.mark.slow]

Run = Callable[..., Result]

EVENTS = 3
# One day for each way to tamper, as what a seal has found once is not forgotten.
DAYS = {
    way: (datetime.now(UTC).date() - timedelta(days=age)).isoformat()
    for age, way in enumerate(("changed", "removed", "put in between", "link", "emptied", "untouched", "head"), start=1)
}


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, explorer: DemoClient) -> Iterator[LocalStack]:
    """A stack whose record may be broken."""
    with LocalStack(log_folder=tmp_path_factory.mktemp("sealed")) as stack:
        register((explorer,), DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"]))
        yield stack


@pytest.fixture(scope="module")
def recorded(own_stack: LocalStack) -> dict[str, list[str]]:
    """The ids of a few events of each day, by what is to be done to them; all are sealed."""
    record = DynamoDbAuditStore(own_stack.client("dynamodb"), own_stack.stack.outputs["AuditTable"])
    # A seal of the schedule's, between the days that follow, would find the older of them put in behind it.
    events = own_stack.client("events")
    rules = [rule["Name"] for rule in events.list_rules()["Rules"]]
    assert rules
    for rule in rules:
        events.disable_rule(Name=rule)
    ids = {}
    for age, way in enumerate(DAYS, start=1):
        ids[way] = [new_event_id(time.time() - age * 86_400 + number / 1000) for number in range(EVENTS)]
        record.keep([AuditEvent(id=each, action=Action.READ, interaction="read", patient="4") for each in ids[way]])
    assert audit(own_stack, "seal").exit_code == 0
    return ids


def audit(stack: LocalStack, *arguments: str) -> Result:
    target = StackTarget(stack.stack.name, dict(stack.stack.outputs), stack.client, is_local=True, place="local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
        return CliRunner().invoke(app, ["audit", *arguments])


def broken(stack: LocalStack, day: str) -> str:
    """Verify a day that is broken, before and after another seal, and return what is named."""
    before = audit(stack, "verify", "--date", day)
    audit(stack, "seal")
    after = audit(stack, "verify", "--date", day)
    assert (before.exit_code, after.exit_code) == (1, 1), before.output
    assert before.stdout == after.stdout
    return before.stdout


def test_what_is_sealed_stands(own_stack: LocalStack, recorded: dict[str, list[str]]) -> None:
    result = audit(own_stack, "verify", "--date", DAYS["untouched"])

    assert result.exit_code == 0, result.output
    assert result.stdout == f"{DAYS['untouched']}  {EVENTS} sealed, all stand; 0 not sealed yet\n"


def test_a_changed_event_is_named(own_stack: LocalStack, recorded: dict[str, list[str]]) -> None:
    changed = recorded["changed"][1]
    own_stack.client("dynamodb").update_item(
        TableName=own_stack.stack.outputs["AuditTable"],
        Key=event_key(changed),
        UpdateExpression="SET client = :client",
        ExpressionAttributeValues={":client": {"S": "somebody-else"}},
    )

    assert f"AuditEvent/{changed} was changed" in broken(own_stack, DAYS["changed"])


def test_a_removed_event_is_named(own_stack: LocalStack, recorded: dict[str, list[str]]) -> None:
    removed = recorded["removed"][2]
    own_stack.client("dynamodb").delete_item(TableName=own_stack.stack.outputs["AuditTable"], Key=event_key(removed))

    assert f"AuditEvent/{removed} was removed" in broken(own_stack, DAYS["removed"])


def test_an_event_that_a_writer_puts_in_between_is_named(own_stack: LocalStack, recorded: dict[str, list[str]]) -> None:
    """A writer's own rights are enough for this, so nothing but the verification is in its way."""
    forged = f"{recorded['put in between'][0][:13]}{'f' * 32}"
    record = DynamoDbAuditStore(
        own_stack.role_client("dynamodb", "RecordWriterFunction"), own_stack.stack.outputs["AuditTable"]
    )
    record.keep([AuditEvent(id=forged, action=Action.READ, interaction="read", patient="4", client_id="forged")])

    assert f"AuditEvent/{forged} was put in between" in broken(own_stack, DAYS["put in between"])


def test_a_removed_link_names_its_first_event(own_stack: LocalStack, recorded: dict[str, list[str]]) -> None:
    own_stack.client("dynamodb").delete_item(
        TableName=own_stack.stack.outputs["SealTable"], Key=link_key(DAYS["link"], 1)
    )

    assert f"AuditEvent/{recorded['link'][0]}" in broken(own_stack, DAYS["link"])


def test_a_head_that_is_forged_or_gone_is_named(own_stack: LocalStack, recorded: dict[str, list[str]]) -> None:
    dynamodb, table = own_stack.client("dynamodb"), own_stack.stack.outputs["SealTable"]
    key = {"pk": {"S": "days"}, "sk": {"S": DAYS["head"]}}
    head = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item={**head, "mac": {"B": b"x" * 32}})
    assert "the day's head was altered" in broken(own_stack, DAYS["head"])

    dynamodb.delete_item(TableName=table, Key=key)

    assert "the day's head is missing" in broken(own_stack, DAYS["head"])
    assert recorded["head"][0] in broken(own_stack, DAYS["head"])


def test_a_day_that_was_emptied_with_its_chain_is_told(own_stack: LocalStack, recorded: dict[str, list[str]]) -> None:
    dynamodb, outputs = own_stack.client("dynamodb"), own_stack.stack.outputs
    for item in dynamodb.scan(TableName=outputs["AuditTable"])["Items"]:
        if item["pk"]["S"].startswith(DAYS["emptied"]):
            dynamodb.delete_item(TableName=outputs["AuditTable"], Key={name: item[name] for name in ("pk", "sk")})
    for item in dynamodb.scan(TableName=outputs["SealTable"])["Items"]:
        if DAYS["emptied"] in (item["sk"]["S"], item["pk"]["S"].removeprefix("links#")):
            dynamodb.delete_item(TableName=outputs["SealTable"], Key={name: item[name] for name in ("pk", "sk")})

    assert "a later day's head tells of another chain" in broken(own_stack, DAYS["emptied"])


def test_a_request_is_recorded_sealed_and_listed(
    own_stack: LocalStack, recorded: dict[str, list[str]], explorer: DemoClient
) -> None:
    with httpx.Client(base_url=own_stack.base_url, timeout=30, trust_env=False) as http:
        asked = {"grant_type": "client_credentials"}
        token = http.post("/token", data=asked, auth=(explorer.client_id, explorer.secret)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}", "X-Request-Id": "the-one-to-find"}
        assert http.get(f"{own_stack.fhir_url}/Patient/nobody", headers=bearer).status_code == 404
    today = datetime.now(UTC).date().isoformat()

    (listed,) = json.loads(audit(own_stack, "--patient", "nobody", "--json").stdout)
    assert (listed["client_id"], listed["request_id"]) == (explorer.client_id, "the-one-to-find")
    assert audit(own_stack, "seal").exit_code == 0
    assert "all stand" in audit(own_stack, "verify", "--date", today).stdout
    assert json.loads(audit(own_stack, "show", listed["id"], "--json").stdout) == listed


def test_a_schedule_seals_each_minute_and_another_verifies_each_day(local_stack: LocalStack) -> None:
    events = local_stack.client("events")
    rules = {rule["ScheduleExpression"]: rule for rule in events.list_rules()["Rules"] if "ScheduleExpression" in rule}

    inputs = {}
    for schedule, rule in rules.items():
        assert rule["State"] == "ENABLED"
        (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        inputs[schedule] = json.loads(target["Input"])
    assert inputs == {"rate(1 minute)": {"seal": {}}, "rate(1 day)": {"verify": "yesterday"}}


def test_a_digest_of_the_operators_is_that_of_the_functions(
    own_stack: LocalStack, explorer: DemoClient, recorded: dict[str, list[str]]
) -> None:
    with httpx.Client(base_url=own_stack.base_url, timeout=30, trust_env=False) as http:
        asked = {"grant_type": "client_credentials"}
        token = http.post("/token", data=asked, auth=(explorer.client_id, explorer.secret)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        http.get(f"{own_stack.fhir_url}/Patient?identifier=9990000018", headers=bearer)

    digest = audit(own_stack, "digest", "9990000018").stdout.strip()
    today = datetime.now(UTC).date().isoformat()
    assert f"identifier={digest}" in audit(own_stack, "list", "--date", today).stdout
