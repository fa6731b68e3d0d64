"""`careconnect clients update`: the effect of a changed name, key, method or scope on a client."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from careconnect.oauth.access_token import client_cutoff_key
from careconnect.oauth.client_record import AuthMethod
from careconnect_admin.cli import app
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.issuer import (
    AUDIT_TABLE,
    CLIENT_TABLE,
    P256_KEY,
    RSA_KEY,
    TOKEN_TABLE,
    Issuer,
    basic,
    public_jwk,
)
from careconnect_testing.stacks.command_line import printed
from token_issuer.clients.https_key_sets import HttpsKeySets
from token_issuer.errors import KeySetUnreachableError

BY_KEY = frozenset({AuthMethod.PRIVATE_KEY_JWT})
JWKS = json.dumps({"keys": [public_jwk(RSA_KEY, "key-1")]})
BY_KEY_ALONE: dict[str, Any] = {"auth_methods": BY_KEY, "jwks": JWKS, "salt": "", "secrets": ()}

Update = Callable[..., Result]


@pytest.fixture
def run(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> Update:
    """Return a runner of `careconnect clients …` on a stack of moto's."""
    outputs = {"ClientTable": CLIENT_TABLE, "TokenTable": TOKEN_TABLE, "AuditTable": AUDIT_TABLE}
    target = StackTarget("stack", outputs, lambda service: getattr(issuer, service))
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return lambda *arguments: CliRunner().invoke(app, ["clients", *arguments])


def file_of(folder: Path, *keys: Mapping[str, Any]) -> str:
    (folder / "jwks.json").write_text(json.dumps({"keys": keys}))
    return str(folder / "jwks.json")


def has_cutoff(issuer: Issuer) -> bool:
    """Return True if the tokens of `client-1` were ended."""
    return any(item["pk"] == {"S": client_cutoff_key("client-1")} for item in issuer.items())


def test_a_name_changes_alone(issuer: Issuer, registry: DynamoDbClientRegistry, run: Update) -> None:
    # A scope that was withdrawn since is no reason to refuse another name.
    secret = issuer.register("client-1", scopes=("user/Withdrawn.read", "profile"))
    before = registry.find("client-1")
    assert before is not None

    result = run("update", "client-1", "--name", "Ward 7")

    assert "name             Ward 7" in result.stdout
    after = registry.find("client-1")
    assert after is not None
    assert after.name == "Ward 7"
    assert {name for name in before.__slots__ if getattr(before, name) != getattr(after, name)} == {"name"}
    assert issuer.token("client-1", secret).error == "invalid_scope"
    assert not has_cutoff(issuer)


def test_a_resource_server_is_made_and_unmade(issuer: Issuer, run: Update) -> None:
    secret, others = issuer.register("client-1"), issuer.register("client-2")
    token = issuer.token("client-2", others).json["access_token"]

    def may_ask() -> bool:
        answer = issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret))
        active: bool = answer.json["active"]
        return active

    assert not may_ask()
    assert run("update", "client-1", "--resource-server").exit_code == 0
    assert may_ask()
    # Its tokens open the same as before.
    assert not has_cutoff(issuer)
    assert run("update", "client-1", "--no-resource-server").exit_code == 0
    assert not may_ask()


def test_a_resource_server_without_scopes_has_to_stay_one(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Update
) -> None:
    issuer.register("client-1", resource_server=True, scopes=(), grant_types=frozenset())
    refused = run("update", "client-1", "--no-resource-server")
    assert (refused.exit_code, printed(refused)) == (
        1,
        ["careconnect: a client needs scopes, unless it is a resource server"],
    )
    before = registry.find("client-1")
    assert before is not None
    assert before.resource_server
    assert run("update", "client-1", "--no-resource-server", "--scope", "profile").exit_code == 0


