"""`careconnect clients`: bound tokens, nonces and the profile fapi2 (bound-tokens.md)."""

import json
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from careconnect.oauth.access_token import client_cutoff_key
from careconnect.oauth.client_record import AuthMethod, ClientRecord, client_item
from careconnect_admin.cli import app
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.issuer import (
    AUDIT_TABLE,
    CLIENT_TABLE,
    P256_KEY,
    P384_KEY,
    RSA_KEY,
    TOKEN_TABLE,
    Issuer,
    public_jwk,
)
from careconnect_testing.stacks.command_line import printed
from token_issuer.clients.https_key_sets import HttpsKeySets

BY_KEY: Mapping[str, Any] = {
    "auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}),
    "jwks": json.dumps({"keys": [public_jwk(P256_KEY, "key-1")]}),
    "salt": "",
    "secrets": (),
}
URI = "https://app.example/jwks"
ADD = ("add", "--name", "x", "--id", "new", "--scope", "profile", "--json")
UPDATE = ("update", "client-1", "--json")

Run = Callable[..., Result]


@pytest.fixture
def run(issuer: Issuer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Return a runner of `careconnect clients …` on a stack of moto's; KEYS and the like are files with a key set."""
    outputs = {"ClientTable": CLIENT_TABLE, "TokenTable": TOKEN_TABLE, "AuditTable": AUDIT_TABLE}
    target = StackTarget("stack", outputs, lambda service: getattr(issuer, service))
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr("time.sleep", lambda _: None)
    (tmp_path / "secret").write_text(secrets.token_urlsafe(64))
    files = {"SECRET": str(tmp_path / "secret")}
    for name, keys in KEY_SETS.items():
        files[name] = str(tmp_path / name)
        (tmp_path / name).write_text(json.dumps({"keys": keys}))
    return lambda *arguments: CliRunner().invoke(app, ["clients", *(files.get(each, each) for each in arguments)])


KEY_SETS = {
    "RSA": [public_jwk(RSA_KEY, "a")],
    "P256": [public_jwk(P256_KEY, "a")],
    "PS256": [public_jwk(RSA_KEY, "a", alg="PS256")],
    "MIXED": [public_jwk(P384_KEY, "a"), public_jwk(RSA_KEY, "b", alg="RS256"), public_jwk(P256_KEY, "c")],
    "RS256": [public_jwk(RSA_KEY, "a", alg="RS256")],
    "P384": [public_jwk(P384_KEY, "a")],
}


def members(result: Result) -> tuple[bool, bool, str]:
    """Return the three members of a printed client."""
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    return shown["dpop_bound_access_tokens"], shown["dpop_nonce"], shown["security_profile"]


def has_cutoff(issuer: Issuer) -> bool:
    """Return True if the tokens of `client-1` were ended."""
    return any(item["pk"] == {"S": client_cutoff_key("client-1")} for item in issuer.items())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), (False, False, "")),
        (("--no-dpop-bound", "--no-dpop-nonce", "--security-profile", "none"), (False, False, "")),
        (("--dpop-bound",), (True, False, "")),
        (("--dpop-bound", "--dpop-nonce"), (True, True, "")),
        (("--security-profile", "fapi2", "--jwks", "RSA"), (True, False, "fapi2")),
        (("--security-profile", "fapi2", "--jwks", "P256", "--method", "private_key_jwt"), (True, False, "fapi2")),
        (("--security-profile", "fapi2", "--jwks", "PS256", "--dpop-bound", "--dpop-nonce"), (True, True, "fapi2")),
        (("--security-profile", "fapi2", "--jwks", "MIXED"), (True, False, "fapi2")),
    ],
)
def test_a_client_is_registered_and_shown_with_the_three(
    registry: DynamoDbClientRegistry, run: Run, options: tuple[str, ...], expected: tuple[bool, bool, str]
) -> None:
    assert members(run(*ADD, *options)) == expected

    record = registry.find("new")
    assert record is not None
    assert (record.dpop_bound_access_tokens, record.dpop_nonce, record.security_profile) == expected
    assert members(run("show", "new", "--json")) == expected
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["dpop_bound_access_tokens"], listed["dpop_nonce"], listed["security_profile"]) == expected


