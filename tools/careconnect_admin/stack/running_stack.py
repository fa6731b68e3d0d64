"""Announce a local stack to other terminals, and find the local stacks that run."""

import json
import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from careconnect_admin.project import LOCAL_FOLDER

STACK_NAME: Final = "careconnect"
"""The name that every local stack has."""

_STATE_FILE: Final = "stack.json"
_ENVIRONMENT_FILE: Final = "aws.env"


@dataclass(frozen=True)
class RunningStack:
    """The address of a local stack and its operator's credentials, written by `careconnect run` for other commands."""

    base_url: str
    endpoint: str
    region: str
    stack_name: str
    access_key_id: str
    secret_access_key: str = field(repr=False)

    @property
    def port(self) -> int:
        """The port that it serves on, which distinguishes it from other local stacks."""
        return urlsplit(self.base_url).port or 0


@contextmanager
def announce(running: RunningStack, folder: Path) -> Iterator[Path]:
    """Write the stack's address into `folder` and remove it at the end; yields the file for other terminals to source.

    `running_stacks` finds `stack.json`. `aws.env` points `careconnect` and `aws` at this stack. Only this user can read
    the files.
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


def running_stacks(port: int | None = None) -> tuple[RunningStack, ...]:
    """Return the running local stacks, sorted by port, or only the one that serves on `port`."""
    paths = LOCAL_FOLDER.glob(f"{port or '*'}/{_STATE_FILE}")
    every = [RunningStack(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]
    return tuple(sorted((each for each in every if _listens(each.endpoint)), key=lambda each: each.port))


def _listens(url: str) -> bool:
    """Return True if the stack still runs; a killed stack leaves its file behind."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1):
            return True
    except OSError:
        return False