def test_new_keys_take_the_place_of_those_before(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Update, tmp_path: Path
) -> None:
    issuer.register("client-1", **BY_KEY_ALONE)

    by_file = run("update", "client-1", "--jwks", file_of(tmp_path, public_jwk(P256_KEY, "key-2")), "--json")
    assert json.loads(by_file.stdout)["key_ids"] == ["key-2"]
    by_address = json.loads(
        run("update", "client-1", "--jwks-uri", "https://app.example/jwks", "--no-check", "--json").stdout
    )
    assert (by_address["key_ids"], by_address["jwks_uri"]) == ([], "https://app.example/jwks")
    assert "client_secret" not in by_address
    assert not has_cutoff(issuer)


def test_a_client_goes_from_its_secret_to_a_key_and_back(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Update, tmp_path: Path
) -> None:
    secret = issuer.register("client-1")
    jwks = file_of(tmp_path, public_jwk(RSA_KEY, "key-1"))

    to_key = run("update", "client-1", "--method", "private_key_jwt", "--jwks", jwks)
    assert printed(to_key) == ["careconnect: removed, as none of its methods uses them any more: its secrets"]
    assert issuer.token("client-1", secret).status == 401
    record = registry.find("client-1")
    assert record is not None
    assert (record.secrets, record.salt, record.auth_methods) == ((), "", BY_KEY)

    both = run("update", "client-1", "--method", "private_key_jwt", "--method", "client_secret_basic", "--json")
    shown = json.loads(both.stdout)
    assert shown["key_ids"] == ["key-1"]
    assert issuer.token("client-1", shown["client_secret"]).status == 200

    back = run("update", "client-1", "--method", "client_secret_basic")
    assert "key ids" not in back.stdout
    assert printed(back) == ["careconnect: removed, as none of its methods uses them any more: its keys"]
    assert "client secret" not in back.stdout
    assert issuer.token("client-1", shown["client_secret"]).status == 200
    record = registry.find("client-1")
    assert record is not None
    assert record.jwks == ""


def test_the_address_of_keys_that_no_method_uses_is_said_to_go(issuer: Issuer, run: Update) -> None:
    issuer.register("client-1", **{**BY_KEY_ALONE, "jwks": "", "jwks_uri": "https://app.example/jwks"})

    result = run("update", "client-1", "--method", "client_secret_basic")

    assert printed(result)[-1].endswith("uses them any more: the address of its keys")
    assert "jwks uri" not in result.stdout


@pytest.mark.parametrize("command", [("add", "--name", "x", "--id", "client-2"), ("update", "client-1")])
@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        (None, "no JWK Set answers at https://app.example/jwks: the issuer needs a public address"),
        ([], "has no key for the issuer: it is empty."),
        ([{"kty": "oct", "k": "AAAA", "kid": "1"}, {"kid": "2"}], "key 1 of the JWK Set is private"),
        ([{"kid": "2"}, public_jwk(P256_KEY, "key-2")], ""),
    ],
)
def test_an_address_of_keys_is_fetched_before_it_is_registered(
    registry: DynamoDbClientRegistry,
    issuer: Issuer,
    run: Update,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    keys: Any,
    reason: str,
) -> None:
    class Published(HttpsKeySets):
        def keys(self, uri: str, kid: str) -> Any:
            if keys is None:
                raise KeySetUnreachableError
            return keys

    monkeypatch.setattr("careconnect_admin.commands.client.changes.HttpsKeySets", Published)
    issuer.register("client-1", **BY_KEY_ALONE)
    before = registry.every()
    arguments = (*command, "--scope", "profile", "--jwks-uri", "https://app.example/jwks")

    result = run(*arguments)

    assert result.exit_code == (1 if reason else 0), result.output
    assert (registry.every() == before) is bool(reason)
    if reason:
        (line,) = printed(result)
        assert reason in line
        assert line.endswith("--no-check skips this")
        assert run(*arguments, "--no-check").exit_code == 0


