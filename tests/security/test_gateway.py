"""The gateway's own answers, the key's watch and the front: what a deployed template says and does of itself."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from careconnect.resource_types import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.local.template import read_template
from careconnect_admin.project import TEMPLATE
from careconnect_testing.api import issue_code
from careconnect_testing.issuer import basic, issuer_on_moto

pytestmark = pytest.mark.integration

_SECRET = "o" * 43
_RESOURCES: dict[str, dict[str, Any]] = read_template(TEMPLATE)["Resources"]


def _key_event(name: str, **parameters: Any) -> str:
    """Return an event as EventBridge gets it of CloudTrail (KMS developer guide, "Logging KMS API calls")."""
    detail = {
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/Alice"},
        "requestParameters": parameters,
        "readOnly": False,
    }
    return json.dumps(
        {
            "version": "0",
            "id": "7bf73129-1428-4cd3-a780-95db273d1602",
            "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.kms",
            "account": "111122223333",
            "time": "2026-01-01T00:00:00Z",
            "region": "eu-west-2",
            "resources": [],
            "detail": detail,
        }
    )


_KEY = "arn:aws:kms:eu-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("event", "rings"),
    [
        (_key_event("PutKeyPolicy", keyId=_KEY, policyName="default"), True),
        (_key_event("DisableKey", keyId=_KEY), True),
        (_key_event("ScheduleKeyDeletion", keyId=_KEY, pendingWindowInDays=7), True),
        (_key_event("CreateGrant", keyId=_KEY, operations=["GetPublicKey", "Sign"]), True),
        (_key_event("UpdateAlias", aliasName="alias/careconnect-signing-current", targetKeyId=_KEY), True),
        (_key_event("CreateAlias", aliasName="alias/careconnect-signing-next", targetKeyId=_KEY), True),
        (_key_event("DeleteAlias", aliasName="alias/careconnect-signing-previous"), True),
        (_key_event("UpdateAlias", aliasName="alias/careconnect-access-seal", targetKeyId=_KEY), True),
        (_key_event("CreateGrant", keyId=_KEY, operations=["GenerateMac"]), True),
        (_key_event("UpdateAlias", aliasName="alias/another", targetKeyId=_KEY), False),
        (_key_event("CreateGrant", keyId=_KEY, operations=["Encrypt", "Decrypt"]), False),
        (_key_event("Sign", keyId=_KEY, signingAlgorithm="RSASSA_PKCS1_V1_5_SHA_256"), False),
        (_key_event("TagResource", keyId=_KEY), False),
    ],
    ids=lambda each: json.loads(each)["detail"]["eventName"] if isinstance(each, str) else str(each),
)
def test_whoever_touches_a_signing_key_rings(local_stack: LocalStack, event: str, rings: bool) -> None:
    events = local_stack.client("events")
    rule = events.describe_rule(Name=local_stack.stack.resources["KeyChangeRule"])

    assert rule["State"] == "ENABLED"
    found = events.test_event_pattern(EventPattern=rule["EventPattern"], Event=event)
    assert found["Result"] is rings


def test_what_the_rule_finds_reaches_the_alarm(local_stack: LocalStack) -> None:
    events, logs = local_stack.client("events"), local_stack.client("logs")
    (target,) = events.list_targets_by_rule(Rule=local_stack.stack.resources["KeyChangeRule"])["Targets"]
    group = local_stack.stack.resources["KeyChangeLogGroup"]
    (filter_,) = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    (metric,) = filter_["metricTransformations"]
    alarm = _RESOURCES["KeyChangesAlarm"]["Properties"]

    assert target["Arn"].endswith(f":log-group:{group}")
    assert (metric["metricName"], metric["metricValue"]) == (alarm["MetricName"], "1")
    assert alarm["Threshold"] == 1
    policies = json.dumps(logs.describe_resource_policies()["resourcePolicies"])
    assert group in policies
    assert "events.amazonaws.com" in policies


def test_nobody_grants_the_key_on(local_stack: LocalStack) -> None:
    """An administrator of the account has every right that IAM gives; the key's policy does not give this one."""
    kms = local_stack.client("kms")
    policy = json.loads(
        kms.get_key_policy(KeyId=local_stack.stack.resources["SigningKey"], PolicyName="default")["Policy"]
    )

    actions = {
        action
        for statement in policy["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    assert not {action for action in actions if "*" in action or "Grant" in action} - {
        "kms:ListGrants",
        "kms:RevokeGrant",
    }


@pytest.mark.parametrize("place", ["next", "current", "previous"])
@pytest.mark.parametrize(
    "function", ["TokenFunction", "ReadAuthorizerFunction", "WriteAuthorizerFunction", "DiscoveryFunction"]
)
def test_every_alias_is_there_to_be_asked_for_after_a_first_deployment(
    local_stack: LocalStack, function: str, place: str
) -> None:
    kms = local_stack.role_client("kms", function)

    assert kms.get_public_key(KeyId=f"{local_stack.stack.outputs['SigningKeyAlias']}-{place}")["PublicKey"]


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory, explorer: DemoClient) -> Iterator[LocalStack]:
    """A stack behind a front that has to prove itself, for the browsers of two origins."""
    parameters = {"OriginSecret": _SECRET, "AllowedOrigins": "https://a.example,https://b.example"}
    with LocalStack(log_folder=tmp_path_factory.mktemp("fronted"), parameters=parameters) as stack:
        registry = DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"])
        register((explorer,), registry)
        yield stack


