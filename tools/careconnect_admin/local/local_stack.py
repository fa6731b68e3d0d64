"""The deployed template on this machine: emulator, stack and front as one thing to start and to end."""

import errno
import json
import os
import shlex
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from careconnect_admin.local.deployment import STAGE, DeployedStack, Deployment
from careconnect_admin.local.emulator import REGION, Credentials, Emulator, client, free_port
from careconnect_admin.local.front import Front
from careconnect_admin.local.packaging import package

PROJECT: Final = Path(__file__).resolve().parents[3]
TEMPLATE: Final = PROJECT / "template.yaml"
LOCAL_FOLDER: Final = PROJECT / ".local"
STACK_NAME: Final = "careconnect"
FHIR_PATH: Final = "/careconnect-ri/STU3"
_BUCKET: Final = "careconnect-artefacts"
_STATE_FILE: Final = "stack.json"
_ENVIRONMENT_FILE: Final = "aws.env"
_READY_SECONDS: Final = 30.0


class PortTakenError(Exception):
    """The port for the front is in use; the text is one line for the operator."""


class NotReadyError(Exception):
    """The deployed service does not answer; the text is for the operator."""


@dataclass(frozen=True)
class RunningStack:
    """Where a local stack is and how its operator signs in: left by `careconnect run` for other commands."""

    base_url: str
    endpoint: str
    region: str
    stack_name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


class LocalStack:
    """The template deployed on the emulator with IAM enforced, behind a front on a loopback port.

    Use as a context manager; on entry the stack is up and its metadata answers. Nothing is seeded: with `opened`
    false, clients are let in by `open` once it is. `port` None takes a free one. `parameters` are added to the
    template's BaseUrl and DeletionProtection.

    Raises:
        PortTakenError, EmulatorError, PackagingError, DeploymentError, NotReadyError: on entry, and then
            nothing is left running.
    """

    def __init__(
        self,
        *,
        log_folder: Path,
        port: int | None = None,
        template: Path = TEMPLATE,
        parameters: Mapping[str, str] | None = None,
        ready_path: str = f"{FHIR_PATH}/metadata",
        opened: bool = True,
    ) -> None:
        self._opened = opened
        self.log_folder = log_folder
        self._front = Front(port or free_port())
        self._emulator = Emulator(log_folder / "emulator.log")
        self._template = template
        self._parameters = parameters or {}
        self._ready_path = ready_path
        self._parts = ExitStack()
        self._role_clients: dict[tuple[str, str], Any] = {}
        self._stack: DeployedStack | None = None

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            try:
                # First, so that a taken port is told before anything is started.
                parts.enter_context(self._front)
            except OSError as error:
                if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                    raise
                raise PortTakenError(
                    f"Port {self._front.port} is taken or not allowed: choose another with PORT=…"
                ) from error
            parts.enter_context(self._emulator)
            self._stack = self._deploy()
            wait_until_answered(
                self._upstream + self._ready_path,
                self.is_running,
                seconds=_READY_SECONDS,
                log_folder=self.log_folder,
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

    def open(self) -> None:
        """Let clients in: until then the front tells them that the API is not ready."""
        self._front.upstream = self._upstream

    @property
    def _upstream(self) -> str:
        return f"{self._emulator.endpoint}/_aws/execute-api/{self.stack.api_id}/{STAGE}"

    def is_running(self) -> bool:
        """Tell whether the emulator lives."""
        return self._emulator.is_running()

    def client(self, service: str) -> Any:
        """Return a boto3 client with the administrator's credentials."""
        return self._emulator.client(service)

    def role_client(self, service: str, function: str) -> Any:
        """Return a boto3 client under the role of a function, by the function's logical id.

        The role's permissions hold, as the function meets them: what it is denied raises AccessDenied. Only a
        role that trusts its caller can be assumed, so the account is added to the role's trust policy.
        """
        if (service, function) not in self._role_clients:
            credentials = self._role_credentials(function)
            self._role_clients[service, function] = client(service, self.endpoint, credentials)
        return self._role_clients[service, function]

    def _role_credentials(self, function: str) -> Credentials:
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
        """Return every line that a function has logged, by the function's logical id."""
        logs = self.client("logs")
        name = self.stack.resources[function]
        config = self.client("lambda").get_function_configuration(FunctionName=name)
        group = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def announce(self) -> Path:
        """Tell other terminals where the stack is, as `announce` does, for as long as it is up."""
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
        parameters = {"BaseUrl": self.base_url, "DeletionProtection": "false", **self._parameters}
        return deployment.create(STACK_NAME, package(self._template, _BUCKET), _BUCKET, parameters)


def wait_until_answered(url: str, is_running: Callable[[], bool], *, seconds: float, log_folder: Path) -> None:
    """Wait until `url` answers 200, for as long as `is_running` says that it can.

    Raises:
        NotReadyError: it did not in time, or its answer will not become another one.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    reason = "no answer"
    while time.monotonic() < deadline and is_running():
        try:
            with opener.open(url, timeout=30):
                return
        except urllib.error.HTTPError as error:
            with error:
                reason = f"{error.code}: {error.read(500).decode(errors='replace')}"
            if error.code < 500:
                break
        except OSError as error:
            reason = str(error)
        time.sleep(0.2)
    raise NotReadyError(f"{url} does not answer 200 ({reason}): see {log_folder}")


@contextmanager
def announce(running: RunningStack, folder: Path) -> Iterator[Path]:
    """Leave in `folder`, until the end, where the stack is; yields the file for other terminals to source.

    `stack.json` is what `running_stack` finds; `aws.env` makes `careconnect` and `aws` mean this stack.
    Only this user can read them.
    """
    variables = {
        "AWS_ENDPOINT_URL": running.endpoint,
        "AWS_REGION": running.region,
        "AWS_DEFAULT_REGION": running.region,
        "AWS_ACCESS_KEY_ID": running.access_key_id,
        "AWS_SECRET_ACCESS_KEY": running.secret_access_key,
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    texts = {
        _STATE_FILE: json.dumps(asdict(running), indent=2),
        _ENVIRONMENT_FILE: "\n".join(["unset AWS_PROFILE AWS_SESSION_TOKEN", *exports, ""]),
    }
    try:
        for name, text in texts.items():
            _write_private(folder / name, text)
        yield folder / _ENVIRONMENT_FILE
    finally:
        for name in texts:
            (folder / name).unlink(missing_ok=True)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)


def running_stack(port: int | None = None) -> RunningStack | None:
    """Return the local stack that `careconnect run` has up, on `port` or else the newest one, if any."""
    pattern = f"{port}/{_STATE_FILE}" if port else f"*/{_STATE_FILE}"
    newest_first = sorted(LOCAL_FOLDER.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first:
        found = RunningStack(**json.loads(path.read_text(encoding="utf-8")))
        if _listens(found.endpoint):
            return found
    return None


def _listens(url: str) -> bool:
    """Tell whether the stack still runs; one that was killed has left its file behind."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1):
            return True
    except OSError:
        return False
