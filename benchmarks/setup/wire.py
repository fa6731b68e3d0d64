"""Run a proxy between a function and the emulator that records its responses, and then replays them without it.

So a measurement is of the function's process alone: its sockets and its HTTP are real, and another process responds,
which always takes the same time. `python -m benchmarks.setup.wire UPSTREAM` is that process; it prints its port.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

_CONTROL: Final = "/_wire/"
_END_OF_HEAD: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One call as it went over the wire: `DynamoDB_20120810.GetItem`, and the JSON of its parameters."""

    target: str
    parameters: Mapping[str, Any]
    answer: Mapping[str, Any]

    @property
    def service(self) -> str:
        """The AWS service of the call."""
        return "dynamodb" if self.target.startswith("DynamoDB") else "kms"

    @property
    def operation(self) -> str:
        """The operation's name."""
        return self.target.rpartition(".")[2]


class Wire:
    """The proxy's process, seen from outside. Use as a context manager."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.setup.wire", self._upstream]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this module
        assert self._process.stdout is not None
        self.endpoint = f"http://127.0.0.1:{int(self._process.stdout.readline())}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def learn(self) -> None:
        """Discard the responses, and pass on and record every request from now on."""
        self._control("learn")

    def replay(self) -> None:
        """Replay the recorded responses from now on.

        A request that was not recorded, such as an audit event with a new id, gets the last response of its operation.
        An operation that was not recorded is passed on once: small writes are charged together, in one of many.
        """
        self._control("replay")

    def asked(self) -> list[AwsCall]:
        """Return the calls since `learn`, `replay` or the previous call of this, in order."""
        return [
            AwsCall(target, json.loads(body), json.loads(answer))
            for target, body, answer in json.loads(self._control("asked"))
        ]

    def _control(self, word: str) -> bytes:
        with urlopen(Request(f"{self.endpoint}{_CONTROL}{word}", data=b"")) as answer:  # noqa: S310 - of this class
            body: bytes = answer.read()
            return body


@dataclass
class _Server:
    upstream: str
    learns: bool = True
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    answers: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    last: dict[str, bytes] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to a connection's requests until it is closed."""
        while head := await self._head(reader):
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            path = lines[0].split(" ")[1]
            if path.startswith(_CONTROL):
                writer.write(_answer(self._obey(path.removeprefix(_CONTROL))))
            else:
                writer.write(await self._answered(headers.get("x-amz-target", ""), head, body))
            await writer.drain()
        writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readuntil(_END_OF_HEAD)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return b""

    def _obey(self, word: str) -> bytes:
        asked = json.dumps(self.asked).encode()
        self.asked.clear()
        if word == "learn":
            self.answers.clear()
            self.last.clear()
        self.learns = word == "learn" or (self.learns and word != "replay")
        return asked

    async def _answered(self, target: str, head: bytes, body: bytes) -> bytes:
        if self.learns or target not in self.last:
            answer = _answer(*await asyncio.to_thread(self._passed_on, head, body))
            self.answers[target, body] = self.last[target] = answer
        else:
            answer = self.answers.get((target, body), self.last[target])
        self.asked.append((target, body.decode(), answer.partition(_END_OF_HEAD)[2].decode()))
        return answer

    def _passed_on(self, head: bytes, body: bytes) -> tuple[bytes, int, str]:
        names = ("authorization", "content-type", "x-amz-date", "x-amz-security-token", "x-amz-target", "host")
        lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")]
        headers = {name: value.strip() for name, _, value in lines if name.lower() in names}
        request = Request(f"{self.upstream}/", data=body, headers=headers)  # noqa: S310 - the emulator's
        with urlopen(request) as answer:  # noqa: S310 - likewise
            return answer.read(), answer.status, answer.headers.get("x-amz-crc32", "")


def _answer(body: bytes, status: int = 200, checksum: str = "") -> bytes:
    lines = [
        f"HTTP/1.1 {status} OK",
        "content-type: application/x-amz-json-1.0",
        "x-amzn-requestid: 00000000-0000-0000-0000-000000000000",
        f"content-length: {len(body)}",
        *((f"x-amz-crc32: {checksum}",) if checksum else ()),
    ]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


async def _main(upstream: str) -> None:
    answering = _Server(upstream)
    server = await asyncio.start_server(answering.serve, "127.0.0.1", 0, limit=1 << 20)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    assert urlsplit(sys.argv[1]).hostname == "127.0.0.1", "requests are passed on to an emulator of this machine only"
    asyncio.run(_main(sys.argv[1].rstrip("/")))
