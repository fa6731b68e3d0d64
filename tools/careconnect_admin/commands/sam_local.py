"""`careconnect sam-local`: the functions in real Lambda containers, on the emulator's tables and key, until stopped."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from samtranslator.yaml_helper import yaml_parse

from careconnect_admin.clients.demo import register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.commands.run import (
    in_foreground,
    load_records,
    local_clients,
    relative,
    tell_calls,
    tell_clients,
    tell_commands,
)
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.writer import RecordTables
from careconnect_admin.local.deployment import create_stack
from careconnect_admin.local.emulator import LOOPBACK, REGION, Emulator
from careconnect_admin.local.local_stack import (
    FHIR_PATH,
    LOCAL_FOLDER,
    PROJECT,
    STACK_NAME,
    TEMPLATE,
    PortTakenError,
    RunningStack,
    announce,
    wait_until_answered,
)

ENVIRONMENT: Final = PROJECT / "events" / "local-env.json"
BUILD: Final = PROJECT / ".aws-sam" / "build"
# The name by which a container finds the machine that it runs on.
_HOST_NAME: Final = "host.docker.internal"
_DATA_TYPES: Final = frozenset({"AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::KMS::Alias"})
_READY_SECONDS: Final = 180.0
_STOP_SECONDS: Final = 40.0


class SamError(OperatorError):
    """The SAM CLI cannot build or serve; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to serve: the API's port, on the loopback, and the emulator's."""

    api: int
    emulator: int


def sam_local(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to serve on, on 127.0.0.1.")] = 3000,
    emulator_port: Annotated[
        int, typer.Option(min=1, max=65535, help="The emulator's port, which the containers call.")
    ] = 4566,
    data: Annotated[
        list[Path] | None,
        typer.Option(exists=True, help="NDJSON file, Bundle or folder to load instead of the sample."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(envvar="LAMBDA_IMAGE", help="A Lambda image that is already here, instead of AWS's own."),
    ] = None,
) -> None:
    """Start `sam local start-api` with the emulator's tables and key, and keep it up until Ctrl-C. Needs Docker."""
    with in_foreground():
        _serve(Ports(port, emulator_port), data or [], image)


def _serve(ports: Ports, data: Sequence[Path], image: str | None) -> None:
    begun = time.monotonic()
    folder = LOCAL_FOLDER / str(ports.api)
    folder.mkdir(parents=True, exist_ok=True)
    base_url = f"http://{LOOPBACK}:{ports.api}"
    host = bridge_address()
    _check_free(LOOPBACK, ports.api, "PORT=…")
    _check_free(host, ports.emulator, "EMULATOR_PORT=…")
    clients = local_clients()
    with ExitStack() as parts:
        emulator = parts.enter_context(Emulator(folder / "emulator.log", ports.emulator, host=host))
        outputs = create_data(emulator, base_url)
        register(clients, DynamoDbClientRegistry(emulator.client("dynamodb"), outputs["ClientTable"]))
        tables = RecordTables(emulator.client("dynamodb"), outputs["RecordTable"], outputs["DirectoryTable"])
        load_records(data, tables, base_url=base_url)
        environment = folder / "env.json"
        environment.write_text(json.dumps(environment_for(ports), indent=2) + "\n", encoding="utf-8")
        log = folder / "sam.log"
        _build(folder / "build.log")
        sam = parts.enter_context(_start_api(ports, emulator, environment, image, log))
        wait_until_answered(
            f"{base_url}{FHIR_PATH}/metadata", lambda: sam.poll() is None, seconds=_READY_SECONDS, log_folder=log
        )
        credentials = emulator.credentials
        running = RunningStack(
            base_url=base_url,
            endpoint=emulator.endpoint,
            region=REGION,
            stack_name=STACK_NAME,
            access_key_id=credentials.access_key_id,
            secret_access_key=credentials.secret_access_key,
        )
        exports = parts.enter_context(announce(running, folder))
        tell_clients(clients)
        tell_calls(base_url, clients[0])
        tell_commands(exports)
        print(f"One function by hand, there:  sam local invoke TokenFunction --env-vars {relative(environment)} …")
        print(f"\nReady in {time.monotonic() - begun:.1f} s: {base_url}{FHIR_PATH}  (Ctrl-C ends it)", flush=True)
        while emulator.is_running() and sam.poll() is None:
            time.sleep(0.5)
        raise SamError(f"The emulator or SAM ended by itself: see {relative(folder)}")


