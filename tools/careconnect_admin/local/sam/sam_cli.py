"""The SAM CLI and Docker for `careconnect sam-local`."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from careconnect_admin.errors import OperatorError
from careconnect_admin.local.emulator.emulator import LOOPBACK, Emulator
from careconnect_admin.project import PROJECT, TEMPLATE, relative
from careconnect_admin.stack.emulator_client import REGION

BUILD: Final = PROJECT / ".aws-sam" / "build"
HOST_NAME: Final = "host.docker.internal"
"""The host's name within a container."""

_STOP_SECONDS: Final = 40.0


class SamError(OperatorError):
    """The SAM CLI cannot build or serve; the text is one line for the operator."""


def bridge_address() -> str:
    """Return the address of this machine that containers reach as `host.docker.internal`.

    On Linux it is the gateway of Docker's bridge. Docker Desktop runs its bridge in a virtual machine, and forwards
    connections to that name to this machine's loopback.

    Raises:
        SamError: Docker is not installed, or its engine does not answer.
    """
    command = ["docker", "network", "inspect", "bridge", "-f", "{{(index .IPAM.Config 0).Gateway}}"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)  # noqa: S603
    except FileNotFoundError:
        raise SamError("`docker` is not found: install Docker, or use `make run`, which needs none") from None
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise SamError("the Docker engine does not answer: start it, or set DOCKER_HOST") from None
    gateway = found.stdout.strip()
    with socket.socket() as probe:
        try:
            probe.bind((gateway, 0))
        except OSError:
            return LOOPBACK
    return gateway


def sam_command(*arguments: str) -> list[str]:
    """Return a command line of the SAM CLI that is installed from the lock file next to this interpreter."""
    return [str(Path(sys.executable).parent / "sam"), *arguments]


def build(log: Path, tell: Callable[[str], None]) -> None:
    """Run `sam build`, in AWS's build image if this machine has no Python 3.13.

    Raises:
        SamError: it failed; the text names `log`.
    """
    command = sam_command("build", "--template", str(relative(TEMPLATE)), "--build-dir", str(relative(BUILD)))
    if shutil.which("python3.13") is None:
        command.append("--use-container")
    tell(f"Building: sam {' '.join(command[1:])}")
    with log.open("wb") as output:
        code = subprocess.run(  # noqa: S603
            command, env=_sam_environment(), stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        raise SamError(f"`sam build` failed: see {relative(log)}")


@contextmanager
def local_api(
    port: int, emulator: Emulator, environment: Path, image: str | None, log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `sam local start-api` on the loopback, with its output in `log`; stops it and its containers at the end.

    `environment` is the file that overrides the functions' variables. `image` is a local Lambda image.
    """
    command = sam_command(
        *("local", "start-api", "--template", str(BUILD / "template.yaml"), "--no-watch"),
        *("--host", LOOPBACK, "--port", str(port), "--region", REGION),
        # LAZY: if all containers are started at once and one fails, SAM leaves the others running.
        *("--warm-containers", "LAZY", "--env-vars", str(environment)),
        *("--add-host", f"{HOST_NAME}:host-gateway"),
        *(("--skip-pull-image", "--invoke-image", image) if image else ()),
    )
    credentials = emulator.credentials
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        # SAM asks STS for its identity at its start, and would wait for AWS.
        "AWS_ENDPOINT_URL_STS": emulator.endpoint,
    }
    with log.open("wb") as output:
        # A session of its own: Ctrl-C then reaches only this process, which ends SAM by SIGTERM. On SIGTERM SAM
        # removes its containers.
        sam = subprocess.Popen(  # noqa: S603
            command,
            cwd=PROJECT,
            env=_sam_environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield sam
    finally:
        sam.terminate()
        try:
            sam.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(sam.pid, signal.SIGKILL)
            sam.wait()


def _sam_environment() -> dict[str, str]:
    """Return this process's environment without the user's AWS settings, which must not reach the functions."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
