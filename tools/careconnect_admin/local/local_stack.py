"""The template deployed on this machine: emulator, stack and local proxy, started and stopped together."""

import errno
import json
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from careconnect.http.base_url import FHIR_PATH
from careconnect.http.origin import SECRET_HEADER
from careconnect_admin.errors import OperatorError
from careconnect_admin.local.deploy.deployment import STAGE, DeployedStack, Deployment
from careconnect_admin.local.deploy.packaging import package
from careconnect_admin.local.emulator.emulator import LOOPBACK, Emulator, EmulatorError, free_port
from careconnect_admin.local.emulator.readiness import wait_until_answered
from careconnect_admin.local.local_proxy import Front
from careconnect_admin.project import TEMPLATE, relative
from careconnect_admin.stack.emulator_client import REGION, Credentials, emulator_client
from careconnect_admin.stack.running_stack import STACK_NAME, RunningStack, announce

BUCKET: Final = "careconnect-artefacts"
"""Where a local stack's files are uploaded."""

_READY_SECONDS: Final = 60.0
_MAX_LOG_EVENTS: Final = 10_000
"""The maximum number of events in one response of FilterLogEvents."""


class PortTakenError(OperatorError):
    """The local proxy's port is in use; the text is one line for the operator."""


def check_free(port: int, remedy: str, host: str = LOOPBACK) -> None:
    """Raise `PortTakenError` if nothing can be served on a port; `remedy` is the setting of another one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PortTakenError(f"Port {port} is taken or not allowed: choose another with {remedy}") from None


class LocalStack:
    """The template deployed on the emulator with IAM enforced, behind the local proxy on a loopback port.

    Use as a context manager; on entry the stack is up and its metadata answers. Nothing is seeded: with `opened` false
    the caller seeds the stack and then lets clients in by `open`. `port` None selects a free one, `emulator_port` None
    too. `parameters` are added to BaseUrl, DeletionProtection (off), AuditRetentionDays (for ever) and
    ArchiveRetentionDays (a day). With an OriginSecret the proxy sends it to the functions. `tell` gets a text before
    each long step.

    Raises:
        PortTakenError, EmulatorError, PackagingError, DeploymentError, NotReadyError: on entry, and then
            nothing is left running.
    """

    def __init__(
        self,
        *,
        log_folder: Path,
        port: int | None = None,
        emulator_port: int | None = None,
        template: Path = TEMPLATE,
        parameters: Mapping[str, str] | None = None,
        ready_path: str = f"{FHIR_PATH}/metadata",
        opened: bool = True,
        tell: Callable[[str], None] = lambda _text: None,
        emulator: type[Emulator] = Emulator,
    ) -> None:
        self._tell = tell
        self._opened = opened
        self.log_folder = log_folder
        self._origin_secret = (parameters or {}).get("OriginSecret", "")
        self._front = Front(port or free_port(), origin_secret=self._origin_secret)
        self._emulator_port = emulator_port
        self._emulator = emulator(log_folder / "emulator.log", emulator_port)
        self._template = template
        self._parameters = parameters or {}
        self._ready_path = ready_path
        self._parts = ExitStack()
        self._role_clients: dict[tuple[str, str], Any] = {}
        self._stack: DeployedStack | None = None

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            try:
                # First, so that a port in use is reported before anything is started.
                parts.enter_context(self._front)
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                raise PortTakenError(
                    f"Port {self._front.port} is taken or not allowed: choose another with PORT=…"
                ) from error
            if self._emulator_port is not None:
                check_free(self._emulator_port, "EMULATOR_PORT=…")
            self._tell("Starting the emulator…")
            parts.enter_context(self._emulator)
            self._tell(f"Deploying {self._template.name}…")
            self._stack = self._deploy()
            wait_until_answered(
                self.upstream + self._ready_path,
                self.is_running,
                seconds=_READY_SECONDS,
                log_folder=self.log_folder,
                headers={SECRET_HEADER: self._origin_secret} if self._origin_secret else {},
            )
            if self._opened:
                self.open()
            self._parts = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    @property
    def base_url(self) -> str:
        """The root URL that clients use, without a trailing slash."""
        return self._front.base_url

    @property
    def fhir_url(self) -> str:
        """The FHIR base URL, without a trailing slash."""
        return self.base_url + FHIR_PATH

    @property
    def endpoint(self) -> str:
        """The emulator's AWS endpoint."""
        return self._emulator.endpoint

    @property
    def credentials(self) -> Credentials:
        """The administrator's credentials at the endpoint."""
        return self._emulator.credentials

    @property
    def stack(self) -> DeployedStack:
        """The deployed stack: resources, outputs, API id."""
        if self._stack is None:
            raise RuntimeError("The local stack is not started.")
        return self._stack

    def open(self, demo_list: bytes = b"") -> None:
        """Let clients in: until then the proxy answers that the API is not ready.

        The proxy serves a non-empty `demo_list` to the page that a person opens on this machine.
        """
        self._front.demo_list = demo_list
        self._front.upstream = self.upstream

    @property
    def upstream(self) -> str:
        """The URL of the emulated API, behind the proxy."""
        return f"{self._emulator.endpoint}/_aws/execute-api/{self.stack.api_id}/{STAGE}"

    def is_running(self) -> bool:
        """Return True if the emulator is running."""
        return self._emulator.is_running()

    def serve(self) -> None:
        """Serve until the emulator ends, which it never does by itself.

        Raises:
            EmulatorError: it has ended.
        """
        while self.is_running():
            time.sleep(0.5)
        raise EmulatorError(f"The emulator ended by itself: see {relative(self.log_folder / 'emulator.log')}")

    def client(self, service: str) -> Any:
        """Return a boto3 client with the administrator's credentials."""
        return self._emulator.client(service)

    def role_client(self, service: str, function: str) -> Any:
        """Return a boto3 client with the role of a function, by the function's logical id.

        The client has exactly the function's permissions: a denied action raises AccessDenied. A role can be assumed
        only by a principal that it trusts, so the account is added to the role's trust policy.
        """
        if (service, function) not in self._role_clients:
            credentials = self.role_credentials(function)
            self._role_clients[service, function] = emulator_client(service, self.endpoint, credentials)
        return self._role_clients[service, function]

    def role_credentials(self, function: str) -> Credentials:
        """Return credentials of a function's role."""
        iam, sts = self.client("iam"), self.client("sts")
        name = self.stack.resources[f"{function}Role"]
        role = iam.get_role(RoleName=name)["Role"]
        account = sts.get_caller_identity()["Account"]
        trust = role["AssumeRolePolicyDocument"]
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "sts:AssumeRole",
        }
        if statement not in trust["Statement"]:
            trust = trust | {"Statement": [*trust["Statement"], statement]}
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
        found = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="probe")["Credentials"]
        return Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])

    def function_log(self, function: str) -> list[str]:
        """Return all lines that a function has logged, by the function's logical id."""
        logs = self.client("logs")
        name = self.stack.resources[function]
        config = self.client("lambda").get_function_configuration(FunctionName=name)
        group = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
        lines: list[str] = []
        since = 0
        # The emulator returns at most this many and no token to continue with: the next query starts at the last time.
        while len(events := logs.filter_log_events(logGroupName=group, startTime=since)["events"]) >= _MAX_LOG_EVENTS:
            last = events[-1]["timestamp"]
            lines += [event["message"] for event in events if event["timestamp"] < last]
            since = last
        return lines + [event["message"] for event in events]

    def announce(self) -> Path:
        """Announce the stack to other terminals for as long as it is up, as `running_stack.announce` does."""
        running = RunningStack(
            base_url=self.base_url,
            endpoint=self.endpoint,
            region=REGION,
            stack_name=self.stack.name,
            access_key_id=self.credentials.access_key_id,
            secret_access_key=self.credentials.secret_access_key,
        )
        return self._parts.enter_context(announce(running, self.log_folder))

    def _deploy(self) -> DeployedStack:
        deployment = Deployment(
            self.client("cloudformation"),
            self.client("apigateway"),
            self.client("s3"),
            region=REGION,
            endpoint=self.endpoint,
        )
        parameters = {
            "BaseUrl": self.base_url,
            "DeletionProtection": "false",
            "AuditRetentionDays": "0",
            "ArchiveRetentionDays": "1",
            **self._parameters,
        }
        return deployment.create(STACK_NAME, package(self._template, BUCKET), BUCKET, parameters)