def test_a_client_with_fapi2_has_no_secret(registry: DynamoDbClientRegistry, run: Run) -> None:
    result = run(*ADD, "--security-profile", "fapi2", "--jwks", "P256")

    shown = json.loads(result.stdout)
    assert (shown["auth_methods"], shown["secrets"], "client_secret" in shown) == (["private_key_jwt"], [], False)
    record = registry.find("new")
    assert record is not None
    assert record.secrets == ()


FAPI2 = ("--security-profile", "fapi2")
NO_KEY = "RSA or on P-256, and free for PS256 or ES256"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--dpop-nonce",), "--dpop-nonce needs --dpop-bound"),
        (("--no-dpop-bound", "--dpop-nonce"), "--dpop-nonce needs --dpop-bound"),
        ((*FAPI2, "--jwks", "P256", "--no-dpop-bound"), "--no-dpop-bound"),
        ((*FAPI2, "--jwks", "P256", "--method", "client_secret_basic"), "private_key_jwt alone"),
        (
            (*FAPI2, "--jwks", "P256", "--method", "private_key_jwt", "--method", "client_secret_post"),
            "private_key_jwt alone",
        ),
        (FAPI2, "needs the client's public keys"),
        ((*FAPI2, "--jwks", "RS256"), NO_KEY),
        ((*FAPI2, "--jwks", "P384"), NO_KEY),
        (("--security-profile", "fapi1"), "'fapi1' is no security profile: fapi2 or none"),
        (("--method", "tls_client_auth"), "tls_client_auth is not offered"),
        (("--method", "self_signed_tls_client_auth"), "self_signed_tls_client_auth is not offered"),
        (("--method", "client_secret_jwt"), "'client_secret_jwt' is no method of authentication"),
    ],
)
@pytest.mark.parametrize("command", [ADD, UPDATE])
def test_what_does_not_fit_is_refused_and_changes_nothing(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Run, command: Any, options: tuple[str, ...], reason: str
) -> None:
    issuer.register("client-1")
    before = registry.every()

    result = run(*command, *options)

    assert result.exit_code == 1
    (line,) = printed(result)
    assert reason in line
    assert result.stdout == ""
    assert registry.every() == before
    assert not has_cutoff(issuer)


def test_a_secret_is_of_no_use_with_fapi2(registry: DynamoDbClientRegistry, run: Run) -> None:
    result = run(*ADD, *FAPI2, "--jwks", "P256", "--secret-file", "SECRET")

    assert (result.exit_code, registry.every()) == (1, [])
    assert "a secret is of no use" in result.stderr


BOUND = {"dpop_bound_access_tokens": True}
WITH_NONCE = {**BOUND, "dpop_nonce": True}
WITH_FAPI2 = {**BY_KEY, **BOUND, "security_profile": "fapi2"}


@pytest.mark.parametrize(
    ("registered", "options", "expected", "ends"),
    [
        ({}, ("--dpop-bound",), (True, False, ""), True),
        ({}, ("--dpop-bound", "--dpop-nonce"), (True, True, ""), True),
        (BOUND, ("--dpop-nonce",), (True, True, ""), True),
        # So that it may be repeated if the tokens could not be ended.
        (BOUND, ("--dpop-bound",), (True, False, ""), True),
        (BY_KEY, FAPI2, (True, False, "fapi2"), True),
        (WITH_FAPI2, FAPI2, (True, False, "fapi2"), True),
        (BOUND, ("--no-dpop-bound",), (False, False, ""), False),
        (WITH_NONCE, ("--no-dpop-nonce",), (True, False, ""), False),
        (WITH_NONCE, ("--no-dpop-bound", "--no-dpop-nonce"), (False, False, ""), False),
        (WITH_FAPI2, ("--security-profile", "none"), (True, False, ""), False),
        (WITH_FAPI2, ("--security-profile", "none", "--no-dpop-bound"), (False, False, ""), False),
        (WITH_FAPI2, ("--name", "y"), (True, False, "fapi2"), False),
        (WITH_NONCE, ("--scope", "profile user/Patient.rs user/Condition.rs"), (True, True, ""), False),
    ],
)
def test_setting_one_of_the_three_ends_earlier_tokens_and_taking_one_away_does_not(
    issuer: Issuer,
    run: Run,
    registered: Mapping[str, Any],
    options: tuple[str, ...],
    expected: tuple[bool, bool, str],
    ends: bool,
) -> None:
    issuer.register("client-1", scopes=("profile", "user/Patient.rs"), **registered)

    assert members(run(*UPDATE, *options)) == expected
    assert has_cutoff(issuer) is ends


