"""What the template leaves to the operator deploys: access logs, alarms to someone, a custom domain with its front."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careconnect_admin.local.deployment import Deployment, DeploymentError
from careconnect_admin.local.emulator import Emulator
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.local.packaging import package
from careconnect_admin.project import TEMPLATE
from careconnect_admin.stack.emulator_client import REGION

pytestmark = pytest.mark.integration

_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0c0c0c0c-0000-4000-8000-000000000000"
_EDGE = "arn:aws:lambda:us-east-1:123456789012:function:careconnect-edge:7"
_OPTIONAL = {"AlarmTopic", "Front", "ViewerAddressFunction"}
_UNLESS_REFUSED = {"AccessLogGroup", "DeniedFilter", "DeniedAlarm"}
_SECRET = "s" * 43


def test_every_option_deploys(tmp_path: Path) -> None:
    parameters = {
        "AlarmEmail": "operator@example.org",
        "CustomDomain": "api.example.org",
        "CertificateArn": _CERTIFICATE,
        "EdgeFunctionArn": _EDGE,
        "OriginSecret": _SECRET,
    }

    with LocalStack(log_folder=tmp_path, parameters=parameters) as local:
        stack = local.stack
        (front,) = local.client("cloudfront").list_distributions()["DistributionList"]["Items"]
        alarms = local.client("cloudwatch").describe_alarms()["MetricAlarms"]

    assert stack.resources.keys() >= _OPTIONAL | _UNLESS_REFUSED
    assert stack.outputs["BaseUrl"] == "https://api.example.org"
    assert stack.outputs["FrontDomainName"] == front["DomainName"]
    assert front["Origins"]["Items"][0]["DomainName"].startswith(f"{stack.api_id}.execute-api.")
    assert front["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"][0]["LambdaFunctionARN"] == _EDGE
    (header,) = front["Origins"]["Items"][0]["CustomHeaders"]["Items"]
    assert header == {"HeaderName": "X-Origin-Secret", "HeaderValue": _SECRET}
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(stack.resources["AlarmTopic"],)}


def test_none_of_them_is_there_unasked(local_stack: LocalStack) -> None:
    assert not local_stack.stack.resources.keys() & _OPTIONAL


def test_a_deployment_goes_without_access_logs_where_the_account_has_no_role_for_them(tmp_path: Path) -> None:
    with LocalStack(log_folder=tmp_path, parameters={"AccessLogs": "off"}) as local:
        assert not local.stack.resources.keys() & _UNLESS_REFUSED


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """An emulator for all that is refused, since nothing of it stays."""
    with Emulator(tmp_path_factory.mktemp("refused") / "emulator.log") as emulator:
        yield emulator


def _deploy(emulator: Emulator, bucket: str, parameters: dict[str, str]) -> None:
    services = [emulator.client(name) for name in ("cloudformation", "apigateway", "s3")]
    deployment = Deployment(*services, region=REGION, endpoint=emulator.endpoint)
    deployment.create("refused", package(TEMPLATE, bucket), bucket, parameters)


def test_a_custom_domain_without_an_origin_secret_is_refused(emulator: Emulator) -> None:
    parameters = {"CustomDomain": "api.example.org", "CertificateArn": _CERTIFICATE, "EdgeFunctionArn": _EDGE}

    with pytest.raises(DeploymentError, match="CustomDomain needs OriginSecret"):
        _deploy(emulator, "no-secret", parameters)


@pytest.mark.parametrize("base", ["http://api.example.org", "http://127.0.0.1.example.org", "http://10.0.0.1:3000"])
def test_a_base_url_of_plain_http_is_refused_but_on_this_machine(emulator: Emulator, base: str) -> None:
    with pytest.raises(DeploymentError, match="BaseUrl"):
        _deploy(emulator, base.removeprefix("http://").replace(":", "-"), {"BaseUrl": base})


def test_an_edge_function_of_another_region_is_refused(emulator: Emulator) -> None:
    with pytest.raises(DeploymentError, match="EdgeFunctionArn"):
        _deploy(emulator, "elsewhere", {"EdgeFunctionArn": _EDGE.replace("us-east-1", "eu-west-2")})
