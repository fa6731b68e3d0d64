"""The changes that end the tokens of a client, and the messages that an operator sees about them (ADR 17)."""

import json
from collections.abc import Callable, Iterator
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from careconnect.oauth.access_token import (
    KEPT_AFTER_EXPIRY,
    LONGEST_JOB,
    MAX_LIFETIME,
    client_cutoff_key,
    patient_cutoff_key,
    revocation_key,
)
from careconnect_admin.cli import app
from careconnect_admin.clients.client_change import ClientChange
from careconnect_admin.clients.cut_off import disable_client, remove_client, update_client
from careconnect_admin.clients.errors import RegistrationError, TokensLiveOnError
from careconnect_admin.clients.registration import enable_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.clients.token_revocation import DynamoDbTokenRevocations
from careconnect_admin.commands.shared import on_stack
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.issuer import AUDIT_TABLE, CLIENT_TABLE, TOKEN_TABLE, Issuer, basic, built_issuer
from careconnect_testing.stacks.command_line import printed

THEN = 1_800_000_000
"""The epoch second that DynamoDB dates its answers with."""

JTI = "0b9f3a52-6c1d-4b8e-9f70-3d2c1b0a9e8f"
RECORD_TABLE = "records"
SCOPES = ("profile", "user/Patient.read", "patient/Patient.read")

Run = Callable[..., Result]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with built_issuer(tables_of_moto=True) as issuer:
        issuer.clock.now = float(THEN)
        dated(issuer, formatdate(THEN, usegmt=True))
        yield issuer


def dated(issuer: Issuer, date: str | None) -> None:
    """Have DynamoDB date its answers so, or not at all."""

    def put_date(parsed: dict[str, Any], **_: Any) -> None:
        headers = parsed["ResponseMetadata"]["HTTPHeaders"]
        headers.pop("date", None)
        if date is not None:
            headers["date"] = date

    issuer.dynamodb.meta.events.unregister("after-call.dynamodb.*", unique_id="date")
    issuer.dynamodb.meta.events.register("after-call.dynamodb.*", put_date, unique_id="date")


class Ending:
    """Revocations on moto, with their clock, the seconds that they waited, and the messages that they printed."""

    def __init__(self, issuer: Issuer) -> None:
        self.clock = Clock(float(THEN))
        self.printed: list[str] = []
        self.slept: list[float] = []
        self.revocations = DynamoDbTokenRevocations(
            issuer.dynamodb, TOKEN_TABLE, tell=self.printed.append, clock=self.clock, sleep=self.slept.append
        )


@pytest.fixture
def ending(issuer: Issuer) -> Ending:
    return Ending(issuer)


