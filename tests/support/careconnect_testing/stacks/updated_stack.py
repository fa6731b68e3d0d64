"""A local stack that is updated while it runs, by CloudFormation as a deployment is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from careconnect_admin.local.deploy.deployment import STAGE, for_emulator
from careconnect_admin.local.deploy.packaging import package
from careconnect_admin.local.local_stack import BUCKET, LocalStack
from careconnect_admin.project import TEMPLATE


@dataclass(frozen=True)
class UpdatedStack:
    """A running stack, and what is seen of it after an update."""

    local: LocalStack

    @property
    def http(self) -> httpx.Client:
        """Return a connection to the API as it is now: the emulator replaces an API whose document has changed."""
        url = f"{self.local.endpoint}/_aws/execute-api/{self.resources()['Api']}/{STAGE}"
        return httpx.Client(base_url=url, timeout=60, trust_env=False)

    def resources(self) -> dict[str, str]:
        """Return the physical ids by logical id."""
        found = self.local.client("cloudformation").describe_stack_resources(StackName=self.local.stack.name)
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found["StackResources"]}

    def live(self, function: str) -> dict[str, Any]:
        """Return the configuration of the version of a function that serves."""
        found: dict[str, Any] = self.local.client("lambda").get_function_configuration(
            FunctionName=self.resources()[function], Qualifier=STAGE
        )
        return found

    def update(self, parameters: Mapping[str, str], prefix: str = "") -> None:
        """Update the stack to the project's template and wait, with files below a prefix of the bucket.

        Parameters that are not given keep their values.
        """
        cloudformation, s3, name = self.local.client("cloudformation"), self.local.client("s3"), self.local.stack.name
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        packaged = package(TEMPLATE, f"{BUCKET}{prefix}")
        values = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]} | dict(parameters)
        template = json.dumps(for_emulator(packaged.template, values), default=str)
        place = f"{prefix}/updated.json".removeprefix("/")
        s3.put_object(Bucket=BUCKET, Key=place, Body=template.encode())
        for key, content in packaged.artefacts.items():
            s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}".removeprefix("/"), Body=content)
        cloudformation.update_stack(
            StackName=name,
            TemplateURL=f"{self.local.endpoint}/{BUCKET}/{place}",
            # CloudFormation does not tell the value of OriginSecret.
            Parameters=[
                {"ParameterKey": key}
                | ({"ParameterValue": parameters[key]} if key in parameters else {"UsePreviousValue": True})
                for key in values
                if key in packaged.template["Parameters"]
            ],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        cloudformation.get_waiter("stack_update_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 180}
        )
        # The emulator deploys the API before the gateway's own answers, as `Deployment.create` says.
        self.local.client("apigateway").create_deployment(restApiId=self.resources()["Api"], stageName=STAGE)
