"""The gateway's own answers, the alarm on the signing key, and the edge, as a deployed template has them."""

import json
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.parts.issuer import basic, built_issuer
from careconnect_testing.stacks.whole_template import whole_template

pytestmark = pytest.mark.integration

_SECRET = "o" * 43
_RESOURCES: dict[str, dict[str, Any]] = whole_template()["Resources"]


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
        (_key_event("UpdateAlias", aliasName="alias/careconnect-access-seal", targetKeyId=_KEY), False),
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
    arn = target["Arn"]
    (own,) = logs.describe_resource_policies(resourceArn=arn, policyScope="RESOURCE")["resourcePolicies"]
    assert f"{arn}:*" in own["policyDocument"]
    assert "events.amazonaws.com" in own["policyDocument"]


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


def test_with_one_origin_they_allow_that_one(local_stack: LocalStack) -> None:
    refused = httpx.get(f"{local_stack.base_url}{FHIR_PATH}/Patient/4", trust_env=False, timeout=30)

    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, "*")


def test_the_stage_bounds_the_requests_of_all_together(local_stack: LocalStack) -> None:
    stage = local_stack.client("apigateway").get_stage(restApiId=local_stack.stack.api_id, stageName="live")

    settings = stage["methodSettings"]["*/*"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (200.0, 400)
    assert not stage.get("tracingEnabled")


def test_a_guesser_that_changes_x_forwarded_for_is_throttled_all_the_same() -> None:
    with built_issuer() as issuer:
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


def test_what_is_optional_is_not_there_unasked(local_stack: LocalStack) -> None:
    assert not local_stack.stack.resources.keys() & {"AlarmTopic", "Front", "ViewerAddressFunction"}
