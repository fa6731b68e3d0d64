"""The template's options deploy: access logs, an alarm's recipient, a custom domain with its edge."""

from collections.abc import Iterator

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.deploy.deployment import DeployedStack, Deployment, DeploymentError
from careconnect_admin.local.deploy.packaging import package
from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import TEMPLATE
from careconnect_admin.stack.emulator_client import REGION
from careconnect_testing.http.api import issue_code

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("options")]

_CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0c0c0c0c-0000-4000-8000-000000000000"
_EDGE = "arn:aws:lambda:us-east-1:123456789012:function:careconnect-edge:7"
_OPTIONAL = {"AlarmTopic", "Front", "ViewerAddressFunction"}
_UNLESS_REFUSED = {"AccessLogGroup", "DeniedFilter", "DeniedAlarm"}
_SECRET = "s" * 43


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory, explorer: DemoClient) -> Iterator[LocalStack]:
    """Yield a stack with every option: behind an edge that has to prove itself, for the browsers of two origins."""
    parameters = {
        "AlarmEmail": "operator@example.org",
        # The stack's own name, which a local stack else has from the port that it serves on.
        "BaseUrl": "",
        "CustomDomain": "api.example.org",
        "CertificateArn": _CERTIFICATE,
        "EdgeFunctionArn": _EDGE,
        "OriginSecret": _SECRET,
        "AllowedOrigins": "https://a.example,https://b.example",
        "BulkExport": "off",
        "ArchiveQueries": "off",
    }
    with LocalStack(log_folder=tmp_path_factory.mktemp("fronted"), parameters=parameters) as stack:
        registry = DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"])
        register((explorer,), registry)
        yield stack


def test_every_option_deploys(fronted: LocalStack) -> None:
    stack = fronted.stack
    (proxy,) = fronted.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    alarms = fronted.client("cloudwatch").describe_alarms()["MetricAlarms"]

    assert stack.resources.keys() >= _OPTIONAL | _UNLESS_REFUSED
    assert stack.outputs["BaseUrl"] == "https://api.example.org"
    assert stack.outputs["FrontDomainName"] == proxy["DomainName"]
    assert proxy["Origins"]["Items"][0]["DomainName"].startswith(f"{stack.api_id}.execute-api.")
    assert proxy["DefaultCacheBehavior"]["LambdaFunctionAssociations"]["Items"][0]["LambdaFunctionARN"] == _EDGE
    (header,) = proxy["Origins"]["Items"][0]["CustomHeaders"]["Items"]
    assert header == {"HeaderName": "X-Origin-Secret", "HeaderValue": _SECRET}
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms} == {(stack.resources["AlarmTopic"],)}


_METADATA = f"{FHIR_PATH}/metadata"
_JWKS = "/.well-known/jwks.json"