@pytest.mark.parametrize(
    ("registered", "options", "reason"),
    [
        (WITH_NONCE, ("--no-dpop-bound",), "--no-dpop-nonce"),
        (WITH_FAPI2, ("--no-dpop-bound",), "--no-dpop-bound"),
        (WITH_FAPI2, ("--method", "client_secret_basic"), "private_key_jwt alone"),
        (WITH_FAPI2, ("--jwks", "RS256"), NO_KEY),
        ({**BY_KEY, "jwks": json.dumps({"keys": KEY_SETS["RS256"]})}, FAPI2, NO_KEY),
    ],
)
def test_a_change_that_leaves_less_than_the_rest_needs_is_refused(
    issuer: Issuer,
    registry: DynamoDbClientRegistry,
    run: Run,
    registered: Mapping[str, Any],
    options: tuple[str, ...],
    reason: str,
) -> None:
    issuer.register("client-1", **registered)
    before = registry.every()

    result = run(*UPDATE, *options)

    assert result.exit_code == 1
    assert reason in result.stderr
    assert registry.every() == before
    assert not has_cutoff(issuer)


def test_fapi2_takes_the_secret_of_a_client_away_and_says_so(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Run
) -> None:
    issuer.register("client-1")

    result = run(*UPDATE, *FAPI2, "--jwks", "P256")

    assert members(result) == (True, False, "fapi2")
    assert "careconnect: removed, as none of its methods uses them any more: its secrets" in printed(result)
    record = registry.find("client-1")
    assert record is not None
    assert (record.auth_methods, record.secrets) == (BY_KEY["auth_methods"], ())


@pytest.mark.parametrize(
    ("keys", "options", "reason"),
    [
        ("RS256", (), NO_KEY),
        ("RS256", ("--no-check",), ""),
        ("MIXED", (), ""),
    ],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_published_keys_are_fetched_and_have_to_suit_fapi2(
    issuer: Issuer, run: Run, monkeypatch: pytest.MonkeyPatch, keys: str, options: Any, reason: str, is_known: bool
) -> None:
    class Published(HttpsKeySets):
        def keys(self, uri: str, kid: str) -> list[dict[str, Any]]:
            return KEY_SETS[keys]

    monkeypatch.setattr("careconnect_admin.commands.client.changes.HttpsKeySets", Published)
    issuer.register("client-1", **{**BY_KEY, "jwks": "", "jwks_uri": URI} if is_known else {})

    result = run(*UPDATE, *FAPI2, *options, *(() if is_known else ("--jwks-uri", URI)))

    assert result.exit_code == bool(reason), result.output
    assert reason in result.stderr
    assert has_cutoff(issuer) is not bool(reason)


def test_a_client_of_before_there_was_any_of_this_is_changed_like_others(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Run
) -> None:
    issuer.register("client-1")
    record = registry.find("client-1")
    assert isinstance(record, ClientRecord)
    item = client_item(record)
    for name in ("dpop_bound_access_tokens", "dpop_nonce", "security_profile"):
        del item[name]
    issuer.dynamodb.put_item(TableName=CLIENT_TABLE, Item=item)

    assert members(run("show", "client-1", "--json")) == (False, False, "")
    assert members(run(*UPDATE, "--dpop-bound")) == (True, False, "")


def test_for_people_the_client_is_shown_with_short_names(run: Run) -> None:
    run(*ADD, "--dpop-bound", "--dpop-nonce")

    shown = dict(line.split("  ", 1) for line in run("show", "new").stdout.splitlines())
    assert (shown["dpop bound"].strip(), shown["dpop nonce"].strip()) == ("yes", "yes")
