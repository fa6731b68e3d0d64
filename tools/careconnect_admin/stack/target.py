"""Find the stack that a command works on: the local one that runs, or a deployed one by its name."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from careconnect.aws import error_code
from careconnect_admin.errors import OperatorError
from careconnect_admin.stack.emulator_client import Credentials, emulator_client
from careconnect_admin.stack.running_stack import running_stack

_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    # A load writes from several threads.
    max_pool_connections=16,
)


@dataclass(frozen=True, slots=True)
class StackTarget:
    """One stack: its outputs by name, its AWS clients by service, and whether it is the local run that was found."""

    name: str
    outputs: dict[str, str]
    client: Callable[[str], Any]
    is_local: bool = False

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
    """Return the deployed stack called `stack`, or the local one that runs; raises `OperatorError`."""
    if stack is not None:
        session = boto3.session.Session(region_name=region, profile_name=profile)
        make: Any = session.client
        return _described(stack, lambda service: make(service, config=_CONFIG))
    running = running_stack(port)
    if running is None:
        raise OperatorError("no local stack is running: start one with `make run`, or name a deployment with --stack")
    credentials = Credentials(running.access_key_id, running.secret_access_key)
    found = _described(running.stack_name, lambda service: emulator_client(service, running.endpoint, credentials))
    return replace(found, is_local=True)


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
    return StackTarget(stack, outputs, client)