def create_data(emulator: Emulator, base_url: str) -> Mapping[str, str]:
    """Create the template's tables, key and alias in the emulator and return the outputs that name them.

    They are the template's own resources, cut out of it. The tables get their logical ids as names, which is
    what `sam local` makes of a reference to them; the key gets KMS's default policy, since the roles that its
    own names are not there and SAM gives all functions one set of credentials.
    """
    cloudformation = emulator.client("cloudformation")
    create_stack(cloudformation, STACK_NAME, TemplateBody=json.dumps(data_template(TEMPLATE, base_url)))
    (stack,) = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def data_template(path: Path, base_url: str) -> dict[str, Any]:
    """Return the part of the template at `path` that holds data and keys, ready to create in an emulator."""
    template = yaml_parse(path.read_text(encoding="utf-8"))
    resources = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] not in _DATA_TYPES:
            continue
        properties = dict(resource["Properties"])
        properties.pop("KeyPolicy", None)
        properties.pop("DeletionProtectionEnabled", None)
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties["TableName"] = name
        resources[name] = {"Type": resource["Type"], "Properties": properties}
    outputs = {name: output for name, output in template["Outputs"].items() if name in {*resources, "SigningKeyAlias"}}
    return {"Resources": resources, "Outputs": outputs | {"BaseUrl": {"Value": base_url}}}


def environment_for(ports: Ports) -> dict[str, Any]:
    """Return `events/local-env.json` for other ports than the ones in it."""
    environment: dict[str, Any] = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))
    environment["Parameters"] |= {
        "BASE_URL": f"http://{LOOPBACK}:{ports.api}",
        "AWS_ENDPOINT_URL": f"http://{_HOST_NAME}:{ports.emulator}",
    }
    return environment


def bridge_address() -> str:
    """Return the address of this machine that containers reach as `host.docker.internal`.

    On Linux that is the gateway of Docker's bridge. Docker Desktop runs its bridge in a machine of its own and
    carries that name's connections to this one's loopback.

    Raises:
        SamError: there is no Docker, or its engine does not answer.
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
    """Return the command line of the SAM CLI that the lock has installed beside this interpreter."""
    return [str(Path(sys.executable).parent / "sam"), *arguments]


def _check_free(host: str, port: int, remedy: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PortTakenError(f"Port {port} is taken or not allowed: choose another with {remedy}") from None


def _build(log: Path) -> None:
    """Run `sam build`, in AWS's build image where this machine has no Python 3.13."""
    command = sam_command("build", "--template", str(relative(TEMPLATE)), "--build-dir", str(relative(BUILD)))
    if shutil.which("python3.13") is None:
        command.append("--use-container")
    print(f"Building: sam {' '.join(command[1:])}", flush=True)
    with log.open("wb") as output:
        code = subprocess.run(  # noqa: S603
            command, env=_sam_environment(), stdout=output, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        raise SamError(f"`sam build` failed: see {relative(log)}")


@contextmanager
def _start_api(
    ports: Ports, emulator: Emulator, environment: Path, image: str | None, log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    command = sam_command(
        *("local", "start-api", "--template", str(BUILD / "template.yaml"), "--no-watch"),
        *("--host", LOOPBACK, "--port", str(ports.api), "--region", REGION),
        # LAZY: started all at once, containers are left behind when one of them fails.
        *("--warm-containers", "LAZY", "--env-vars", str(environment)),
        *("--add-host", f"{_HOST_NAME}:host-gateway"),
        *(("--skip-pull-image", "--invoke-image", image) if image else ()),
    )
    credentials = emulator.credentials
    variables = {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        # SAM asks who it is at its start, and would wait for AWS to answer.
        "AWS_ENDPOINT_URL_STS": emulator.endpoint,
    }
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us alone, and SAM is ended by SIGTERM, on which it removes its
        # containers.
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
    """Return this environment without the user's AWS settings, which must not reach the functions."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION}
