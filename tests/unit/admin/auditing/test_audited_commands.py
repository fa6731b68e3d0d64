"""Each command that changes something leaves the event of it first, and changes nothing without (`audit.md`)."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from botocore.exceptions import ClientError
from typer.testing import Result

from careconnect.audit.event import AuditEvent, time_of
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.issuer import ALIAS, AUDIT_TABLE, CLIENT_TABLE, TOKEN_TABLE, Issuer
from careconnect_testing.stacks.command_line import printed

Run = Callable[..., Result]

JTI = "0b9f3a52-6c1d-4b8e-9f70-3d2c1b0a9e8f"


INSERT = "BatchExecuteStatement"


def is_about(table: str, params: dict[str, Any]) -> bool:
    """Return True if a request names a table, even within a statement."""
    return f'"{table}"' in params["body"].decode().replace("\\", "")


def deny(issuer: Issuer, operation: str, table: str) -> Callable[[], None]:
    """Make a table refuse an operation, and return a function that makes it accept the operation again."""
    name = f"before-call.dynamodb.{operation}"

    def refuse(params: dict[str, Any], **_: Any) -> None:
        if is_about(table, params):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "a detail"}}, operation)

    issuer.dynamodb.meta.events.register(name, refuse)
    return lambda: issuer.dynamodb.meta.events.unregister(name, refuse)


def tables(issuer: Issuer) -> list[Any]:
    """Return all that commands change."""
    aliases = issuer.kms.list_aliases()["Aliases"]
    keys = issuer.kms.list_keys()["Keys"]
    return [
        issuer.items(CLIENT_TABLE),
        issuer.items(TOKEN_TABLE),
        sorted((each["AliasName"], each["TargetKeyId"]) for each in aliases),
        sorted(
            (each["KeyId"], issuer.kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"]["KeyState"]) for each in keys
        ),
    ]


def shown(event: AuditEvent) -> tuple[str, str, dict[str, str], str, str]:
    about = dict(parse_qsl(event.query, keep_blank_values=True))
    return event.interaction, event.action.value, about, event.outcome.value, event.why


def assert_events(issuer: Issuer, expected: list[Any], interaction: str = "") -> None:
    """Compare in no order: two events of one millisecond have none."""
    found = [shown(event) for event in issuer.events() if interaction in ("", event.interaction)]
    assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            "clients add --id new --name New --scope patient/Patient.read --patient 4 --identifier-system urn:x",
            [
                (
                    "client-add",
                    "C",
                    {
                        "client_id": "new",
                        "scope": "patient/Patient.read",
                        "method": "client_secret_basic client_secret_post",
                        "patient": "4",
                        "identifier_systems": "urn:x",
                    },
                )
            ],
        ),
        ("clients rotate-secret client-1", [("client-rotate-secret", "U", {"client_id": "client-1"})]),
        (
            "clients update client-1 --name Other --resource-server",
            [("client-update", "U", {"client_id": "client-1", "resource_server": "true", "name": "changed"})],
        ),
        (
            "clients update client-1 --patient 4",
            [
                ("client-update", "U", {"client_id": "client-1", "patient": "4"}),
                ("tokens-revoke", "E", {"client_id": "client-1"}),
            ],
        ),
        (
            "clients update client-1 --dpop-bound --dpop-nonce",
            [
                (
                    "client-update",
                    "U",
                    {"client_id": "client-1", "dpop_bound_access_tokens": "true", "dpop_nonce": "true"},
                ),
                ("tokens-revoke", "E", {"client_id": "client-1"}),
            ],
        ),
        ("clients enable client-1", [("client-enable", "U", {"client_id": "client-1"})]),
        (
            "clients disable client-1",
            [
                ("client-disable", "U", {"client_id": "client-1"}),
                ("tokens-revoke", "E", {"client_id": "client-1"}),
            ],
        ),
        (
            "clients remove client-1 --yes",
            [
                ("client-remove", "D", {"client_id": "client-1"}),
                ("tokens-revoke", "E", {"client_id": "client-1"}),
            ],
        ),
        ("tokens revoke --removed --client gone", [("tokens-revoke", "E", {"client_id": "gone"})]),
        ("tokens revoke --patient 4", [("tokens-revoke", "E", {"patient": "4"})]),
        (f"tokens revoke --jti {JTI}", [("tokens-revoke", "E", {"jti": JTI})]),
        (
            "keys rotate",
            [
                ("key-publish", "C", {"signing_key": ALIAS}),
                ("key-promote", "U", {"signing_key": ALIAS}),
            ],
        ),
    ],
)
def test_each_change_is_one_event_and_nothing_is_changed_without(
    issuer: Issuer, run: Run, command: str, expected: list[tuple[str, str, dict[str, str]]]
) -> None:
    issuer.register("client-1", scopes=("patient/Patient.read",))
    before = tables(issuer)
    allow = deny(issuer, INSERT, AUDIT_TABLE)

    refused = run(*command.split())

    assert refused.exit_code == 1
    assert len(printed(refused)) == 1
    assert "AccessDeniedException" in printed(refused)[0]
    assert tables(issuer) == before

    allow()
    done = run(*command.split())

    assert done.exit_code == 0, done.output
    assert_events(issuer, [(*each, "0", "") for each in expected])
    assert tables(issuer) != before or "enable" in command


def test_an_event_names_the_principal_and_the_tool(issuer: Issuer, run: Run) -> None:
    run("tokens", "revoke", "--removed", "--client", "gone")

    (event,) = issuer.events()
    assert event.client_id == issuer.sts.get_caller_identity()["Arn"]
    assert (event.service, event.patient, event.subject, event.jti) == ("cli", "", "", "")


def test_on_the_local_stack_the_agent_is_the_operator(
    issuer: Issuer, run: Run, target: StackTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = replace(target, is_local=True)
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: local)

    run("tokens", "revoke", "--removed", "--client", "gone")

    assert [event.client_id for event in issuer.events()] == ["operator"]


def test_an_event_ends_with_the_deployments_retention(
    issuer: Issuer, run: Run, target: StackTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed = replace(target, parameters={"AuditRetentionDays": "30"})
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: deployed)

    run("tokens", "revoke", "--removed", "--client", "gone")

    (item,) = issuer.items(AUDIT_TABLE)
    assert int(item["expires_at"]["N"]) == time_of(item["sk"]["S"]) // 1000 + 30 * 86_400


@pytest.mark.parametrize("command", ["clients list", "clients show client-1", "keys list"])
def test_who_only_looks_needs_no_record_and_leaves_none(
    issuer: Issuer, run: Run, target: StackTarget, command: str
) -> None:
    issuer.register("client-1")
    del target.outputs["AuditTable"]

    assert run(*command.split()).exit_code == 0
    assert issuer.events() == []


@pytest.mark.parametrize(
    "command",
    [
        "clients add --name New --scope profile",
        "clients disable client-1",
        "tokens revoke --client client-1",
        "keys rotate",
    ],
)
def test_a_stack_of_before_is_to_be_deployed_first(issuer: Issuer, run: Run, target: StackTarget, command: str) -> None:
    issuer.register("client-1")
    before = tables(issuer)
    del target.outputs["AuditTable"]

    result = run(*command.split())

    assert result.exit_code == 1
    assert printed(result) == [
        "careconnect: the stack stack has no audit trail, without which nothing is changed: deploy this release first"
    ]
    assert tables(issuer) == before


def test_tokens_that_lived_on_are_shown_by_their_own_event(issuer: Issuer, run: Run) -> None:
    issuer.register("client-1")
    deny(issuer, "UpdateItem", TOKEN_TABLE)

    result = run("clients", "disable", "client-1")

    assert "is disabled, but its tokens live on" in printed(result)[0]
    assert_events(
        issuer,
        [
            ("client-disable", "U", {"client_id": "client-1"}, "0", ""),
            ("tokens-revoke", "E", {"client_id": "client-1"}, "0", ""),
            ("tokens-revoke", "E", {"client_id": "client-1"}, "8", "error"),
        ],
    )


def test_tokens_whose_event_is_refused_live_on_and_the_operator_is_reported(issuer: Issuer, run: Run) -> None:
    issuer.register("client-1")
    kept: list[str] = []

    def refuse_the_second(params: dict[str, Any], **_: Any) -> None:
        if is_about(AUDIT_TABLE, params):
            kept.append("event")
            if len(kept) > 1:
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "a detail"}}, INSERT)

    issuer.dynamodb.meta.events.register(f"before-call.dynamodb.{INSERT}", refuse_the_second)

    result = run("clients", "disable", "client-1")

    assert result.exit_code == 1
    (line,) = printed(result)
    assert line == (
        "careconnect: client-1 is disabled, but its tokens live on (AccessDeniedException for its event): "
        "run `careconnect tokens revoke --client client-1` on the same stack"
    )
    assert issuer.items(TOKEN_TABLE) == []


def test_a_taken_id_is_followed_by_a_conflict(issuer: Issuer, run: Run) -> None:
    issuer.register("client-1")

    assert run("clients", "add", "--id", "client-1", "--name", "x", "--scope", "profile").exit_code == 1

    assert sorted((event.outcome.value, event.why) for event in issuer.events()) == [("0", ""), ("4", "conflict")]


def test_a_key_that_may_not_be_retired_yet_is_a_conflict_and_forced_says_so(issuer: Issuer, run: Run) -> None:
    run("keys", "rotate")
    assert run("keys", "retire").exit_code == 1
    assert run("keys", "retire", "--force").exit_code == 0

    assert_events(
        issuer,
        [
            ("key-retire", "D", {"signing_key": ALIAS}, "0", ""),
            ("key-retire", "D", {"signing_key": ALIAS}, "4", "conflict"),
            ("key-retire", "D", {"signing_key": ALIAS, "force": "true"}, "0", ""),
        ],
        "key-retire",
    )


def test_a_secret_or_a_token_in_the_wrong_place_is_in_no_event(issuer: Issuer, run: Run) -> None:
    secret = secrets.token_urlsafe(64)
    token = issuer.token("client-1", issuer.register("client-1")).json["access_token"]
    for text in (secret, token):
        for command in ("disable", "enable", "rotate-secret"):
            assert run("clients", command, "--", text).exit_code == 1
        assert run("clients", "remove", "--yes", "--", text).exit_code == 1
        assert run("tokens", "revoke", f"--client={text}").exit_code == 1
        assert run("tokens", "revoke", "--removed", f"--client={text}").exit_code == 0
        assert run("tokens", "revoke", f"--jti={text}").exit_code == 1
    given = run("clients", "rotate-secret", "client-1", "--secret-file", "-", input=secret)
    assert given.exit_code == 0, given.output

    text = repr(issuer.items(AUDIT_TABLE))
    assert secret not in text
    assert token not in text
    assert [dict(parse_qsl(event.query)) for event in issuer.events()] == [
        {"client_id": "***"},
        {"client_id": "***"},
        {"client_id": "client-1"},
    ]


def test_an_id_as_long_as_a_secret_is_named_if_it_is_a_clients(issuer: Issuer, run: Run) -> None:
    long_id = "-".join(["a-client-of-the-hospital"] * 4)
    issuer.register(long_id)

    run("tokens", "revoke", "--client", long_id)

    assert [dict(parse_qsl(event.query)) for event in issuer.events()] == [{"client_id": long_id}]
