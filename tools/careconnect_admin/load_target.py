"""Find the tables to load into: those of the local stack that runs, or of a deployed stack by its name."""

from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from careconnect.aws import error_code
from careconnect_admin.emulator import Credentials
from careconnect_admin.emulator import client as emulator_client
from careconnect_admin.load_writer import RecordTables
from careconnect_admin.local_stack import running_stack

# A load is no request in 29 s: it may wait out a throttle.
_CONFIG: Final = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, max_pool_connections=16)


class TargetError(Exception):
    """There is nothing to load into; the text is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """The tables of one stack and the root URL that it serves them under."""

    tables: RecordTables
    base_url: str


def local_target(port: int | None = None) -> LoadTarget:
    """Return the tables of the stack that `careconnect run` has up; raises `TargetError`."""
    running = running_stack(port)
    if running is None:
        raise TargetError("no local stack is running: start one with `make run`, or name a deployment with --stack")
    credentials = Credentials(running.access_key_id, running.secret_access_key)
    cloudformation = emulator_client("cloudformation", running.endpoint, credentials)
    dynamodb = emulator_client("dynamodb", running.endpoint, credentials)
    try:
        return target_of(running.stack_name, cloudformation, dynamodb)
    except (BotoCoreError, ClientError) as error:
        raise TargetError(f"the local stack does not answer ({error_code(error)}): start it again") from None


def deployed_target(stack: str, *, region: str | None = None, profile: str | None = None) -> LoadTarget:
    """Return the tables of a deployed stack, with the operator's own AWS credentials; raises `TargetError`."""
    try:
        session = boto3.session.Session(region_name=region, profile_name=profile)
        return target_of(
            stack, session.client("cloudformation", config=_CONFIG), session.client("dynamodb", config=_CONFIG)
        )
    except NoRegionError:
        raise TargetError("no AWS region is set: give --region or set AWS_REGION") from None
    except NoCredentialsError:
        raise TargetError("no AWS credentials are set: sign in, or give --profile") from None
    except (BotoCoreError, ClientError) as error:
        raise TargetError(service_remedy(error)) from None


def target_of(stack: str, cloudformation: Any, dynamodb: Any) -> LoadTarget:
    """Read a stack's outputs; raises `TargetError`, and the service's errors as botocore raises them."""
    try:
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        if error_code(error) == "ValidationError":
            raise TargetError(f"there is no stack {stack} in this region and account") from None
        raise
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", ())}
    missing = {"RecordTable", "DirectoryTable"} - outputs.keys()
    if missing:
        raise TargetError(f"the stack {stack} has no output {min(missing)}: is it a Care Connect stack, and complete?")
    tables = RecordTables(dynamodb, outputs["RecordTable"], outputs["DirectoryTable"])
    return LoadTarget(tables, outputs.get("BaseUrl", ""))


def service_remedy(error: Exception) -> str:
    """Return one line about a service's error for the operator."""
    code = error_code(error)
    if code in ("AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"):
        return f"AWS denies it ({code}): the credentials need cloudformation:DescribeStacks and to write the tables"
    if code == "ResourceNotFoundException":
        return "a table of the stack is not there: is the stack complete, and the region right?"
    return f"AWS does not answer as it should ({code}): try again"