_METADATA = f"{FHIR_PATH}/metadata"
_JWKS = "/.well-known/jwks.json"


def _token(stack: LocalStack, client: DemoClient, base: str = "", **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"grant_type": "client_credentials"}
    url = f"{base or stack.base_url}/token"
    return httpx.post(
        url, data=form, auth=(client.client_id, client.secret), headers=given, trust_env=False, timeout=30
    )


def test_through_the_front_everything_is_as_ever(fronted: LocalStack, explorer: DemoClient) -> None:
    answer = _token(fronted, explorer)

    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    for path, status in ((_METADATA, 200), (_JWKS, 200), (f"{FHIR_PATH}/Patient?_count=1", 200)):
        assert httpx.get(fronted.base_url + path, headers=headers, trust_env=False).status_code == status


@pytest.mark.parametrize("secret", ["", "o" * 42, "O" * 43, "o" * 44])
def test_the_apis_own_url_is_no_way_around_the_front(fronted: LocalStack, explorer: DemoClient, secret: str) -> None:
    """With the right token, the right client and everything but the front's secret."""
    token = _token(fronted, explorer).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"} | ({"X-Origin-Secret": secret} if secret else {})

    refused = _token(fronted, explorer, fronted.upstream, **({"X_Origin_Secret": secret} if secret else {}))
    assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")
    for path in (_METADATA, _JWKS, f"{FHIR_PATH}/Patient/4", f"{FHIR_PATH}/Organization"):
        answer = httpx.get(fronted.upstream + path, headers=headers, trust_env=False, timeout=30)
        assert (answer.status_code, issue_code(answer)) == (403, "forbidden")


def test_a_client_id_is_throttled_by_the_viewer_that_the_front_names(fronted: LocalStack) -> None:
    """One guesser does not lock the client out for others behind the same edge, and cannot choose its address."""
    guesser = DemoClient("guessed-by-viewer", "A test client", "wrong", ())

    def guess(viewer: str, **more: str) -> int:
        proof = {"X_Origin_Secret": _SECRET, "X_Viewer_Address": viewer, "X_Forwarded_For": "198.51.100.1"}
        return _token(fronted, guesser, fronted.upstream, **(proof | more)).status_code

    first = [guess("203.0.113.9") for _ in range(21)]

    assert first[0] == 401
    assert first[-1] == 429
    assert guess("203.0.113.9", X_Forwarded_For="192.0.2.77") == 429
    assert guess("203.0.113.10") == 401
    # Through the front nobody says who it is but the front.
    said = {"X_Viewer_Address": "203.0.113.9", "X_Forwarded_For": "203.0.113.9"}
    assert _token(fronted, guesser, **said).status_code == 401


def test_with_several_origins_the_gateways_own_errors_allow_none(fronted: LocalStack) -> None:
    origin = {"Origin": "https://b.example"}

    refused = httpx.get(f"{fronted.base_url}{FHIR_PATH}/Patient/4", headers=origin, trust_env=False)
    answered = httpx.get(fronted.base_url + _METADATA, headers=origin, trust_env=False)

    assert refused.status_code == 401
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert answered.headers["Access-Control-Allow-Origin"] == "https://b.example"


def test_with_one_origin_they_allow_that_one(local_stack: LocalStack) -> None:
    refused = httpx.get(f"{local_stack.base_url}{FHIR_PATH}/Patient/4", trust_env=False)

    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")


def test_the_stage_bounds_the_requests_of_all_together(local_stack: LocalStack) -> None:
    stage = local_stack.client("apigateway").get_stage(restApiId=local_stack.stack.api_id, stageName="live")

    settings = stage["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (200.0, 400)
    assert not stage.get("tracingEnabled")


def test_a_guesser_that_changes_x_forwarded_for_is_throttled_all_the_same() -> None:
    with issuer_on_moto() as issuer:
        issuer.register("guessed")
        statuses = [
            issuer.post(
                "/token",
                {"grant_type": "client_credentials"},
                headers={
                    **basic("guessed", "wrong"),
                    "X-Forwarded-For": f"192.0.2.{number}",
                    "X-Viewer-Address": f"192.0.2.{number}",
                },
                source_ip="203.0.113.7",
            ).status
            for number in range(21)
        ]

    assert statuses == [401] * 20 + [429]


@pytest.mark.parametrize("kind", ["WAF_FILTERED", "INVALID_API_KEY", "INVALID_SIGNATURE", "EXPIRED_TOKEN"])
def test_what_the_gateway_forbids_is_403_as_deployed(local_stack: LocalStack, kind: str) -> None:
    api = local_stack.client("apigateway")

    response = api.get_gateway_response(restApiId=local_stack.stack.api_id, responseType=kind)

    assert response["statusCode"] == "403"
    assert '"code":"forbidden"' in response["responseTemplates"]["application/json"]