def test_a_secret_that_is_made_is_shown_with_the_word_that_it_is_stored_nowhere(issuer: Issuer, run: Update) -> None:
    issuer.register("client-1", **BY_KEY_ALONE)

    result = run("update", "client-1", "--method", "client_secret_post")

    assert "client secret" in result.stdout
    assert printed(result)[0] == "The secret is stored nowhere: keep it now."


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "nothing to change: give --name"),
        (("--name", " "), "printable name"),
        (("--method", "private_key_jwt", "--jwks-uri", "http://app.example/jwks"), "https URL"),
        (("--method", "private_key_jwt"), "needs the client's public keys"),
        (("--jwks", "JWKS"), "without the method private_key_jwt"),
        (("--method", "private_key_jwt", "--jwks", "EMPTY"), "is not JSON of the form"),
        (
            ("--method", "private_key_jwt", "--jwks", "JWKS", "--jwks-uri", "https://app.example/jwks", "--no-check"),
            "needs the",
        ),
        (("--scope", "user/Pateint.read"), "did you mean user/Patient.read?"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    issuer: Issuer,
    registry: DynamoDbClientRegistry,
    run: Update,
    tmp_path: Path,
    arguments: tuple[str, ...],
    reason: str,
) -> None:
    issuer.register("client-1")
    before = registry.find("client-1")
    (tmp_path / "empty.json").write_text(" ")
    files = {"JWKS": file_of(tmp_path, public_jwk(RSA_KEY, "key-1")), "EMPTY": str(tmp_path / "empty.json")}

    result = run("update", "client-1", *(files.get(each, each) for each in arguments))

    assert result.exit_code == 1
    (line,) = printed(result)
    assert reason in line
    assert registry.find("client-1") == before


IDLE = ["openid", "fhirUser", "launch", "launch/patient", "offline_access"]


@pytest.mark.parametrize("scope", IDLE)
@pytest.mark.parametrize("command", [("add", "--name", "x"), ("update", "client-1")])
def test_a_scope_that_opens_nothing_is_given_with_a_warning(
    issuer: Issuer, run: Update, command: tuple[str, ...], scope: str
) -> None:
    issuer.register("client-1")

    result = run(*command, "--scope", f"user/Patient.read {scope}", "--json")

    assert json.loads(result.stdout)["scope"] == f"user/Patient.read {scope}"
    assert f"careconnect: allowed, but opening no record here: {scope}" in printed(result)


AUDIT_WARNING = "careconnect: allowed, but opening no record here: patient/AuditEvent.read"


def test_an_unbound_clients_patient_scope_for_the_audit_trail_is_warned_of(issuer: Issuer, run: Update) -> None:
    issuer.register("client-1")
    update = ("update", "client-1", "--json")
    every = "--every-patient"

    assert AUDIT_WARNING in printed(run(*update, "--scope", "patient/Patient.read patient/AuditEvent.read", every))
    assert AUDIT_WARNING not in printed(run(*update, "--patient", "4"))
    assert AUDIT_WARNING not in printed(run(*update, "--scope", "patient/AuditEvent.rs patient/AuditEvent.read"))
    assert AUDIT_WARNING not in printed(run(*update, "--name", "x"))
    assert f"{AUDIT_WARNING.rpartition(' ')[0]} patient/AuditEvent.rs, patient/AuditEvent.read" in printed(
        run(*update, every)
    )
    added = ("add", "--name", "x", "--scope", "patient/AuditEvent.read", "--json")
    assert AUDIT_WARNING in printed(run(*added))
    assert AUDIT_WARNING not in printed(run(*added, "--patient", "4"))


@pytest.mark.parametrize("command", [("add", "--name", "x"), ("update", "client-1")])
def test_no_client_is_given_a_scope_that_writes_the_audit_trail(
    issuer: Issuer, run: Update, command: tuple[str, ...]
) -> None:
    issuer.register("client-1")

    result = run(*command, "--scope", "user/AuditEvent.write")

    assert result.exit_code == 1
    (line,) = printed(result)
    assert "'user/AuditEvent.write' is a scope to write a type that can only be read: did you mean user/Audit" in line


