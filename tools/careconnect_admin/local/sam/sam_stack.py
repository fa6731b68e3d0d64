"""The functions in real Lambda containers and the emulator with tables and key, started and stopped together."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.emulator.emulator import LOOPBACK, Emulator
from careconnect_admin.local.emulator.readiness import wait_until_answered
from careconnect_admin.local.local_stack import check_free
from careconnect_admin.local.sam.data_stack import create_data
from careconnect_admin.local.sam.sam_cli import HOST_NAME, SamError, bridge_address, build, local_api
from careconnect_admin.project import LOCAL_FOLDER, PROJECT, relative
from careconnect_admin.stack.emulator_client import REGION
from careconnect_admin.stack.running_stack import STACK_NAME, RunningStack, announce

if TYPE_CHECKING:
    import subprocess

ENVIRONMENT: Final = PROJECT / "events" / "local-env.json"
_READY_SECONDS: Final = 180.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The API's port on the loopback, and the emulator's port."""

    api: int
    emulator: int

    @property
    def base_url(self) -> str:
        """The root URL that clients use, without a trailing slash."""
        return f"http://{LOOPBACK}:{self.api}"


@dataclass(frozen=True)
class SamStack:
    """A running stack: the files with its settings for AWS's tools and for the functions, and its two processes."""

    exports: Path
    environment: Path
    emulator: Emulator
    sam: "subprocess.Popen[bytes]"

    def serve(self) -> None:
        """Serve until the emulator or SAM ends, which neither ever does by itself.

        Raises:
            SamError: one of them has ended.
        """
        while self.emulator.is_running() and self.sam.poll() is None:
            time.sleep(0.5)
        raise SamError(f"The emulator or SAM ended by itself: see {relative(self.exports.parent)}")


@contextmanager
def sam_stack(
    ports: Ports,
    image: str | None,
    seed: Callable[[Any, Mapping[str, str]], None],
    tell: Callable[[str], None],
) -> Iterator[SamStack]:
    """Start the emulator with the template's tables and key, build the functions, and serve them by the SAM CLI.

    `seed` is called with a DynamoDB client and the outputs that name the tables. `tell` gets a text before each long
    step. `image` is a local Lambda image to use instead of AWS's own.

    Raises:
        PortTakenError, SamError, EmulatorError, DeploymentError, NotReadyError: nothing is left running then.
    """
    folder = LOCAL_FOLDER / str(ports.api)
    folder.mkdir(parents=True, exist_ok=True)
    host = bridge_address()
    check_free(ports.api, "PORT=…")
    check_free(ports.emulator, "EMULATOR_PORT=…", host)
    with ExitStack() as parts:
        emulator = parts.enter_context(Emulator(folder / "emulator.log", ports.emulator, host=host))
        seed(emulator.client("dynamodb"), create_data(emulator, ports.base_url))
        environment = folder / "env.json"
        environment.write_text(json.dumps(environment_for(ports), indent=2) + "\n", encoding="utf-8")
        log = folder / "sam.log"
        build(folder / "build.log", tell)
        sam = parts.enter_context(local_api(ports.api, emulator, environment, image, log))
        metadata = f"{ports.base_url}{FHIR_PATH}/metadata"
        wait_until_answered(metadata, lambda: sam.poll() is None, seconds=_READY_SECONDS, log_folder=log)
        running = RunningStack(
            base_url=ports.base_url,
            endpoint=emulator.endpoint,
            region=REGION,
            stack_name=STACK_NAME,
            access_key_id=emulator.credentials.access_key_id,
            secret_access_key=emulator.credentials.secret_access_key,
        )
        yield SamStack(parts.enter_context(announce(running, folder)), environment, emulator, sam)


def environment_for(ports: Ports) -> dict[str, Any]:
    """Return `events/local-env.json` with its ports replaced by `ports`."""
    environment: dict[str, Any] = json.loads(ENVIRONMENT.read_text(encoding="utf-8"))
    environment["Parameters"] |= {
        "BASE_URL": ports.base_url,
        "AWS_ENDPOINT_URL": f"http://{HOST_NAME}:{ports.emulator}",
    }
    return environment