def _token(stack: LocalStack, client: DemoClient, base: str = "", **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    form = {"grant_type": "client_credentials"}
    url = f"{base or stack.base_url}/token"
    return httpx.post(
        url, data=form, auth=(client.client_id, client.secret), headers=given, trust_env=False, timeout=30
    )


def test_through_the_edge_everything_is_as_ever(fronted: LocalStack, explorer: DemoClient) -> None:
    answer = _token(fronted, explorer)

    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    for path, status in ((_METADATA, 200), (_JWKS, 200), (f"{FHIR_PATH}/Patient?_count=1", 200)):
        assert httpx.get(fronted.base_url + path, headers=headers, trust_env=False, timeout=30).status_code == status


def test_export_md_off_makes_nothing_of_bulk_exports_and_is_404_for_everybody(
    fronted: LocalStack, explorer: DemoClient
) -> None:
    headers = {"Authorization": f"Bearer {_token(fronted, explorer).json()['access_token']}"}

    assert not [name for name in fronted.stack.resources if name.startswith("Export")]
    for method, path in (
        ("GET", "$export"),
        ("POST", "Patient/$export"),
        ("DELETE", "$export/j"),
        ("GET", "$export/j/f"),
    ):
        url = f"{fronted.fhir_url}/{path}"
        answer = httpx.request(method, url, headers=headers, trust_env=False, timeout=30)
        assert (answer.status_code, issue_code(answer)) == (404, "not-supported"), path
    stated = httpx.get(fronted.base_url + _METADATA, trust_env=False, timeout=30).json()
    assert "instantiates" not in stated


def test_archive_md_off_makes_nothing_of_queries_of_the_archive(fronted: LocalStack) -> None:
    assert fronted.client("glue").get_databases()["DatabaseList"] == []
    groups = fronted.client("athena").list_work_groups()["WorkGroups"]
    assert fronted.stack.name not in {each["Name"] for each in groups}
    assert "ArchiveAnswersBucket" not in fronted.stack.resources
    assert not fronted.stack.outputs.keys() & {"ArchiveDatabase", "ArchiveWorkGroup"}


@pytest.mark.parametrize("secret", ["", "s" * 42, "S" * 43, "s" * 44])
def test_the_apis_own_url_is_no_path_around_the_edge(fronted: LocalStack, explorer: DemoClient, secret: str) -> None:
    """The requests have the right token and the right client, and lack only the edge's secret."""
    token = _token(fronted, explorer).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"} | ({"X-Origin-Secret": secret} if secret else {})

    refused = _token(fronted, explorer, fronted.upstream, **({"X_Origin_Secret": secret} if secret else {}))
    assert (refused.status_code, refused.json()["error"]) == (403, "access_denied")
    for path in (_METADATA, _JWKS, f"{FHIR_PATH}/Patient/4", f"{FHIR_PATH}/Organization"):
        answer = httpx.get(fronted.upstream + path, headers=headers, trust_env=False, timeout=30)
        assert (answer.status_code, issue_code(answer)) == (403, "forbidden")


def test_a_client_id_is_throttled_by_the_viewer_that_the_edge_names(fronted: LocalStack) -> None:
    """One guesser does not lock the client out for others behind the same edge, and cannot choose its address."""
    guesser = DemoClient("guessed-by-viewer", "A test client", "wrong", ())

    def guess(viewer: str, **more: str) -> int:
        proof = {"X_Origin_Secret": _SECRET, "X_Viewer_Address": viewer, "X_Forwarded_For": "198.51.100.1"}
        return _token(fronted, guesser, fronted.upstream, **(proof | more)).status_code

    # One more than the limit may pass if a window of five minutes begins meanwhile.
    first = [guess("203.0.113.9") for _ in range(22)]

    assert first[0] == 401
    assert first[-1] == 429
    assert guess("203.0.113.9", X_Forwarded_For="192.0.2.77") == 429
    assert guess("203.0.113.10") == 401
    # Through the edge, the edge alone sets the viewer's address.
    said = {"X_Viewer_Address": "203.0.113.9", "X_Forwarded_For": "203.0.113.9"}
    assert _token(fronted, guesser, **said).status_code == 401


def test_with_several_origins_the_gateways_own_errors_allow_none(fronted: LocalStack) -> None:
    origin = {"Origin": "https://b.example"}

    refused = httpx.get(f"{fronted.base_url}{FHIR_PATH}/Patient/4", headers=origin, trust_env=False, timeout=30)
    answered = httpx.get(fronted.base_url + _METADATA, headers=origin, trust_env=False, timeout=30)

    assert refused.status_code == 401
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert answered.headers["Access-Control-Allow-Origin"] == "https://b.example"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Yield an emulator for stacks that are deployed but receive no requests."""
    with Emulator(tmp_path_factory.mktemp("unasked") / "emulator.log") as emulator:
        yield emulator


def _deploy(emulator: Emulator, name: str, parameters: dict[str, str]) -> DeployedStack:
    services = [emulator.client(service) for service in ("cloudformation", "apigateway", "s3")]
    deployment = Deployment(*services, region=REGION, endpoint=emulator.endpoint)
    return deployment.create(name, package(TEMPLATE, name), name, {"DeletionProtection": "false", **parameters})


def test_a_deployment_goes_without_access_logs_where_the_aws_user_has_no_role_for_them(emulator: Emulator) -> None:
    stack = _deploy(emulator, "no-logs", {"AccessLogs": "off"})

    assert not stack.resources.keys() & _UNLESS_REFUSED


def test_a_custom_domain_without_an_origin_secret_is_refused(emulator: Emulator) -> None:
    parameters = {"CustomDomain": "api.example.org", "CertificateArn": _CERTIFICATE, "EdgeFunctionArn": _EDGE}

    with pytest.raises(DeploymentError, match="CustomDomain needs OriginSecret"):
        _deploy(emulator, "no-secret", parameters)


def test_a_base_url_of_plain_http_is_refused_but_on_this_machine(emulator: Emulator) -> None:
    with pytest.raises(DeploymentError, match="BaseUrl"):
        _deploy(emulator, "plain-http", {"BaseUrl": "http://127.0.0.1.example.org"})


def test_an_edge_function_of_another_region_is_refused(emulator: Emulator) -> None:
    with pytest.raises(DeploymentError, match="EdgeFunctionArn"):
        _deploy(emulator, "elsewhere", {"EdgeFunctionArn": _EDGE.replace("us-east-1", "eu-west-2")})
