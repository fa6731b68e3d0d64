"""`careconnect clients`: registration's rules, and the commands over a client table."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError, ProfileNotFound
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from typer.testing import CliRunner, Result

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import Action, AuditEvent, new_event_id
from careconnect.oauth.client_record import AuthMethod, client_record, digest_secret
from careconnect_admin.clients.demo import DemoClient, demo_clients
from careconnect_admin.clients.errors import RegistrationError
from careconnect_admin.clients.registration import (
    ClientRegistration,
    check_secret,
    register_client,
    rotate_secret,
)
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.commands.client import clients as clients_command
from careconnect_admin.errors import OperatorError
from careconnect_admin.stack import target as stack_target
from careconnect_admin.stack.running_stack import RunningStack
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.issuer import (
    AUDIT_TABLE,
    CLIENT_TABLE,
    P256_KEY,
    RSA_KEY,
    TOKEN_TABLE,
    Issuer,
    public_jwk,
)
from careconnect_testing.stacks.command_line import printed

RECORD_TABLE = "records"
SECRET = "t7Vb2mKq9xZc4LwNp8RdYs6HgJf3TnQa-5uEiXo1CvWzB_yDkMrGhPjSlFeUtAq0xN7bV4cZ8mKpLwQdRsYgHf"
JWKS = {"keys": [public_jwk(RSA_KEY, "key-1"), public_jwk(P256_KEY, "key-2")]}

Run = Callable[..., Result]


@pytest.fixture
def is_local() -> bool:
    return False


@pytest.fixture
def run(issuer: Issuer, is_local: bool, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect clients …` on a stack of moto's."""
    target = StackTarget(
        "stack",
        {
            "ClientTable": CLIENT_TABLE,
            "TokenTable": TOKEN_TABLE,
            "AuditTable": AUDIT_TABLE,
            "RecordTable": RECORD_TABLE,
        },
        lambda service: getattr(issuer, service),
        is_local=is_local,
    )
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr("time.sleep", lambda _: None)

    def invoke(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(clients_command.app, arguments, **options)

    return invoke


def registration(**changes: Any) -> ClientRegistration:
    return replace(ClientRegistration("client-1", "A client", scopes=("profile", "user/Patient.read")), **changes)


# --- registration


def test_a_registered_client_gets_tokens_and_only_its_digest_is_stored(
    issuer: Issuer, registry: DynamoDbClientRegistry
) -> None:
    secret = register_client(registry, registration(), now=1.0)

    assert secret is not None
    assert len(secret) == 86  # 512 bits
    assert issuer.token("client-1", secret).status == 200
    assert secret not in json.dumps(issuer.items(CLIENT_TABLE))


def test_secrets_and_salts_are_new_each_time(registry: DynamoDbClientRegistry) -> None:
    secrets = {register_client(registry, registration(client_id=f"c{number}"), now=1.0) for number in range(5)}

    assert len(secrets) == 5
    assert len({record.salt for record in registry.every()}) == 5


def test_a_public_key_client_has_no_secret(issuer: Issuer, registry: DynamoDbClientRegistry) -> None:
    keyed = registration(auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=json.dumps(JWKS))

    assert register_client(registry, keyed, now=1.0) is None
    assert issuer.assert_client(issuer.assertion()).status == 200
    second = issuer.assertion(key=P256_KEY, algorithm="ES256", headers={"kid": "key-2"})
    assert issuer.assert_client(second).status == 200


def test_a_resource_server_needs_no_scope_and_gets_no_token(issuer: Issuer, registry: DynamoDbClientRegistry) -> None:
    secret = register_client(registry, registration(scopes=(), resource_server=True), now=1.0)

    assert secret is not None
    assert issuer.token("client-1", secret).error == "unauthorized_client"


def test_an_imported_secret_is_taken(issuer: Issuer, registry: DynamoDbClientRegistry) -> None:
    assert register_client(registry, registration(secret=SECRET), now=1.0) == SECRET
    assert issuer.token("client-1", SECRET).status == 200


def test_a_taken_id_is_refused_and_left_as_it_is(registry: DynamoDbClientRegistry) -> None:
    register_client(registry, registration(), now=1.0)

    with pytest.raises(RegistrationError, match="client-1 is taken"):
        register_client(registry, registration(name="Another"), now=2.0)
    found = registry.find("client-1")
    assert found is not None
    assert found.name == "A client"


def jwks(*keys: Any) -> dict[str, Any]:
    return {"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}), "jwks": json.dumps({"keys": list(keys)})}


PRIVATE = public_jwk(RSA_KEY, "key-1") | {"d": "x"}
SHORT = public_jwk(rsa.generate_private_key(65537, 1024), "key-1")  # noqa: S505 - short is the point
TOO_MANY = tuple(
    f"{level}/{name}.{letters}"
    for level in ("patient", "user", "system")
    for name in ("Patient", "Condition", "Observation", "Encounter", "MedicationStatement", "EpisodeOfCare")
    for letters in ("c", "r", "u", "d", "s", "rs")
)
LONG = ("patient/*.read", *TOO_MANY[:30])
K1 = public_jwk(ec.generate_private_key(ec.SECP256K1()), "key-1")


def systems(*systems: str, scopes: tuple[str, ...] = ("patient/*.read",)) -> dict[str, Any]:
    return {"patient": "4", "scopes": scopes, "identifier_systems": systems}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"client_id": ""}, "client id has"),
        ({"client_id": "a b"}, "client id has"),
        ({"client_id": "a:b"}, "client id has"),
        ({"client_id": "x" * 129}, "client id has"),
        ({"name": " "}, "printable name"),
        ({"name": "a\x1b[31m"}, "printable name"),
        ({"name": "é" * 51}, "at most 100 bytes"),
        ({"auth_methods": frozenset()}, "method of authentication"),
        ({"scopes": ()}, "needs scopes"),
        ({"scopes": ("user/Toaster.read",)}, "does not serve"),
        ({"scopes": ("user/patient.read",)}, "does not serve"),
        ({"scopes": ("Patient.read",)}, "not a scope"),
        ({"scopes": ("user/Patient.rs?gender=male",)}, "for a type that takes none: did you mean user/Patient.rs?"),
        (
            {"scopes": ("user/Goal.rs?identifier=x",)},
            r"that limits no scope: one is for example user/Goal.rs\?category=CODE, by category, status, _tag",
        ),
        ({"scopes": ("user/Goal.read?status=x",)}, r"after a word of SMART v1: one is for example user/Goal.rs\?cat"),
        ({"scopes": ("user/Patient.sr",)}, "not a scope"),
        ({"scopes": ("profile profile",)}, "not a scope"),
        ({"scopes": TOO_MANY}, "use a wildcard"),
        ({"patient": "4/../5", "scopes": ("patient/*.read",)}, "patient's id"),
        ({"patient": "4"}, "limits patient/ scopes"),
        ({"identifier_systems": ("urn:x",)}, "bound to a patient"),
        (systems("urn:x", "urn:y z"), "is a URI"),
        (systems(""), "is a URI"),
        (systems("readings"), "is a URI"),
        (systems("urn:x|y"), "is a URI"),
        (systems("urn:" + "x" * 197), "is a URI"),
        (systems(*(f"urn:{number}" for number in range(9))), "at most 8"),
        (systems(*(f"urn:{number}{'x' * 195}" for number in range(8)), scopes=LONG), "scopes and identifier systems"),
        ({"secret": "short"}, "too weak"),
        ({"secret": "a" * 200}, "repeats"),
        ({"secret": "0123456789abcdef" * 3}, "too weak: 192"),
        ({"secret": "x" * 40 + "ä!"}, "characters"),
        ({"jwks_uri": "https://client.example/jwks"}, "of no use"),
        (
            {"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}), "secret": SECRET} | {"jwks": json.dumps(JWKS)},
            "of no use",
        ),
        ({"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT})}, "public keys"),
        (jwks(public_jwk(RSA_KEY, "k")) | {"jwks_uri": "https://client.example/jwks"}, "public keys"),
        (
            {"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}), "jwks_uri": "http://client.example/jwks"},
            "https URL",
        ),
        (
            {"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}), "jwks_uri": "https://user@client.example/"},
            "https URL",
        ),
        (
            {"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}), "jwks_uri": "https://client.example:x/"},
            "https URL",
        ),
        ({"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}), "jwks": "{"}, "not JSON"),
        ({"auth_methods": frozenset({AuthMethod.PRIVATE_KEY_JWT}), "jwks": "[]"}, "not JSON"),
        (jwks(), "no keys"),
        (jwks("x"), "not an object"),
        (jwks(PRIVATE), "private"),
        (jwks({"kty": "oct", "k": "AAAA", "kid": "a"}), "private"),
        (jwks({name: value for name, value in public_jwk(RSA_KEY, "k").items() if name != "kid"}), "no kid"),
        (jwks(public_jwk(RSA_KEY, "k"), public_jwk(P256_KEY, "k")), "same kid"),
        (jwks(public_jwk(RSA_KEY, "k", alg="PS512")), "another algorithm"),
        (jwks(public_jwk(RSA_KEY, "k", use="enc")), "not for signatures"),
        (jwks(K1), "neither RSA nor EC"),
        (jwks({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "k"}), "neither RSA nor EC"),
        (jwks({"kty": "RSA", "n": "!", "e": "AQAB", "kid": "k"}), "malformed"),
        (jwks(SHORT), "2048 bits"),
    ],
)
def test_what_cannot_be_registered_is_refused_with_the_reason(
    issuer: Issuer, registry: DynamoDbClientRegistry, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(RegistrationError, match=reason):
        register_client(registry, registration(**changes), now=1.0)

    assert issuer.items(CLIENT_TABLE) == []


@pytest.mark.parametrize(
    "secret",
    [
        SECRET,
        "0123456789abcdef" * 4,  # 256 bits in hex
        "0123456789ABCDEF" * 4,
        "bYv7J3q9x_LzW2nT5sKd8mRfUeGhAc1pQoXiVtEwZjN",  # 43 characters of base64url
    ],
)
def test_a_secret_of_256_bits_is_strong_enough(secret: str) -> None:
    check_secret(secret)


# --- rotation and switching off


def test_rotation_overlaps_and_then_ends_the_old_secret(issuer: Issuer, registry: DynamoDbClientRegistry) -> None:
    now = issuer.clock.now
    old = register_client(registry, registration(), now=now)
    assert old is not None

    new = rotate_secret(registry, "client-1", overlap=3600, now=now)

    assert new != old
    assert issuer.token("client-1", old).status == 200
    assert issuer.token("client-1", new).status == 200
    issuer.clock.now += 3600
    assert issuer.token("client-1", old).status == 401
    assert issuer.token("client-1", new).status == 200


def test_rotation_without_overlap_ends_the_old_secret_at_once(issuer: Issuer, registry: DynamoDbClientRegistry) -> None:
    old = register_client(registry, registration(), now=issuer.clock.now)
    assert old is not None

    rotate_secret(registry, "client-1", overlap=0, now=issuer.clock.now)

    assert issuer.token("client-1", old).status == 401


def test_of_two_rotations_the_last_two_secrets_count(issuer: Issuer, registry: DynamoDbClientRegistry) -> None:
    now = issuer.clock.now
    first = register_client(registry, registration(), now=now)
    assert first is not None
    second = rotate_secret(registry, "client-1", overlap=3600, now=now)
    third = rotate_secret(registry, "client-1", overlap=3600, now=now)

    assert [issuer.token("client-1", each).status for each in (first, second, third)] == [401, 200, 200]


def test_rotations_at_the_same_time_do_not_undo_each_other(registry: DynamoDbClientRegistry) -> None:
    register_client(registry, registration(), now=1.0)
    seen_before = registry.find("client-1")

    class Stale(DynamoDbClientRegistry):
        def find(self, client_id: str) -> Any:
            return seen_before

    rotate_secret(registry, "client-1", overlap=0, now=1.0)
    with pytest.raises(RegistrationError, match="at the same time"):
        rotate_secret(Stale(registry._client, CLIENT_TABLE), "client-1", overlap=0, now=1.0)


def test_a_client_without_a_secret_has_none_to_rotate(registry: DynamoDbClientRegistry) -> None:
    keyed = registration(auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=json.dumps(JWKS))
    register_client(registry, keyed, now=1.0)

    with pytest.raises(RegistrationError, match="has no secret"):
        rotate_secret(registry, "client-1", overlap=0, now=1.0)


# --- the commands


def test_add_shows_the_secret_once_and_it_works(issuer: Issuer, run: Run) -> None:
    result = run(
        "add", "--name", "My app", "--scope", "profile user/Patient.read", "--scope", "user/Condition.rs", "--json"
    )

    assert result.exit_code == 0, result.output
    added = json.loads(result.stdout)
    assert added["scope"] == "profile user/Patient.read user/Condition.rs"
    assert added["auth_methods"] == ["client_secret_basic", "client_secret_post"]
    assert issuer.token(added["client_id"], added["client_secret"]).status == 200
    for again in (run("show", added["client_id"], "--json"), run("list", "--json"), run("show", added["client_id"])):
        assert again.exit_code == 0
        assert added["client_secret"] not in again.stdout
        digest = client_record(issuer.items(CLIENT_TABLE)[0]).secrets[0].digest
        assert digest not in again.stdout
        assert client_record(issuer.items(CLIENT_TABLE)[0]).salt not in again.stdout


@pytest.mark.parametrize(
    ("digest", "warning"),
    [
        ("an-unchanged-body", ""),
        ("gone", "careconnect: no Patient/99999 is stored: is the id right?"),
        (None, "careconnect: no Patient/99999 is stored: is the id right?"),
        ("no table", "careconnect: not checked whether Patient/99999 is stored (ResourceNotFoundException)"),
    ],
)
def test_a_client_may_be_bound_to_a_patient_who_is_not_stored_but_that_is_said(
    issuer: Issuer, run: Run, digest: str | None, warning: str
) -> None:
    if digest != "no table":
        create_table(issuer.dynamodb, "RecordTable", RECORD_TABLE)
        if digest is not None:
            index = {"pk": {"S": "Patient/99999"}, "sk": {"S": "#index"}, "version": {"N": "1"}}
            issuer.dynamodb.put_item(TableName=RECORD_TABLE, Item={**index, "digest": {"S": digest}})

    added = run("add", "--name", "x", "--id", "x", "--scope", "patient/Patient.read", "--patient", "99999", "--json")
    updated = run("update", "x", "--patient", "99999", "--json")

    for result in (added, updated):
        assert (result.exit_code, "\n".join(printed(result))) == (0, warning)


def test_add_in_words_says_to_keep_the_secret(run: Run) -> None:
    result = run("add", "--name", "My app", "--id", "my-app", "--scope", "profile", "--patient", "")

    assert "client secret" in result.stdout
    assert "keep it now" in result.stderr


def test_add_with_keys_and_an_imported_secret(run: Run, issuer: Issuer, tmp_path: Any) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(JWKS))

    keyed = run("add", "--name", "Keyed", "--id", "client-1", "--scope", "profile", "--jwks", str(file), "--json")
    imported = run(
        "add", "--name", "Old", "--id", "old", "--scope", "profile", "--secret-file", "-", "--json", input=SECRET + "\n"
    )

    assert json.loads(keyed.stdout)["key_ids"] == ["key-1", "key-2"]
    assert "client_secret" not in json.loads(keyed.stdout)
    assert issuer.assert_client(issuer.assertion()).status == 200
    assert json.loads(imported.stdout)["client_secret"] == SECRET
    assert issuer.token("old", SECRET).status == 200


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("add", "--name", "x", "--scope", "user/Toaster.read"), "'user/Toaster.read' is a scope for a type"),
        (("add", "--name", "x"), "needs scopes"),
        (("add", "--name", "x", "--id", "taken", "--scope", "profile"), "taken is taken"),
        (("show", "nobody"), "there is no client nobody"),
        (("rotate-secret", "nobody"), "there is no client nobody"),
        (("disable", "nobody"), "there is no client nobody"),
        (("enable", "nobody"), "there is no client nobody"),
        (("update", "nobody", "--scope", "profile"), "there is no client nobody"),
        (("update", "taken"), "nothing to change"),
        (("update", "taken", "--patient", "4", "--every-patient"), "exclude each other"),
        (("add", "--name", "x", "--patient", "4", "--every-patient"), "exclude each other"),
        (("update", "taken", "--scope", "user/Toaster.read"), "'user/Toaster.read' is a scope for a type"),
        (("update", "taken", "--scope", "profile", "--patient", "4"), "limits patient/ scopes"),
        (("update", "taken", "--scope", ""), "needs scopes"),
        (("update", "taken", "--identifier-system", "urn:x"), "bound to a patient"),
        (
            ("update", "taken", "--identifier-system", "urn:x", "--no-identifier-systems"),
            "exclude each other",
        ),
        (("remove", "nobody", "--yes"), "there is no client nobody"),
    ],
)
def test_a_refusal_is_one_line_and_exit_code_1(
    issuer: Issuer, run: Run, arguments: tuple[str, ...], reason: str
) -> None:
    issuer.register("taken")

    result = run(*arguments)

    assert result.exit_code == 1
    (line,) = printed(result)
    assert reason in line
    assert line.startswith("careconnect: ")
    assert result.stdout == ""


def test_a_weak_imported_secret_is_refused_and_not_repeated(run: Run, issuer: Issuer) -> None:
    result = run("add", "--name", "x", "--scope", "profile", "--secret-file", "-", input="hunter2")

    assert result.exit_code == 1
    assert "too weak" in result.stderr
    assert "hunter2" not in result.output
    assert issuer.items(CLIENT_TABLE) == []


PUBLISHED = demo_clients()[:3]


@pytest.mark.parametrize("is_local", [False, True], ids=["deployed", "local"])
@pytest.mark.parametrize("demo", PUBLISHED, ids=lambda demo: demo.name)
def test_a_published_id_or_secret_is_for_local_runs_only(
    issuer: Issuer, run: Run, is_local: bool, demo: DemoClient
) -> None:
    issuer.register("client-1")
    by_id = run("add", "--name", "x", "--scope", "profile", "--id", demo.client_id)
    by_secret = run("add", "--name", "x", "--scope", "profile", "--id", "mine", "--secret-file", "-", input=demo.secret)
    rotated = run("rotate-secret", "client-1", "--secret-file", "-", input=f"{demo.secret}\n")

    results = [by_id, by_secret, rotated]
    assert [result.exit_code for result in results] == [0, 0, 0] if is_local else [1, 1, 1]
    assert ("local runs only" in by_id.stderr) is ("local runs only" in rotated.stderr) is not is_local
    assert is_local or not any(demo.secret in result.output for result in results)
    assert len(issuer.items(CLIENT_TABLE)) == (3 if is_local else 1)


def test_explorers_name_is_free(run: Run) -> None:
    assert run("add", "--name", "x", "--scope", "profile", "--id", "explorer").exit_code == 0


def test_the_local_run_is_known_as_local_and_a_named_stack_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    running = RunningStack("http://127.0.0.1:1", "http://127.0.0.1:2", "eu-west-2", "careconnect", "id", "secret")
    monkeypatch.setattr(stack_target, "running_stacks", lambda port: (running,))
    monkeypatch.setattr(stack_target, "emulator_client", lambda *_: FakeCloudFormation())
    monkeypatch.setattr("boto3.session.Session", lambda **_: FakeSession(FakeCloudFormation()))

    assert stack_target.stack_target().is_local
    assert not stack_target.stack_target("careconnect").is_local


def test_list_show_disable_enable_rotate_remove(issuer: Issuer, run: Run) -> None:
    secret = issuer.register("client-1")

    assert "client-1" in run("list").stdout
    disabled = run("disable", "client-1", "--json")
    assert json.loads(disabled.stdout) == {"client_id": "client-1", "enabled": False}
    assert "its tokens are revoked for good" in disabled.stderr
    assert issuer.token("client-1", secret).status == 401
    assert json.loads(run("show", "client-1", "--json").stdout)["enabled"] is False
    assert run("enable", "client-1").stdout == "Enabled client-1\n"
    rotated = json.loads(run("rotate-secret", "client-1", "--overlap-hours", "1", "--json").stdout)
    assert len(rotated["secrets"]) == 2
    assert [bool(each["ends"]) for each in rotated["secrets"]] == [False, True]
    assert issuer.token("client-1", rotated["client_secret"]).status == 200
    assert run("remove", "client-1", input="n\n").exit_code == 1
    assert issuer.token("client-1", rotated["client_secret"]).status == 200
    assert run("remove", "client-1", input="y\n").exit_code == 0
    assert issuer.token("client-1", rotated["client_secret"]).status == 401
    assert json.loads(run("list", "--json").stdout) == []


def test_show_and_list_say_when_a_client_was_last_used(issuer: Issuer, run: Run) -> None:
    now = time.time() - 60
    issuer.register("client-1")
    issuer.register("client-2")
    event = AuditEvent(id=new_event_id(now), action=Action.EXECUTE, interaction="110122", client_id="client-1")
    DynamoDbAuditStore(issuer.dynamodb, AUDIT_TABLE).keep([event])
    at = datetime.fromtimestamp(int(now), UTC).isoformat()

    listed = {each["client_id"]: each for each in json.loads(run("list", "--last-use", "--json").stdout)}

    assert listed["client-1"]["last_use"] == at
    assert listed["client-2"]["unused_since"] < at
    assert dict(line.split("  ", 1) for line in run("show", "client-1").stdout.splitlines())["last use"].strip() == at
    assert "not since 20" in run("list", "--last-use").stdout
    assert "last_use" not in run("list", "--json").stdout
    looks = [event for event in issuer.events() if event.interaction == "search-type"]
    assert [event.query for event in looks] == ["user=client-1,client-2", "user=client-1", "user=client-1,client-2"]


def test_a_client_is_unused_since_it_was_made_at_most(issuer: Issuer, run: Run) -> None:
    made = int(time.time()) - 3600
    issuer.register("client-1", created_at=made)

    shown = json.loads(run("show", "client-1", "--json").stdout)

    assert shown["unused_since"] == shown["created"] == datetime.fromtimestamp(made, UTC).isoformat()
    assert "never" in run("list", "--last-use").stdout


def test_without_the_right_to_read_the_trail_a_client_is_shown_all_the_same(issuer: Issuer, run: Run) -> None:
    issuer.register("client-1")
    issuer.dynamodb.delete_table(TableName=AUDIT_TABLE)

    result = run("show", "client-1", "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["last_use_unknown"] == "ResourceNotFoundException"
    assert "unknown" in run("list", "--last-use").stdout


@pytest.mark.parametrize("command", ["add", "list", "show", "rotate-secret", "disable", "enable", "update", "remove"])
def test_every_command_explains_itself(run: Run, command: str) -> None:
    result = run(command, "--help")

    assert result.exit_code == 0
    assert "--stack" in result.output


def test_the_stored_digest_is_the_salted_one(issuer: Issuer, registry: DynamoDbClientRegistry) -> None:
    secret = register_client(registry, registration(), now=1.0)
    (record,) = registry.every()
    assert secret is not None

    assert record.secrets[0].digest == digest_secret(record.salt, secret)


# --- finding the stack


def denied(code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "arn:aws:iam::123456789012:user/x is not…"}}, "DescribeStacks"
    )


class FakeCloudFormation:
    def __init__(self, fault: Exception | None = None, outputs: tuple[tuple[str, str], ...] = ()) -> None:
        self._fault = fault
        self._outputs = outputs

    def describe_stacks(self, **_: Any) -> Any:
        if self._fault is not None:
            raise self._fault
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self._outputs]
        return {"Stacks": [{"StackId": STACK_ID, "Outputs": outputs}]}


STACK_ID = "arn:aws:cloudformation:eu-west-2:123456789012:stack/mine/1"


class FakeSession:
    def __init__(self, client: Any) -> None:
        self._client = client

    def client(self, service: str, **_: Any) -> Any:
        return self._client


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (denied("ValidationError"), "there is no stack mine in this region and account"),
        (denied("AccessDenied"), "AWS denies DescribeStacks"),
        (denied("ExpiredToken"), "sign in again"),
        (denied("ThrottlingException"), "try again"),
        (denied("ResourceNotFoundException"), "is the stack complete"),
        (NoCredentialsError(), "no AWS credentials"),
        (EndpointConnectionError(endpoint_url="https://x"), "cannot be reached"),
    ],
)
def test_operators_errors_are_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, remedy: str
) -> None:
    monkeypatch.setattr("boto3.session.Session", lambda **_: FakeSession(FakeCloudFormation(fault)))

    result = CliRunner().invoke(clients_command.app, ["list", "--stack", "mine"])

    assert result.exit_code == 1
    assert remedy in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.output
    assert "123456789012" not in result.output


@pytest.mark.parametrize(
    ("fault", "remedy"), [(NoRegionError(), "--region"), (ProfileNotFound(profile="x"), "profile")]
)
def test_a_session_that_cannot_be_made_is_one_line(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, remedy: str
) -> None:
    def session(**_: Any) -> Any:
        raise fault

    monkeypatch.setattr("boto3.session.Session", session)
    result = CliRunner().invoke(clients_command.app, ["list", "--stack", "mine"])

    assert result.exit_code == 1
    assert remedy in result.stderr


def test_a_stack_of_something_else_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session", lambda **_: FakeSession(FakeCloudFormation()))
    result = CliRunner().invoke(clients_command.app, ["list", "--stack", "mine"])

    assert "has no output ClientTable" in result.stderr


def test_without_a_stack_the_local_one_is_used_or_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_target, "running_stacks", lambda port: ())
    with pytest.raises(OperatorError, match="make run"):
        stack_target.stack_target(None)


def test_secret_files_are_stripped(run: Run, tmp_path: Any) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")

    assert (
        json.loads(run("add", "--name", "x", "--scope", "profile", "--secret-file", str(file), "--json").stdout)[
            "client_secret"
        ]
        == SECRET
    )
