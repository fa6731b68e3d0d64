"""A local stack whose emulator can be restarted with its state, and whose functions' processes can be killed."""

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_admin.local.emulator.readiness import wait_until_answered
from careconnect_admin.local.local_stack import LocalStack

if TYPE_CHECKING:
    from collections.abc import Mapping

_IN_FLIGHT_SECONDS: Final = 0.3
_SAVING_SECONDS: Final = 60.0
_WORKER: Final = re.compile(r"ministack-lambda-(\S+)-[^-/\s]+/_worker\.py")


class RestartableEmulator(Emulator):
    """The emulator with its state in a folder beside its log, from which it starts again on the same port."""

    module = "careconnect_testing.ledger.emulator_process"

    def __init__(self, log: Path, port: int | None = None) -> None:
        super().__init__(log, port)
        self.process_number = 1
        kept = log.parent / "kept"
        self.settings: Mapping[str, str] = {
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "STATE_DIR": str(kept / "state"),
            "S3_DATA_DIR": str(kept / "s3"),
        }

    @property
    def process_id(self) -> int:
        """The id of the emulator's process."""
        assert self._process is not None
        return self._process.pid

    def restart(self) -> None:
        """Stop the process, which saves its state, and start it anew from that; the former log stays beside."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(_SAVING_SECONDS)
        self.stop()
        self._log.rename(self._log.with_name(f"emulator-{self.process_number}.log"))
        self.process_number += 1
        self.start()


@dataclass(frozen=True)
class FunctionProcess:
    """A process that runs instances of a function, by the function's name, and the kilobytes that it has in memory."""

    id: int
    function: str
    kilobytes: int

    def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.id, signal.SIGKILL)


class RestartableStack(LocalStack):
    """The local stack, with functions that can be killed and an emulator that can be restarted."""

    _emulator: RestartableEmulator

    def __init__(self, log_folder: Path, **options: Any) -> None:
        super().__init__(log_folder=log_folder, emulator=RestartableEmulator, **options)

    def processes(self) -> list[FunctionProcess]:
        """Return the processes of the functions."""
        listed = subprocess.run(
            ["ps", "-A", "-ww", "-o", "pid=,ppid=,rss=,args="], check=True, capture_output=True, text=True
        ).stdout
        found = []
        for line in listed.splitlines():
            pid, parent, kilobytes, arguments = line.split(None, 3)
            if int(parent) == self._emulator.process_id and (worker := _WORKER.search(arguments)):
                found.append(FunctionProcess(int(pid), worker[1], int(kilobytes)))
        return found

    def restart(self) -> None:
        """Cut off all requests in flight, wherever their functions are, and restart the emulator with its state."""
        self._front.upstream = ""
        for process in self.processes():
            process.kill()
        # What the functions had sent to DynamoDB before is done, and nothing changes while the emulator saves it.
        time.sleep(_IN_FLIGHT_SECONDS)
        self._emulator.restart()
        wait_until_answered(self.upstream + self._ready_path, self.is_running, seconds=60, log_folder=self.log_folder)
        self.open()