@pytest.fixture
def run(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect …` on a stack of moto's."""
    outputs = {
        "ClientTable": CLIENT_TABLE,
        "TokenTable": TOKEN_TABLE,
        "AuditTable": AUDIT_TABLE,
        "RecordTable": RECORD_TABLE,
    }
    target = StackTarget("stack", outputs, lambda service: getattr(issuer, service))
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr(on_stack, "time", SimpleNamespace(time=lambda: THEN, sleep=lambda _: None))
    return lambda *arguments, **options: CliRunner().invoke(app, arguments, **options)


def cutoff(issuer: Issuer, key: str = client_cutoff_key("client-1")) -> int | None:
    """Return the second up to which tokens are ended, if they are."""
    item = issuer.dynamodb.get_item(TableName=TOKEN_TABLE, Key={"pk": {"S": key}}).get("Item")
    return int(item["before"]["N"]) if item else None


def fail(issuer: Issuer, operation: str) -> None:
    def broken(params: dict[str, Any], **_: Any) -> None:
        if f'"{AUDIT_TABLE}"' in str(params["body"]):
            return
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "a detail"}}, operation)

    issuer.dynamodb.meta.events.register(f"before-call.dynamodb.{operation}", broken)


# --- the revocation cutoff


def test_the_cutoff_is_dynamodbs_second_and_outlives_every_token_and_its_jobs(issuer: Issuer, ending: Ending) -> None:
    ending.revocations.end_client("client-1")

    (item,) = issuer.items()
    assert item == {
        "pk": {"S": client_cutoff_key("client-1")},
        "before": {"N": str(THEN)},
        "expires_at": {"N": str(THEN + MAX_LIFETIME + LONGEST_JOB + KEPT_AFTER_EXPIRY)},
    }


def test_it_returns_only_when_that_second_is_over(ending: Ending) -> None:
    ending.revocations.end_client("client-1")
    ending.revocations.end_patient("4")

    assert ending.slept == [1.0, 1.0]


@pytest.mark.parametrize(
    ("offset", "warned"), [(0, False), (-2, False), (3, False), (-2.5, True), (3.5, True), (600, True)]
)
def test_a_clock_more_than_two_seconds_off_is_reported_and_not_believed(
    issuer: Issuer, ending: Ending, offset: float, warned: bool
) -> None:
    ending.clock.now += offset

    ending.revocations.end_client("client-1")

    assert bool(ending.printed) is warned
    assert all("clock" in line for line in ending.printed)
    assert cutoff(issuer) == THEN


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_without_a_date_it_is_this_machines_time(issuer: Issuer, ending: Ending, date: str | None) -> None:
    dated(issuer, date)
    ending.clock.now = THEN + 7.9

    ending.revocations.end_client("client-1")

    assert cutoff(issuer) == THEN + 7
    assert ending.printed == []


def test_a_cutoff_never_moves_back(issuer: Issuer, ending: Ending) -> None:
    issuer.dynamodb.put_item(
        TableName=TOKEN_TABLE, Item={"pk": {"S": client_cutoff_key("client-1")}, "before": {"N": str(THEN + 1)}}
    )

    ending.revocations.end_client("client-1")

    assert cutoff(issuer) == THEN + 1


def test_the_time_is_taken_after_the_client_was_changed_and_the_cutoff_is_written_after_it(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending
) -> None:
    issuer.register("client-1")
    issuer.calls.clear()

    disable_client(registry, ending.revocations, "client-1")

    assert issuer.calls == ["UpdateItem", "GetItem", "UpdateItem"]


@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem"])
def test_a_cutoff_that_cannot_be_written_is_an_error(issuer: Issuer, ending: Ending, operation: str) -> None:
    fail(issuer, operation)

    with pytest.raises(TokensLiveOnError, match="AccessDeniedException"):
        ending.revocations.end_client("client-1")
    assert ending.slept == []


# --- changes that end tokens


def ended(issuer: Issuer, change: Callable[[], object]) -> bool:
    """Return True if a token of `client-1` is inactive after a change."""
    token = str(issuer.token("client-1", SECRETS["client-1"]).json["access_token"])
    change()
    answer = issuer.post("/introspect", {"token": token}, headers=basic("server", SECRETS["server"]))
    assert answer.status == 200
    return not answer.json["active"]


SECRETS = {"client-1": "a" * 86, "server": "b" * 86}


@pytest.fixture
def bound(issuer: Issuer) -> None:
    """Register a client that is bound to a patient, and a resource server that may ask about its tokens."""
    issuer.register("client-1", secret=SECRETS["client-1"], patient="4")
    issuer.register("server", secret=SECRETS["server"], resource_server=True, grant_types=frozenset(), scopes=())


@pytest.mark.usefixtures("bound")
def test_disabling_ends_the_tokens_and_again_when_it_is_repeated(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending
) -> None:
    assert ended(issuer, lambda: disable_client(registry, ending.revocations, "client-1"))
    assert issuer.token("client-1", SECRETS["client-1"]).status == 401
    dated(issuer, formatdate(THEN + 60, usegmt=True))
    disable_client(registry, ending.revocations, "client-1")
    assert cutoff(issuer) == THEN + 60

    enable_client(registry, "client-1")
    issuer.clock.now = THEN + 61.0
    assert not ended(issuer, lambda: None)


@pytest.mark.usefixtures("bound")
def test_removing_ends_the_tokens(issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending) -> None:
    assert ended(issuer, lambda: remove_client(registry, ending.revocations, "client-1"))


NARROWER = [
    pytest.param({"scopes": ("profile", "patient/Patient.read")}, id="a scope less"),
    pytest.param({"scopes": ("profile", "user/Patient.r", "patient/Patient.read")}, id="a letter less"),
    pytest.param({"scopes": ("user/*.read", "patient/*.read")}, id="wider in one, without another"),
    pytest.param({"patient": "5"}, id="another patient"),
    pytest.param({"patient": ""}, id="no patient any more"),
    pytest.param({"scopes": (*SCOPES, "user/Condition.read"), "patient": ""}, id="wider, and unbound"),
    pytest.param({"identifier_systems": ("urn:x",)}, id="identifier systems"),
    pytest.param({"identifier_systems": ()}, id="identifier systems: repeated"),
    pytest.param(
        {"scopes": (*SCOPES, "user/Condition.read"), "identifier_systems": ("urn:x",)}, id="wider, and another system"
    ),
    pytest.param({"scopes": SCOPES}, id="nothing new: repeated"),
]


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("changes", NARROWER)
def test_an_update_that_takes_something_ends_the_tokens(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending, changes: dict[str, Any]
) -> None:
    assert ended(issuer, lambda: update_client(registry, ending.revocations, "client-1", ClientChange(**changes)))


def test_a_suffix_is_a_narrowing_and_its_removal_is_none(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending
) -> None:
    issuer.register("client-1", scopes=("user/Goal.rs", "profile"))

    def updated(*scopes: str) -> bool:
        return update_client(registry, ending.revocations, "client-1", ClientChange(scopes=scopes)).has_ended

    assert updated("user/Goal.rs?status=proposed&category=x", "profile")
    assert not updated("user/Goal.rs?status=proposed", "profile")
    assert not updated("user/Goal.rs?status=proposed", "user/Goal.rs?category=x", "profile")
    assert updated("user/Goal.rs?category=x", "profile")
    assert not updated("user/Goal.rs", "profile")


def test_binding_a_client_that_was_not_ends_its_tokens(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending
) -> None:
    issuer.register("client-1")

    assert update_client(registry, ending.revocations, "client-1", ClientChange(patient="4")).has_ended
    assert cutoff(issuer) == THEN


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("scopes", [(*SCOPES, "user/Condition.read"), ("profile", "user/*.read", "patient/*.rs")])
def test_scopes_that_are_only_added_end_nothing(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending, scopes: tuple[str, ...]
) -> None:
    assert not ended(
        issuer, lambda: update_client(registry, ending.revocations, "client-1", ClientChange(scopes=scopes))
    )
    assert issuer.token("client-1", SECRETS["client-1"]).json["scope"] == " ".join(scopes)


def test_a_resource_server_that_gets_scopes_gets_tokens_and_the_reverse(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending
) -> None:
    secret = issuer.register("client-1", resource_server=True, scopes=(), grant_types=frozenset())

    update_client(registry, ending.revocations, "client-1", ClientChange(scopes=("profile",)))
    assert issuer.token("client-1", secret).status == 200
    update_client(registry, ending.revocations, "client-1", ClientChange(scopes=()))
    assert issuer.token("client-1", secret).error == "unauthorized_client"


def test_a_scope_of_before_that_is_none_any_more_can_be_taken_away(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending
) -> None:
    issuer.register("client-1", scopes=("user/Withdrawn.read", "profile"))

    change = ClientChange(scopes=("profile",))
    assert update_client(registry, ending.revocations, "client-1", change).has_ended


def test_updates_at_the_same_time_do_not_undo_each_other(
    issuer: Issuer, registry: DynamoDbClientRegistry, ending: Ending
) -> None:
    issuer.register("client-1")
    seen_before = registry.find("client-1")

    class Stale(DynamoDbClientRegistry):
        def find(self, client_id: str) -> Any:
            return seen_before

    update_client(registry, ending.revocations, "client-1", ClientChange(patient="4"))
    change = ClientChange(scopes=("profile",))
    with pytest.raises(RegistrationError, match="at the same time"):
        update_client(Stale(issuer.dynamodb, CLIENT_TABLE), ending.revocations, "client-1", change)


# --- the commands


@pytest.mark.parametrize(
    ("command", "done"),
    [
        (("disable", "client-1"), "client-1 is disabled, but its tokens live on (AccessDeniedException)"),
        (("remove", "client-1", "--yes"), "client-1 is removed, but its tokens live on (AccessDeniedException)"),
        (("update", "client-1", "--scope", "profile"), "client-1 is changed, but its tokens live on"),
    ],
)
def test_a_command_whose_cutoff_fails_says_what_to_do_and_fails(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Run, command: tuple[str, ...], done: str
) -> None:
    issuer.register("client-1")
    asked: list[str] = []

    def denied(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["TableName"])
        if params["TableName"] == TOKEN_TABLE:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "a detail"}}, "UpdateItem")

    issuer.dynamodb.meta.events.register("provide-client-params.dynamodb.UpdateItem", denied)

    result = run("clients", *command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert done in result.stderr
    option = " --removed" if command[0] == "remove" else ""
    assert f"run `careconnect tokens revoke --client client-1{option}` on the same stack" in result.stderr
    assert len(printed(result)) == 1
    # The change itself was made, and before the cutoff.
    assert asked[-1] == TOKEN_TABLE
    record = registry.find("client-1")
    assert record is None or not record.enabled or record.scopes == ("profile",)


def test_update_shows_the_client_and_says_that_tokens_were_ended(issuer: Issuer, run: Run) -> None:
    issuer.register("client-1")

    wider = run("clients", "update", "client-1", "--scope", " ".join(SCOPES), "--scope", "user/Condition.read")
    assert "user/Condition.read" in wider.stdout
    assert "ended" not in wider.stderr
    bound = run("clients", "update", "client-1", "--patient", "4", "--json")
    assert json.loads(bound.stdout)["patient"] == "4"
    unbound = run("clients", "update", "client-1", "--every-patient")
    assert "every patient    yes" in unbound.stdout
    assert "ended" in unbound.stderr
    assert cutoff(issuer) == THEN


def test_identifier_systems_are_set_replaced_and_removed_also_with_the_binding(issuer: Issuer, run: Run) -> None:
    issuer.register("client-1")

    def after(*options: str) -> list[str]:
        result = run("clients", "update", "client-1", *options, "--json")
        assert result.exit_code == 0, result.stderr
        found: list[str] = json.loads(result.stdout)["identifier_systems"]
        return found

    two = ("--identifier-system", "urn:x", "--identifier-system", "urn:y", "--identifier-system", "urn:x")
    assert after("--patient", "4", *two) == ["urn:x", "urn:y"]
    assert after("--patient", "5") == ["urn:x", "urn:y"]
    assert after("--identifier-system", "urn:z") == ["urn:z"]
    assert after("--no-identifier-systems") == []
    assert after("--identifier-system", "urn:z") == ["urn:z"]
    assert after("--every-patient") == []


def test_a_client_of_before_there_were_identifier_systems_can_be_changed(issuer: Issuer, run: Run) -> None:
    issuer.register("client-1")
    key = {"client_id": {"S": "client-1"}}
    issuer.dynamodb.update_item(TableName=CLIENT_TABLE, Key=key, UpdateExpression="REMOVE identifier_systems")

    result = run("clients", "update", "client-1", "--patient", "4", "--identifier-system", "urn:x", "--json")

    assert json.loads(result.stdout)["identifier_systems"] == ["urn:x"]


@pytest.mark.parametrize(
    ("option", "value", "key"),
    [
        ("--client", "client-1", client_cutoff_key("client-1")),
        ("--removed --client", "long-ago", client_cutoff_key("long-ago")),
        ("--patient", "4", patient_cutoff_key("4")),
        ("--jti", JTI, revocation_key(JTI)),
    ],
)
def test_tokens_revoke_writes_what_ends_them_for_the_longest_life(
    issuer: Issuer, run: Run, option: str, value: str, key: str
) -> None:
    issuer.register("client-1")

    result = run("tokens", "revoke", *option.split(), value, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["revoked"] is True
    (item,) = issuer.items()
    assert item["pk"] == {"S": key}
    # A token that is bound to a patient starts no job.
    longest_job = 0 if option == "--patient" else LONGEST_JOB
    assert item["expires_at"] == {"N": str(THEN + MAX_LIFETIME + longest_job + KEPT_AFTER_EXPIRY)}
    assert ("before" in item) is (option != "--jti")


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("option", ["--client", "--patient", "--jti"])
def test_tokens_revoke_ends_a_token(issuer: Issuer, run: Run, option: str) -> None:
    token = str(issuer.token("client-1", SECRETS["client-1"]).json["access_token"])
    claims = jwt.decode(token, options={"verify_signature": False})
    value = {"--client": "client-1", "--patient": "4", "--jti": claims["jti"]}[option]

    assert run("tokens", "revoke", option, value).exit_code == 0

    answer = issuer.post("/introspect", {"token": token}, headers=basic("server", SECRETS["server"]))
    assert answer.json == {"active": False}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "give one of"),
        (("--client", "a", "--jti", "b"), "give one of"),
        (("--patient", "4", "--removed"), "--removed goes with --client"),
        (("--patient", "../4"), "a patient's id has"),
        (("--client", "typo"), "there is no client typo, so no token was revoked"),
        (("--jti", "typo"), "no token has such an id, so none was revoked"),
    ],
)
def test_tokens_revoke_refuses_what_it_cannot_do(
    issuer: Issuer, run: Run, arguments: tuple[str, ...], reason: str
) -> None:
    result = run("tokens", "revoke", *arguments)

    assert result.exit_code == 1
    assert reason in result.stderr
    assert issuer.items() == []
    assert issuer.events() == []


def test_tokens_revoke_says_if_no_such_patient_is_stored_and_that_a_token_may_not_be(issuer: Issuer, run: Run) -> None:
    create_table(issuer.dynamodb, "RecordTable", RECORD_TABLE)

    result = run("tokens", "revoke", "--patient", "99999")

    assert (result.exit_code, result.stdout) == (0, "Revoked the tokens bound to Patient/99999\n")
    assert printed(result) == ["careconnect: no Patient/99999 is stored: is the id right?"]
    assert "if there is one" in run("tokens", "revoke", "--jti", JTI).stdout


@pytest.mark.parametrize(("option", "operation"), [("--client", "UpdateItem"), ("--jti", "PutItem")])
def test_tokens_revoke_that_fails_says_that_they_live_on(issuer: Issuer, run: Run, option: str, operation: str) -> None:
    issuer.register(JTI)
    fail(issuer, operation)

    result = run("tokens", "revoke", option, JTI)

    assert result.exit_code == 1
    assert printed(result) == [
        "careconnect: the tokens live on, as DynamoDB does not answer as it should (AccessDeniedException): try again"
    ]
