"""Find the stack that a command works on: the running local stack, or a deployed stack by its name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect_admin.errors import OperatorError
from careconnect_admin.stack.emulator_client import Credentials, emulator_client
from careconnect_admin.stack.running_stack import RunningStack, running_stacks

_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    # A load writes from several threads at the same time.
    max_pool_connections=16,
)


class NoStackError(OperatorError):
    """No stack was named, and no local stack runs."""


@dataclass(frozen=True, slots=True)
class StackTarget:
    """One stack: outputs and parameters by name, AWS clients by service; `is_local` is True for the local run.

    `place` describes its location for people.
    """

    name: str
    outputs: dict[str, str]
    client: Callable[[str], Any]
    is_local: bool = False
    place: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    def output(self, name: str) -> str:
        """Return an output; raises `OperatorError` if the stack has none of that name."""
        if name not in self.outputs:
            raise OperatorError(
                f"the stack {self.name} has no output {name}: is it a Care Connect stack, and complete?"
            )
        return self.outputs[name]


def stack_target(
    stack: str | None = None, region: str | None = None, profile: str | None = None, port: int | None = None
) -> StackTarget:
    """Return the deployed stack called `stack`, or the one local stack that runs; raises `OperatorError`.

    Raises `NoStackError` if nothing is named and no local stack runs. The function never guesses. Of several local
    stacks one has to be named by its port. The options of a deployment are refused without a deployment's name.
    """
    if stack is not None:
        if port is not None:
            raise OperatorError("--stack names a deployment and --port a local stack: give one of them")
        session = boto3.session.Session(region_name=region, profile_name=profile)
        make: Any = session.client
        return _described(stack, lambda service: make(service, config=_CONFIG))
    if region is not None or profile is not None:
        raise OperatorError("--region and --profile go with --stack, which names the deployment")
    running = _only_one(port)
    credentials = Credentials(running.access_key_id, running.secret_access_key)
    found = _described(running.stack_name, lambda service: emulator_client(service, running.endpoint, credentials))
    return replace(found, is_local=True, place=f"local, {running.base_url}")


def _only_one(port: int | None) -> RunningStack:
    running = running_stacks(port)
    if not running and port is not None:
        raise OperatorError(f"no local stack is running on port {port}: start it with `make run PORT={port}`")
    if not running:
        raise NoStackError("no local stack is running: start one with `make run`, or name a deployment with --stack")
    if len(running) > 1:
        ports = ", ".join(str(each.port) for each in running)
        raise OperatorError(f"several local stacks are running, on the ports {ports}: name one with --port")
    return running[0]


def _described(stack: str, client: Callable[[str], Any]) -> StackTarget:
    try:
        (described,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error_code(error) == "ValidationError":
            raise OperatorError(
                f"there is no stack {stack} in this region and account: check --stack, --region and --profile"
            ) from None
        raise
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())}
    # arn:aws:cloudformation:REGION:ACCOUNT:stack/…
    _, _, _, region, account, _ = described["StackId"].split(":", 5)
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", ())}
    return StackTarget(stack, outputs, client, place=f"{region}, account {account}", parameters=parameters)
