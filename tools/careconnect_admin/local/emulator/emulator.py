"""Run the embedded AWS emulator as a child process that cannot outlive its parent."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from careconnect_admin.errors import OperatorError
from careconnect_admin.local.emulator.process import STOP_SECONDS
from careconnect_admin.local.emulator.readiness import NotReadyError, wait_until_answered
from careconnect_admin.stack.emulator_client import REGION, Credentials, emulator_client

LOOPBACK: Final = "127.0.0.1"
_SERVICES: Final = (
    "apigateway,athena,cloudformation,cloudfront,cloudwatch,dynamodb,events,glue,iam,kms,lambda,logs,s3,sns,sqs,ssm,"
    "states,sts,tagging"
)
_START_SECONDS: Final = 60.0
_PORTS: Final = range(10_000, 32_000)
# Variables passed on from the user's environment. Any other (proxies, AWS profiles and endpoints, Python's own
# variables) would reach the functions, although Lambda does not have it.
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "SSL_CERT_FILE")


class EmulatorError(OperatorError):
    """The emulator did not start; the text names its log."""


class Emulator:
    """The emulator, with IAM enforced and administrator's credentials of its own.

    It listens on a free port of the loopback unless `host`, an address of this machine, and `port` are given. Use as a
    context manager. Its state is in a temporary folder that is removed at the end; the log stays.

    A subclass may run another `module`, and change the process's environment by `settings`.
    """

    module = "careconnect_admin.local.emulator.process"
    settings: Mapping[str, str] = MappingProxyType({})

    def __init__(self, log: Path, port: int | None = None, *, host: str = LOOPBACK) -> None:
        self._log = log
        self._port = port
        self._host = host
        self._state: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}
        self.endpoint = ""
        # New for each start, so that a page in the user's browser cannot guess the credentials of the admin endpoint.
        self.credentials = Credentials("AKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30), None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client(self, service: str) -> Any:
        """Return a boto3 client with the administrator's credentials, created once."""
        if service not in self._clients:
            self._clients[service] = emulator_client(service, self.endpoint, self.credentials)
        return self._clients[service]

    def start(self) -> None:
        """Start the process and wait until it answers.

        Raises:
            EmulatorError: it ended or did not answer in time.
        """
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._state = Path(tempfile.mkdtemp(prefix="careconnect-"))
        self._port = self._port or free_port()
        self.endpoint = f"http://{self._host}:{self._port}"
        with self._log.open("wb") as log:
            # A session of its own: the terminal's Ctrl-C then reaches only the supervisor, which stops the emulator
            # in order. The emulator's standard input ends when the supervisor does.
            self._process = subprocess.Popen(  # noqa: S603 - a module of this project
                [sys.executable, "-m", self.module],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._state,
                env={**_environment(self._host, self._port, self._state, self.credentials), **self.settings},
                start_new_session=True,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the process and its child processes, and remove its state."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._state is not None:
            shutil.rmtree(self._state, ignore_errors=True)
            self._state = None

    def is_running(self) -> bool:
        """Return True if the process is running."""
        return self._process is not None and self._process.poll() is None

    def _wait_until_it_answers(self) -> None:
        health = f"{self.endpoint}/_ministack/health"
        try:
            wait_until_answered(
                health, self.is_running, seconds=_START_SECONDS, log_folder=self._log, timeout=2, pause=0.05
            )
        except NotReadyError:
            raise EmulatorError(f"The emulator did not start: see {self._log}") from None


def free_port() -> int:
    """Return a free loopback port below the system's range for outgoing connections.

    A port of that range could be taken by any connection that is opened before the port is bound.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, contextlib.suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def _environment(host: str, port: int, state: Path, credentials: Credentials) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "HOME": str(state),
        "TMPDIR": str(state),
        "PYTHONUNBUFFERED": "1",
        "BIND_HOST": host,
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "SERVICES": _SERVICES,
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "STATE_DIR": str(state / "state"),
        "S3_DATA_DIR": str(state / "s3"),
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        # Other listeners that the emulator would open on every interface.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Without it, Athena invents an answer when it cannot run a query.
        "ATHENA_ENGINE": "duckdb",
        "LOG_LEVEL": "INFO",
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=STOP_SECONDS)
    # The functions' workers are in the same process group, and may outlive its leader.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
