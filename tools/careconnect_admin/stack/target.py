"""Find the stack that a command works on: the local one that runs, or a deployed one by its name."""

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Final

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from careconnect.aws import error_code
from careconnect_admin.errors import OperatorError
from careconnect_admin.local.emulator import Credentials
from careconnect_admin.local.emulator import client as emulator_client
from careconnect_admin.local.local_stack import running_stack

_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 4},
    # A load writes from several threads.
    max_pool_connections=16,
)
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"}
)
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})

StackOption = Annotated[str | None, typer.Option("--stack", help="The deployed stack, instead of the local one.")]
RegionOption = Annotated[str | None, typer.Option("--region", help="The AWS region of the stack.")]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="The AWS profile to sign in with.")]
PortOption = Annotated[int | None, typer.Option("--port", help="The port of the local stack, if several run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class StackTarget:
    """One stack: its outputs by name, and its AWS clients by service."""

    name: str
    outputs: dict[str, str]
    client: Callable[[str], Any]

    def output(self, name: str) -> str:
        """Return an output; raises `OperatorError` if the stack has none of that name."""
        if name not in self.outputs:
            raise OperatorError(
                f"the stack {self.name} has no output {name}: is it a Care Connect stack, and complete?"
            )
        return self.outputs[name]


@contextmanager
def operator_errors() -> Iterator[None]:
    """Turn what an operator can do something about into one line on standard error and exit code 1."""
    try:
        yield
    except OperatorError as error:
        message = str(error)
    except NoRegionError:
        message = "no AWS region is set: give --region or set AWS_REGION"
    except NoCredentialsError:
        message = "no AWS credentials are set: sign in, or give --profile"
    except ProfileNotFound:
        message = "there is no such AWS profile: see `aws configure list-profiles`"
    except EndpointConnectionError:
        message = "AWS cannot be reached there: check --region, AWS_ENDPOINT_URL and the network"
    except (BotoCoreError, ClientError) as error:
        message = _remedy(error)
    else:
        return
    print(f"careconnect: {message}", file=sys.stderr)
    raise typer.Exit(1)


def stack_target(
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
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
    return _described(running.stack_name, lambda service: emulator_client(service, running.endpoint, credentials))


def on_stack(command: Callable[Concatenate[StackTarget, ...], None]) -> Callable[..., None]:
    """Make a command of a function whose first parameter is the stack that it works on.

    In that parameter's place the command has the options of `stack_target`; an `OperatorError` of either ends it
    as `operator_errors` says.
    """
    where = inspect.signature(stack_target).parameters
    _, *own = inspect.signature(command).parameters.values()

    @functools.wraps(command)
    def on_found_stack(**given: Any) -> None:
        options = {name: given.pop(name) for name in where}
        with operator_errors():
            command(stack_target(**options), **given)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *where.values())]
    on_found_stack.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return on_found_stack


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


def _remedy(error: Exception) -> str:
    code = error_code(error)
    if code in _DENIED and isinstance(error, ClientError):
        return f"AWS denies {error.operation_name}: ask for that permission, or give another --profile"
    if code in _EXPIRED:
        return "the AWS credentials have expired: sign in again"
    if code == "ResourceNotFoundException":
        return "a table of the stack is not there: is the stack complete, and the region right?"
    return f"AWS does not answer as it should ({code}): try again"
