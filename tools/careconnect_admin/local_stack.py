"""The deployed template on this machine: emulator, stack and front as one thing to start and to end."""

import errno
import json
import os
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from careconnect_admin.deploy import STAGE, DeployedStack, Deployment
from careconnect_admin.emulator import REGION, Credentials, Emulator, client, free_port
from careconnect_admin.front import Front
from careconnect_admin.packaging import package

PROJECT: Final = Path(__file__).resolve().parents[2]
TEMPLATE: Final = PROJECT / "template.yaml"
LOCAL_FOLDER: Final = PROJECT / ".local"
STACK_NAME: Final = "careconnect"
FHIR_PATH: Final = "/careconnect-ri/STU3"
_BUCKET: Final = "careconnect-artefacts"
_ENVIRONMENT_FILE: Final = "aws.env"
_READY_SECONDS: Final = 30.0


class PortTakenError(Exception):
    """The port for the front is in use; the text is one line for the operator."""


class NotReadyError(Exception):
    """The deployed service does not answer; the text is for the operator."""


class LocalStack:
    """The template deployed on the emulator with IAM enforced, behind a front on a loopback port.

    Use as a context manager; on entry the stack is up and its metadata answers. Nothing is seeded. `port`
    None takes a free one. `parameters` are added to the template's BaseUrl and DeletionProtection.

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
    ) -> None:
        self.log_folder = log_folder
        self._front = Front(port or free_port())
        self._emulator = Emulator(log_folder / "emulator.log")
        self._template = template
        self._parameters = parameters or {}
        self._ready_path = ready_path
        self._parts = ExitStack()
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
            self._front.upstream = f"{self._emulator.endpoint}/_aws/execute-api/{self._stack.api_id}/{STAGE}"
            self._wait_until_ready()
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
        session = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return client(service, self.endpoint, session)

    def function_log(self, function: str) -> list[str]:
        """Return every line that a function has logged, by the function's logical id."""
        logs = self.client("logs")
        name = self.stack.resources[function]
        config = self.client("lambda").get_function_configuration(FunctionName=name)
        group = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def write_environment(self) -> Path:
        """Write a file to source in another terminal, so that `careconnect` and `aws` there mean this stack.

        Only this user can read it, and it goes with the stack.
        """
        path = self.log_folder / _ENVIRONMENT_FILE
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_access_key,
        }
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write("unset AWS_PROFILE AWS_SESSION_TOKEN\n")
            file.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        self._parts.callback(path.unlink, missing_ok=True)
        return path

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

    def _wait_until_ready(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + _READY_SECONDS
        reason = "no answer"
        while time.monotonic() < deadline and self.is_running():
            try:
                with opener.open(self.base_url + self._ready_path, timeout=10):
                    return
            except urllib.error.HTTPError as error:
                with error:
                    reason = f"{error.code}: {error.read(500).decode(errors='replace')}"
                if error.code < 500:
                    break
            except OSError as error:
                reason = str(error)
            time.sleep(0.2)
        raise NotReadyError(
            f"{self._ready_path} does not answer 200 ({reason}); the emulator's log is in {self.log_folder}"
        )
