"""Run a command against each bug of `tests/simulation/bugs`: `python -m careconnect_testing.running.seeded_bugs`.

A bug is a patch of functions, layers or tools, seeded by hand, and a row of `bugs.toml`. It is applied to a copy of the
project, from which the command imports everything; the project itself is not changed. Exit codes: 0 all bugs were
caught; 1 one was not; 2 one could not be judged.
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from careconnect_admin.project import PROJECT

BUGS: Final = PROJECT / "tests" / "simulation" / "bugs"
SCHEDULES: Final = "SCHEDULES"
"""The environment variable with the number of schedules that the simulation runs."""

COMMANDS: Final = {
    "simulation": "python -m careconnect_testing.simulation --stop --plans {plans}",
    "tests": 'python -m pytest -q -x -p no:cacheprovider -m "not long" {tests}',
}

_PATCHED: Final = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)
_FAILED: Final = re.compile(r"^FAILED (.+)$", re.MULTILINE)
_INTERRUPTED: Final = 2
"""The exit code of pytest if tests could not be imported, and also if several processes stop at the first failure."""


class Verdict(StrEnum):
    """The verdict of a command about a bug; the last two say nothing of the tests."""

    CAUGHT = "caught"
    NOT_CAUGHT = "not caught"
    STOPPED = "caught, stopped after its time"
    DOES_NOT_APPLY = "the patch does not apply"
    NOT_JUDGED = "the command failed by itself"


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug: its name, its patch, its mechanism, and the tests of today that may catch it (paths from the root)."""

    name: str
    patch: Path
    mechanism: str
    tests: tuple[str, ...]

    @property
    def plans(self) -> str:
        """The plans by which the simulation judges it."""
        return "erasing" if self.mechanism == "erasing" else "mixed"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the first failed test with its error (empty if there is none), and the seconds of the command."""

    verdict: Verdict
    by: str
    seconds: float


def ledger() -> dict[str, Any]:
    """Return the content of `bugs.toml`: `tests` by mechanism, and a `bug` for each patch."""
    return tomllib.loads((BUGS / "bugs.toml").read_text(encoding="utf-8"))


def all_bugs() -> list[Bug]:
    """Return the bugs in the order of their numbers."""
    known = ledger()
    return [
        Bug(
            row["name"],
            BUGS / f"{row['name']}.patch",
            row["mechanism"],
            tuple(row.get("tests", known["tests"][row["mechanism"]])),
        )
        for row in known["bug"]
    ]


def copy_project(folder: Path) -> None:
    """Copy the project's files into a folder, also those that are not committed yet."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)


def environment_of(folder: Path, schedules: int) -> dict[str, str]:
    """Return an environment in which everything is imported from a copy of the project."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    imported = [str(folder / each) for each in project["tool"]["hatch"]["build"]["dev-mode-dirs"]]
    return {
        **os.environ,
        # Before the environment's own packages, and so before the editable install of the project itself.
        "PYTHONPATH": os.pathsep.join(imported),
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))),
        # pytest cuts the line of a failed test at the terminal's width.
        "COLUMNS": "400",
        SCHEDULES: str(schedules),
    }


@contextmanager
def applied(patch: Path, folder: Path) -> Iterator[bool]:
    """Apply a patch to a copy of the project, and undo it at the end; yield False if it does not apply."""
    names = _PATCHED.findall(patch.read_text(encoding="utf-8"))
    before = {path: (path.read_bytes(), path.stat()) for name in names if (path := folder / name).is_file()}
    # Within a repository, `git apply` would skip the paths outside of the current folder.
    alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(["git", "apply", str(patch)], cwd=folder, env=alone, capture_output=True, check=False)
    try:
        yield done.returncode == 0
    finally:
        for path, (content, stat) in before.items():
            path.write_bytes(content)
            # Otherwise the bytecode of the bug would be taken for that of the text.
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def judge(bug: Bug, command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float) -> Judgement:
    """Run a command in a copy of the project with the bug, for at most some `seconds`."""
    with applied(bug.patch, folder) as is_applied:
        if not is_applied:
            return Judgement(Verdict.DOES_NOT_APPLY, "", 0.0)
        began = time.monotonic()
        try:
            ended = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired:
            return Judgement(Verdict.STOPPED, "", seconds)
        took = time.monotonic() - began
    if ended.returncode == 0:
        return Judgement(Verdict.NOT_CAUGHT, "", took)
    failed = _FAILED.findall(ended.stdout)
    is_caught = ended.returncode == 1 or (ended.returncode == _INTERRUPTED and failed)
    last = (ended.stdout + ended.stderr).strip().rpartition("\n")[2]
    return Judgement(Verdict.CAUGHT if is_caught else Verdict.NOT_JUDGED, failed[0] if failed else last, took)


def run(bugs: Sequence[Bug], template: str, *, schedules: int, jobs: int, seconds: float) -> list[Judgement]:
    """Judge bugs, `jobs` at a time, and print each judgement as it is made; return them in order."""
    with tempfile.TemporaryDirectory() as parent, ThreadPoolExecutor(jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(jobs):
            copy_project(folder := Path(parent).resolve() / str(number))
            copies.put(folder)

        def one(bug: Bug) -> Judgement:
            folder = copies.get()
            try:
                named = template.replace("{tests}", shlex.join(bug.tests)).replace("{plans}", bug.plans)
                command = shlex.split(named)
                judgement = judge(bug, command, folder, environment_of(folder, schedules), seconds)
            finally:
                copies.put(folder)
            print(f"{bug.name}: {judgement.verdict} ({judgement.seconds:.0f} s) {judgement.by}", flush=True)
            return judgement

        return list(pool.map(one, bugs))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--with", dest="with_", choices=tuple(COMMANDS), default="simulation", help="%(default)s")
    parser.add_argument("--command", help="another command, in which {tests} and {plans} stand for the bug's")
    parser.add_argument("--only", default="", metavar="TEXT", help="bugs with this in their name or mechanism")
    parser.add_argument("--schedules", type=int, default=2_000, help=f"the number in {SCHEDULES} (%(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (%(default)s)")
    parser.add_argument("--seconds", type=float, default=1_800, help="for one bug, at most (%(default)g)")
    options = parser.parse_args()
    bugs = [bug for bug in all_bugs() if options.only in f"{bug.name} {bug.mechanism}"]
    template = options.command or COMMANDS[options.with_]
    judgements = run(bugs, template, schedules=options.schedules, jobs=options.jobs, seconds=options.seconds)
    verdicts = Counter(each.verdict for each in judgements)
    print(", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common()))
    if verdicts[Verdict.DOES_NOT_APPLY] or verdicts[Verdict.NOT_JUDGED]:
        return 2
    return 1 if verdicts[Verdict.NOT_CAUGHT] else 0


if __name__ == "__main__":
    sys.exit(main())
