"""The authorizer as Lambda runs it, over moto's KMS and DynamoDB."""

import importlib
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key
from moto import mock_aws

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.access_token import client_cutoff_key, patient_cutoff_key, revocation_key
from careconnect.oauth.signing_keys import CACHE_SECONDS, thumbprint
from careconnect.runtime import aws
from careconnect_testing.aws.iam import allows
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.events import authorizer_event, event, event_names
from careconnect_testing.parts.access_tokens import BASE, claims, encoded, header, segment, signed
from careconnect_testing.parts.issuer import quick_rsa_keys
from careconnect_testing.stacks.refused_start import missing_settings

SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "scope_authorizer",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "TOKEN_TABLE": "tokens",
    "SIGNING_KEY_ALIAS": "alias/test-signing",
    "DIRECTION": "read",
}


@contextmanager
def counted_calls() -> Iterator[list[str]]:
    """Yield a list of the operations called in this block, without retries, by clients created in it.

    Clients take their event hooks from the session of `careconnect.runtime.aws`. This function creates a new session.
    """
    calls: list[str] = []

    def count(model: Any, **_: Any) -> None:
        calls.append(model.name)

    aws.session.cache_clear()
    aws.session().get_component("event_emitter").register("before-call", count)
    try:
        yield calls
    finally:
        aws.session.cache_clear()


@dataclass
class Authorizer:
    """The handler, imported anew, and the key that signs for it."""

    handler: Any
    dynamodb: Any
    kms: Any
    key_id: str
    calls: list[str]
    log: io.StringIO

    def token(self, **changes: Any) -> str:
        answer = self.kms.get_public_key(KeyId=self.key_id)
        public: Any = load_der_public_key(answer["PublicKey"])
        signing_input = f"{segment(header(kid=thumbprint(public)))}.{segment(claims(**changes))}"
        signature = self.kms.sign(
            KeyId=self.key_id,
            Message=signing_input.encode(),
            MessageType="RAW",
            SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
        )["Signature"]
        self.calls.clear()
        return f"{signing_input}.{encoded(signature)}"

    def refuses(self, token: str) -> str:
        """Ask about a token that must be refused, and return the reason that the log has."""
        self.log.seek(0, io.SEEK_END)
        logged = self.log.tell()
        with pytest.raises(Exception, match=r"^Unauthorized$") as caught:
            self.ask(token)
        # The gateway looks at Lambda's errorMessage, which is the text and nothing else (ADR 16).
        assert (type(caught.value), caught.value.args) == (Exception, ("Unauthorized",))
        assert caught.value.__suppress_context__
        return str(json.loads(self.log.getvalue()[logged:])["reason"])

    def ask(self, token: str, **request: str) -> dict[str, Any]:
        context = SimpleNamespace(aws_request_id="request-1")
        answer: dict[str, Any] = self.handler.lambda_handler(authorizer_event(f"Bearer {token}", **request), context)
        return answer


@pytest.fixture
def authorizer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Authorizer]:
    environment = {
        **SETTINGS,
        "BASE_URL": BASE.root,
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    sys.modules.pop("scope_authorizer.handler", None)
    with mock_aws(), quick_rsa_keys(), counted_calls() as calls:
        dynamodb, kms = boto3.client("dynamodb"), boto3.client("kms")
        create_table(dynamodb, "TokenTable", "tokens")
        key_id = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName="alias/test-signing-current", TargetKeyId=key_id)
        handler = importlib.import_module("scope_authorizer.handler")
        yield Authorizer(handler, dynamodb, kms, key_id, calls, _captured_log())
    sys.modules.pop("scope_authorizer.handler", None)


def _captured_log() -> io.StringIO:
    """Have the function's logger, of which there is one for the whole process, write to a buffer."""
    log = io.StringIO()
    for handler in logging.getLogger("scope_authorizer").handlers:
        if isinstance(handler, logging.StreamHandler):
            # Not by setStream, which would flush what another test has closed since.
            handler.stream = log
    return log


def test_a_missing_setting_stops_the_start_and_is_named() -> None:
    needed = {name: value for name, value in SETTINGS.items() if name != "BASE_URL"}

    assert missing_settings("scope_authorizer", needed) == {name: f"The setting {name} is missing." for name in needed}


