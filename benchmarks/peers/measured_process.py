"""Run a measured process: started anew, called over its standard input, answering on its standard error."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_PATIENCE: Final = 30


@dataclass(frozen=True, slots=True)
class Program:
    """A program to start: a command in a folder, with its own environment and nothing else."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]


class MeasuredProcess:
    """A process of a program, ready for calls. Use as a context manager; it ends with its standard input.

    `load` is the seconds of CPU until it was ready. Its log is discarded.
    """

    def __init__(self, program: Program) -> None:
        self._program = program

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603
            self._program.command,
            cwd=self._program.folder,
            env=self._program.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.load = float(self._said("ready"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stderr.close()

    def prepare(self, given: Any) -> Any:
        """Give the process its input, and return its answer."""
        self._ask({"prepare": given})
        return self._said("prepared")

    def answer(self) -> Any:
        """Return the response to the measured request."""
        self._ask({})
        return self._said("answer")

    def cpu(self, step: str, times: int) -> float:
        """Repeat a step, and return the seconds of CPU of each."""
        self._ask({"step": step, "times": times})
        return float(self._said("cpu"))

    def _ask(self, line: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(line)}\n")
        self._process.stdin.flush()

    def _said(self, name: str) -> Any:
        """Return the answer with a name; other lines before it are warnings."""
        assert self._process.stderr is not None
        other = []
        for line in self._process.stderr:
            if line.startswith(f'{{"{name}"'):
                return json.loads(line)[name]
            other.append(line)
        raise RuntimeError(f"{' '.join(self._program.command)} ended:\n{''.join(other)}")