def test_scopes_that_open_something_are_given_without(issuer: Issuer, run: Update) -> None:
    issuer.register("client-1")

    result = run("update", "client-1", "--scope", "profile user/Patient.read system/Encounter.*", "--json")

    assert result.exit_code == 0
    assert printed(result) == []


UNLIMITED = (
    "careconnect: without a patient, every patient's record would be opened by patient/Patient.read, patient/*.rs: "
    "give --patient ID, or --every-patient if that is meant"
)
OPENING = "careconnect: opening every patient's record, as no patient is set: patient/Patient.read, patient/*.rs"


@pytest.mark.parametrize("command", [("add", "--name", "x", "--id", "client-2"), ("update", "client-1")])
def test_patient_scopes_open_every_patient_only_if_that_is_asked_for(
    issuer: Issuer, registry: DynamoDbClientRegistry, run: Update, command: tuple[str, ...]
) -> None:
    issuer.register("client-1", scopes=("user/Patient.read",))
    before = registry.every()
    scopes = ("--scope", "user/Patient.read patient/Patient.read patient/*.rs patient/Medication.read")

    refused = run(*command, *scopes)
    assert (refused.exit_code, printed(refused)) == (1, [UNLIMITED])
    assert registry.every() == before

    opened = run(*command, *scopes, "--every-patient", "--json")
    assert (opened.exit_code, printed(opened)[0]) == (0, OPENING)
    client_id = command[-1]
    assert json.loads(opened.stdout)["every_patient"] is True
    shown = run("show", client_id).stdout
    assert "every patient    yes" in shown
    assert [line.split()[-5] for line in run("list").stdout.splitlines() if line.startswith(client_id)] == ["every"]
    # What it has already is not asked for again.
    assert run("update", client_id, "--scope", "patient/Patient.read").exit_code == 0


def test_a_bound_client_stays_bound_until_every_patient_is_asked_for(issuer: Issuer, run: Update) -> None:
    issuer.register("client-1", scopes=("patient/*.rs", "user/Patient.read"), patient="4")

    wider = run("update", "client-1", "--scope", "patient/*.cruds", "--json")
    assert (json.loads(wider.stdout)["patient"], json.loads(wider.stdout)["every_patient"]) == ("4", False)
    unbound = run("update", "client-1", "--every-patient", "--json")
    assert (json.loads(unbound.stdout)["patient"], json.loads(unbound.stdout)["every_patient"]) == ("", True)
    assert printed(unbound)[0].endswith("as no patient is set: patient/*.cruds")


@pytest.mark.parametrize(
    ("scope", "every"),
    [("user/Patient.rs", True), ("system/Goal.c", True), ("profile", False), ("user/Medication.read", False)],
)
def test_a_client_is_shown_to_open_every_patient_or_none(issuer: Issuer, run: Update, scope: str, every: bool) -> None:
    issuer.register("client-1", scopes=(scope,))

    assert json.loads(run("list", "--json").stdout)[0]["every_patient"] is every


@pytest.mark.parametrize(
    ("scope", "meant"),
    [
        ("users/Patient.read", "did you mean user/Patient.read?"),
        ("user/Pateint.read", "did you mean user/Patient.read?"),
        ("profil", "did you mean profile?"),
        ("user/Nonsense.read", "one is for example user/Patient.read"),
        ("x", "one is for example user/Patient.read"),
    ],
)
def test_a_scope_that_is_none_is_refused_with_the_nearest(run: Update, scope: str, meant: str) -> None:
    result = run("add", "--name", "x", "--scope", scope)

    assert result.exit_code == 1
    assert printed(result)[0].endswith(meant)