def test_an_accepted_token_gets_its_policy_and_the_readers_context(authorizer: Authorizer) -> None:
    answer = authorizer.ask(authorizer.token(exp=int(time.time()) + 600, jti="token-7"))

    assert answer["principalId"] == "client-1"
    assert answer["context"].keys() == {"client_id", "scope", "issued_at", "expires_at", "jti"}
    assert answer["context"]["jti"] == "token-7"
    assert answer["context"]["client_id"] == "client-1"
    assert answer["context"]["scope"] == "user/Patient.read profile"
    assert abs(int(answer["context"]["expires_at"]) - time.time() - 600) < 5
    assert 0 <= time.time() - int(answer["context"]["issued_at"]) < 5
    assert all(isinstance(value, str) for value in answer["context"].values())
    assert authorizer.ask(authorizer.token(client_name='Señor "X"'))["context"]["client_name"] == "Se%C3%B1or%20%22X%22"
    stage = authorizer_event("x")["methodArn"].partition("/GET")[0]
    assert allows(answer["policyDocument"], "execute-api:Invoke", f"{stage}/GET{FHIR_PATH}/Patient/4")
    assert not allows(answer["policyDocument"], "execute-api:Invoke", f"{stage}/GET{FHIR_PATH}/Condition/4")


def test_the_same_code_answers_for_the_routes_that_write(
    authorizer: Authorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which direction it is for says its setting, and neither the method nor the path that is asked for."""
    token = authorizer.token(scope="user/Patient.cud user/Condition.rs")
    stage = authorizer_event("x")["methodArn"].partition("/GET")[0]
    for direction, name in (("read", "Condition"), ("write", "Patient")):
        monkeypatch.setenv("DIRECTION", direction)
        sys.modules.pop("scope_authorizer.handler")
        authorizer.handler = importlib.import_module("scope_authorizer.handler")
        for method in ("GET", "DELETE"):
            policy = authorizer.ask(token, method=method)["policyDocument"]
            found = {
                each
                for each in ("Patient", "Condition")
                if allows(policy, "execute-api:Invoke", f"{stage}/{method}{FHIR_PATH}/{each}/4")
            }
            assert found == {name}


def test_a_bound_clients_patient_reaches_the_reader(authorizer: Authorizer) -> None:
    assert authorizer.ask(authorizer.token(patient="4"))["context"]["patient"] == "4"


def test_a_bound_clients_identifier_systems_reach_the_writer_as_one_text(authorizer: Authorizer) -> None:
    context = authorizer.ask(authorizer.token(patient="4", identifier_systems=["urn:x", "urn:y"]))["context"]

    assert context["identifier_systems"] == "urn:x urn:y"


@pytest.mark.parametrize(
    ("bound", "scope", "is_open"),
    [
        ({}, "system/AuditEvent.read", True),
        ({}, "system/*.cruds profile", False),
        ({}, "patient/AuditEvent.read", False),
        ({"patient": "4"}, "patient/AuditEvent.read", True),
        ({"patient": "4"}, "patient/*.read", False),
    ],
)
def test_the_audit_trail_opens_to_its_name_and_at_the_level_patient_to_a_bound_client(
    authorizer: Authorizer, bound: dict[str, str], scope: str, is_open: bool
) -> None:
    policy = authorizer.ask(authorizer.token(scope=scope, **bound))["policyDocument"]

    stage = authorizer_event("x")["methodArn"].partition("/GET")[0]
    for path in ("AuditEvent", "AuditEvent/4"):
        assert allows(policy, "execute-api:Invoke", f"{stage}/GET{FHIR_PATH}/{path}") is is_open


def test_without_a_configured_root_url_issuer_and_audience_are_the_gateways(
    authorizer: Authorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BASE_URL")
    sys.modules.pop("scope_authorizer.handler")
    authorizer.handler = importlib.import_module("scope_authorizer.handler")
    root = "https://abc123def4.execute-api.eu-west-2.amazonaws.com/live"

    assert authorizer.refuses(authorizer.token())
    ours = authorizer.token(iss=root, aud=root + FHIR_PATH)
    assert authorizer.ask(ours)["context"]["client_id"] == "client-1"


def test_a_cold_call_looks_up_the_keys_and_the_revoked_and_a_warm_one_the_revoked_alone(
    authorizer: Authorizer,
) -> None:
    token = authorizer.token()

    authorizer.ask(token)
    assert sorted(authorizer.calls) == ["BatchGetItem", "GetPublicKey", "GetPublicKey", "GetPublicKey"]
    authorizer.calls.clear()
    authorizer.ask(token)
    authorizer.ask(authorizer.token(jti="another"))
    assert authorizer.calls == ["BatchGetItem"]


def test_a_forged_token_costs_no_call_when_warm(authorizer: Authorizer) -> None:
    authorizer.ask(authorizer.token())
    authorizer.calls.clear()

    assert authorizer.refuses(signed()) == "unknown key"
    assert authorizer.calls == []


def test_s9_a_token_is_refused_as_soon_as_it_is_among_the_revoked(authorizer: Authorizer) -> None:
    token = authorizer.token(jti="to-be-revoked")
    assert authorizer.ask(token)["principalId"] == "client-1"

    authorizer.dynamodb.put_item(TableName="tokens", Item={"pk": {"S": revocation_key("to-be-revoked")}})

    assert authorizer.refuses(token) == "revoked"


@pytest.mark.parametrize("key", [client_cutoff_key("client-1"), patient_cutoff_key("4")])
def test_a_token_is_refused_as_soon_as_a_cutoff_ends_its_clients_or_patients_tokens(
    authorizer: Authorizer, key: str
) -> None:
    now = int(time.time())
    before, after = authorizer.token(iat=now, patient="4"), authorizer.token(iat=now + 1, patient="4")
    assert authorizer.ask(before)["principalId"] == "client-1"

    authorizer.dynamodb.put_item(TableName="tokens", Item={"pk": {"S": key}, "before": {"N": str(now)}})

    assert authorizer.refuses(before) == "revoked"
    assert authorizer.ask(after)["principalId"] == "client-1"


def test_a_cutoff_that_dynamodb_did_not_answer_lets_nothing_through(authorizer: Authorizer) -> None:
    def unprocessed(parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedKeys"] = {"tokens": {"Keys": [{"pk": {"S": client_cutoff_key("client-1")}}]}}

    aws.session().get_component("event_emitter").register("after-call.dynamodb.BatchGetItem", unprocessed)
    sys.modules.pop("scope_authorizer.handler")
    authorizer.handler = importlib.import_module("scope_authorizer.handler")

    with pytest.raises(Exception, match=r"^The token could not be judged\.$"):
        authorizer.ask(authorizer.token())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"exp": 1_700_000_000}, "expired"), ({"iat": int(time.time()) - 5401}, "older than any token may be")],
    ids=["expired", "old"],
)
def test_s8_an_expired_token_is_reported_from_a_bad_one_in_the_log(
    authorizer: Authorizer, changes: dict[str, int], reason: str
) -> None:
    assert authorizer.refuses(authorizer.token(**changes)) == reason


@pytest.mark.parametrize("name", event_names("ReadAuthorizerFunction"))
def test_s10_a_refused_token_gets_no_policy_at_all(authorizer: Authorizer, name: str) -> None:
    for asked in (event(name), authorizer_event("Bearer nonsense"), authorizer_event("")):
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            authorizer.handler.lambda_handler(asked, None)


@pytest.mark.parametrize("rotated", ["promoted", "retired"])
def test_keys_follow_a_rotation_without_a_deployment(
    authorizer: Authorizer, monkeypatch: pytest.MonkeyPatch, rotated: str
) -> None:
    old = authorizer.token()
    assert authorizer.ask(old)["principalId"] == "client-1"
    new_key = authorizer.kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    if rotated == "promoted":
        authorizer.kms.create_alias(AliasName="alias/test-signing-previous", TargetKeyId=authorizer.key_id)
    authorizer.kms.update_alias(AliasName="alias/test-signing-current", TargetKeyId=new_key)
    later = time.time() + CACHE_SECONDS + 1
    sys.modules.pop("scope_authorizer.handler")
    monkeypatch.setattr(time, "time", lambda: later)
    authorizer.handler = importlib.import_module("scope_authorizer.handler")

    if rotated == "retired":
        assert authorizer.refuses(old) == "unknown key"
    else:
        assert authorizer.ask(old)["principalId"] == "client-1"
    authorizer.key_id = new_key
    assert authorizer.ask(authorizer.token())["principalId"] == "client-1"


def _break_dynamodb(authorizer: Authorizer) -> None:
    authorizer.dynamodb.delete_table(TableName="tokens")


def _break_kms(authorizer: Authorizer) -> None:
    def denied(**_: Any) -> None:
        raise ConnectionError("secret-detail of KMS")

    aws.session().get_component("event_emitter").register("before-call.kms", denied)
    sys.modules.pop("scope_authorizer.handler")
    authorizer.handler = importlib.import_module("scope_authorizer.handler")


def counted(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the metrics that were written since the last look (CloudWatch's embedded metric format)."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    return [each["Name"] for line in lines for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]


def test_a_refused_token_counts_as_refused_and_not_as_a_failure(
    authorizer: Authorizer, capsys: pytest.CaptureFixture[str]
) -> None:
    authorizer.ask(authorizer.token())
    assert counted(capsys) == []

    authorizer.refuses(signed())
    assert counted(capsys) == ["TokenRefused"]

    assert authorizer.refuses(authorizer.token(cnf={"jkt": "a"})) == "bound token as Bearer"
    assert counted(capsys) == ["TokenRefused", "DpopDowngraded"]


def test_a_bound_tokens_context_has_its_key_and_says_whether_its_proofs_need_nonces(authorizer: Authorizer) -> None:
    def context(**changes: Any) -> dict[str, str]:
        event = authorizer_event(f"DPoP {authorizer.token(**changes)}")
        answer: dict[str, Any] = authorizer.handler.lambda_handler(event, None)
        return {name: text for name, text in answer["context"].items() if name in ("jkt", "dpop_nonce")}

    assert context(cnf={"jkt": "a-thumbprint"}) == {"jkt": "a-thumbprint"}
    assert context(cnf={"jkt": "a-thumbprint"}, dpop_nonce=True) == {"jkt": "a-thumbprint", "dpop_nonce": "true"}
    assert context(cnf={"jkt": "a-thumbprint"}, dpop_nonce=False) == {"jkt": "a-thumbprint"}


@pytest.mark.parametrize("fault", [_break_dynamodb, _break_kms])
def test_a_fault_of_a_service_lets_nothing_through_and_leaks_nothing(
    authorizer: Authorizer, fault: Callable[[Authorizer], None], capsys: pytest.CaptureFixture[str]
) -> None:
    token = authorizer.token()
    fault(authorizer)

    with pytest.raises(Exception, match=r"^The token could not be judged\.$") as caught:
        authorizer.ask(token)

    assert type(caught.value).__name__ == "AuthorizerUnavailableError"
    assert caught.value.__suppress_context__
    log = authorizer.log.getvalue()
    assert '"message":"failure"' in log
    assert token not in log
    assert "secret-detail" not in log
    assert counted(capsys) == ["AuthorizerFailed"]


def test_an_event_that_is_none_is_a_fault_and_not_a_pass(authorizer: Authorizer) -> None:
    for nonsense in ({}, {"type": "TOKEN", "authorizationToken": f"Bearer {authorizer.token()}", "methodArn": "x"}):
        with pytest.raises(Exception, match=r"^The token could not be judged\.$"):
            authorizer.handler.lambda_handler(nonsense, None)


def test_a_refusal_alone_is_logged_without_the_token_or_the_patient(authorizer: Authorizer) -> None:
    good, bad = authorizer.token(patient="patient-id-0001"), signed()
    authorizer.ask(good)
    authorizer.refuses(bad)

    lines = [json.loads(line) for line in authorizer.log.getvalue().splitlines()]
    assert [(line["status"], line["reason"]) for line in lines] == [(401, "unknown key")]
    assert {line["function_request_id"] for line in lines} == {"request-1"}
    for secret in (good, bad, good.rpartition(".")[2], "patient-id-0001", "token-1"):
        assert not any(secret in json.dumps(line) for line in lines)
