"""Deploy a packaged template by CloudFormation, as `sam deploy` does, and report the result."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, WaiterError

from careconnect_admin.local.deploy.packaging import Package

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

STAGE: Final = "live"
_TEMPLATE_KEY: Final = "template.json"
_GATEWAY_RESPONSES: Final = "x-amazon-apigateway-gateway-responses"


class DeploymentError(Exception):
    """The stack could not be created; the text gives the reasons from its events, for the operator."""


@dataclass(frozen=True)
class DeployedStack:
    """A deployed stack: physical ids by logical id, outputs by name, and the REST API's id."""

    name: str
    resources: Mapping[str, str]
    outputs: Mapping[str, str]
    api_id: str


class Deployment:
    """Deployment of one stack from one bucket."""

    def __init__(
        self,
        cloudformation: "CloudFormationClient",
        apigateway: "APIGatewayClient",
        s3: "S3Client",
        *,
        region: str,
        endpoint: str,
    ) -> None:
        self._cloudformation = cloudformation
        self._apigateway = apigateway
        self._s3 = s3
        self._region = region
        self._endpoint = endpoint

    def create(self, name: str, package: Package, bucket: str, parameters: Mapping[str, str]) -> DeployedStack:
        """Upload the package into a new bucket, create the stack and wait for it.

        Raises:
            DeploymentError: with one line per resource that failed.
        """
        try:
            self._upload(bucket, package, for_emulator(package.template, parameters))
        except ClientError as error:
            raise _refused(name, error) from error
        create_stack(
            self._cloudformation,
            name,
            TemplateURL=f"{self._endpoint}/{bucket}/{_TEMPLATE_KEY}",
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )
        stack = self._describe(name)
        # The emulator creates the stage's deployment before these resources, so they need another one.
        self._apigateway.create_deployment(restApiId=stack.api_id, stageName=STAGE)
        self._lock_buckets(package.template, parameters, stack)
        return stack

    def _lock_buckets(self, template: Mapping[str, Any], parameters: Mapping[str, str], stack: DeployedStack) -> None:
        """Set the template's Object Lock on buckets, which the emulator's CloudFormation leaves out."""
        defaults = _defaults(template)
        for name, resource in template["Resources"].items():
            lock = resource.get("Properties", {}).get("ObjectLockConfiguration")
            if lock is None:
                continue
            retention = lock["Rule"]["DefaultRetention"]
            days = int({**defaults, **parameters}[retention["Days"]["Ref"]])
            self._s3.put_object_lock_configuration(
                Bucket=stack.resources[name],
                ObjectLockConfiguration={
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": {"Mode": retention["Mode"], "Days": days}},
                },
            )

    def _upload(self, bucket: str, package: Package, template: Mapping[str, Any]) -> None:
        self._s3.create_bucket(
            Bucket=bucket,
            CreateBucketConfiguration={"LocationConstraint": self._region},  # type: ignore[typeddict-item]
        )
        for key, content in package.artefacts.items():
            self._s3.put_object(Bucket=bucket, Key=key, Body=content)
        body = json.dumps(template, default=str).encode()
        self._s3.put_object(Bucket=bucket, Key=_TEMPLATE_KEY, Body=body)

    def _describe(self, name: str) -> DeployedStack:
        found = self._cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        apis = [r.get("PhysicalResourceId", "") for r in found if r["ResourceType"] == "AWS::ApiGateway::RestApi"]
        if len(apis) != 1:
            raise DeploymentError(f"The stack {name} has {len(apis)} REST APIs, one is expected")
        outputs = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", [])
        return DeployedStack(
            name=name,
            resources={r["LogicalResourceId"]: r.get("PhysicalResourceId", "") for r in found},
            outputs={o["OutputKey"]: o["OutputValue"] for o in outputs},
            api_id=apis[0],
        )


def for_emulator(template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the template with adaptations for the features that the emulator lacks.

    - API Gateway imports gateway responses with the API's document. The emulator leaves them out there, but supports
      the resource.
    - CloudFormation joins and splits strings in a condition. The emulator accepts only the resulting string.
    - Requests to the emulator are without TLS and stay on this machine, so a bucket's policy must not require TLS.
    """
    conditions = _joined(template.get("Conditions", {}), {**_defaults(template), **parameters})
    resources: dict[str, Any] = dict(template["Resources"])
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::S3::BucketPolicy":
            resources[name] = _without_tls(resource)
        document = resource.get("Properties", {}).get("DefinitionBody", {})
        for kind, response in document.get(_GATEWAY_RESPONSES, {}).items():
            given = {key[0].upper() + key[1:]: value for key, value in response.items()}
            properties = {"RestApiId": {"Ref": name}, "ResponseType": kind, **given}
            logical_id = f"{name}{kind.title().replace('_', '')}Response"
            resources[logical_id] = {"Type": "AWS::ApiGateway::GatewayResponse", "Properties": properties}
    return {**template, "Conditions": conditions, "Resources": resources}


def _without_tls(bucket_policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bucket policy without the statements that deny requests without TLS."""
    policy = bucket_policy["Properties"]["PolicyDocument"]
    statements = [each for each in policy["Statement"] if "aws:SecureTransport" not in json.dumps(each)]
    properties = {**bucket_policy["Properties"], "PolicyDocument": {**policy, "Statement": statements}}
    return {**bucket_policy, "Properties": properties}


def _defaults(template: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each["Default"] for name, each in template.get("Parameters", {}).items() if "Default" in each}


def _joined(value: Any, parameters: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_joined(each, parameters) for each in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Fn::Split": [separator, {"Ref": name}]}:
            return str(parameters[name]).split(separator)
        case {"Fn::Join": [separator, parts]}:
            return separator.join(_joined(parts, parameters))
    return {key: _joined(each, parameters) for key, each in value.items()}


def create_stack(cloudformation: "CloudFormationClient", name: str, **request: Any) -> None:
    """Create a stack from `request` (its template, its parameters) and wait for it.

    Raises:
        DeploymentError: with one line per resource that failed.
    """
    try:
        cloudformation.create_stack(
            StackName=name,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            **request,
        )
    except ClientError as error:
        raise _refused(name, error) from error
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120}
        )
    except WaiterError as error:
        reasons = _reasons(cloudformation, name) or [str(error)]
        raise DeploymentError(f"The stack {name} failed: {'; '.join(reasons)}") from error


def _refused(name: str, error: ClientError) -> DeploymentError:
    return DeploymentError(f"The stack {name} was refused: {error}")


def _reasons(cloudformation: "CloudFormationClient", name: str) -> list[str]:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    return [
        f"{event.get('LogicalResourceId', '?')}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if event.get("ResourceStatus", "").endswith("FAILED") and event.get("ResourceStatusReason")
    ]
