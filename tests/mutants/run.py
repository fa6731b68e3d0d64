"""Seed cosmic-ray's faults into the modules that guard something, and see their tests fail: `make mutants` (ADR 35).

Exit codes: 0 enough were caught; 1 too few; 2 a path in guards.toml is gone, a row of survivors.toml fits no fault any
more, or the tests fail without a fault.
"""

import argparse
import hashlib
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome

PROJECT: Final = Path(__file__).resolve().parents[2]
HERE: Final = PROJECT / "tests/mutants"
PYTEST: Final = (
    *(f"{PROJECT}/.venv/bin/python", "-m", "pytest", "-q", "-x", "--tb=no", "-n", "0", "-p", "no:cacheprovider"),
    *("-m", "not long", "--hypothesis-profile=quick"),
)
# In an annotation, `str | None` is the first operator: any other fails at import, which shows nothing of the tests. The
# others say the same of None, which is what the sources compare so.
LEFT_OUT: Final = re.compile(r"core/(ReplaceBinaryOperator_BitOr_|ReplaceComparisonOperator_(Is_Eq|IsNot_NotEq)$)")
SECONDS: Final = 60.0
SLOWER: Final = 10
"""A fault is caught by time, if the tests take ten times as long as without one, and a minute besides."""
BYTES: Final = 6 << 30


class MisfitError(Exception):
    """The configuration does not fit the code of today; the text says where."""


@dataclass(frozen=True)
class Fault:
    """A change of one module, and the tests that judge it."""

    mutation: MutationSpec
    tests: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Return a digest that does not change when other modules do."""
        one = self.mutation
        return hashlib.sha256(f"{one.module_path} {one.operator_name} {one.occurrence}".encode()).hexdigest()


def files(patterns: Iterable[str]) -> list[str]:
    """Return the files of some globs, in order; raises `MisfitError` for a glob without any."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if not (matches := sorted(PROJECT.glob(pattern))):
            raise MisfitError(f"guards.toml: {pattern} is not there")
        found |= dict.fromkeys(str(path.relative_to(PROJECT)) for path in matches)
    return list(found)


def faults_of(guards: Iterable[dict[str, Any]], only: str) -> Iterator[Fault]:
    """Yield the faults of the modules with `only` in their path, each with its tests, the module's own first."""
    for guard in guards:
        tests = files(guard["tests"])
        for path in files(guard["modules"]):
            if only not in path:
                continue
            own = (str(test.relative_to(PROJECT)) for test in PROJECT.glob(f"tests/unit/**/test_{Path(path).name}"))
            judges = tuple(dict.fromkeys([*own, *tests]))
            with tempfile.TemporaryDirectory() as folder, use_db(f"{folder}/session.sqlite") as session:
                init([Path(path)], session, {})
                mutations = [item.mutations[0] for item in session.work_items]
            lines = Path(path).read_text("utf-8").splitlines()
            for each in mutations:
                line, column = lines[each.start_pos[0] - 1], each.start_pos[1]
                # A decorator says how a class is made, not what it allows; the star before keywords is no operator.
                is_syntax = line.lstrip().startswith("@") or line[column:].startswith("*,")
                if not (LEFT_OUT.match(each.operator_name) or is_syntax):
                    yield Fault(each, judges)


def begin_in_a_copy(parent: str) -> None:
    """Copy what git knows into a folder of this process and import from there, so that no fault reaches the project."""
    folder = Path(tempfile.mkdtemp(dir=parent))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    packages = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["dev-mode-dirs"]
    os.environ["PYTHONPATH"] = os.pathsep.join(str(folder / package) for package in packages)
    os.chdir(folder)
    # A fault may fill the memory.
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))


def judge(faults: Sequence[Fault]) -> list[tuple[str, str]]:
    """Return cosmic-ray's outcome and change of each fault of one module, in order.

    Raises:
        MisfitError: its tests fail without a fault.
    """
    command = shlex.join([*PYTEST, *faults[0].tests])
    start = time.monotonic()
    outcome, output = run_tests(command, 30 * SECONDS)
    if outcome is not TestOutcome.SURVIVED:
        raise MisfitError(f"{output}\nthe tests of {faults[0].mutation.module_path} fail without a fault")
    timeout = SECONDS + SLOWER * (time.monotonic() - start)
    results = [mutate_and_test([fault.mutation], command, timeout) for fault in faults]
    return [(str(result.test_outcome.value), change_in(result.diff or "")) for result in results]


def change_in(diff: str) -> str:
    """Return the removed (-) and added (+) lines of a diff, without their indentation."""
    lines = (line for line in diff.splitlines() if line[:1] in ("-", "+") and line[:3] not in ("---", "+++"))
    return "\n".join(f"{line[0]} {' '.join(line[1:].split())}" for line in lines)


def run(options: argparse.Namespace) -> int:
    """Judge the faults, print those that survive and the score, and return the exit code."""
    guards, survivors = (tomllib.loads((HERE / f"{name}.toml").read_text("utf-8")) for name in ("guards", "survivors"))
    os.chdir(PROJECT)
    accepted = {(row["module"], row["change"].strip()) for row in survivors.get("survivor", [])}
    every = sorted(faults_of(guards["guard"], options.only), key=lambda fault: fault.digest)
    # By digest, so that a change of one module leaves most of the sample as it was.
    sample = every if options.all else every[options.skip :][: options.faults]
    print(f"{len(sample)} of {len(every)} faults", flush=True)
    modules: dict[Path, list[Fault]] = {}
    for fault in sample:
        modules.setdefault(fault.mutation.module_path, []).append(fault)
    verdicts: Counter[str] = Counter()
    with (
        tempfile.TemporaryDirectory() as copies,
        ProcessPoolExecutor(options.jobs, initializer=begin_in_a_copy, initargs=(copies,)) as pool,
    ):
        for path, results in zip(modules, pool.map(judge, modules.values()), strict=True):
            for outcome, change in results:
                known = outcome == TestOutcome.SURVIVED.value and (str(path), change) in accepted
                verdicts["accepted" if known else outcome] += 1
                if options.verbose or (outcome == TestOutcome.SURVIVED.value and not known):
                    print(f"\n{outcome}: {path}\n{change}", flush=True)
    judged = verdicts.total() - verdicts["accepted"]
    caught = judged - verdicts[TestOutcome.SURVIVED.value]
    print(f"\n{caught} of {judged} caught, {caught / max(judged, 1):.1%}: {dict(verdicts)}")
    return 0 if caught >= options.least * judged else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="all faults, not a sample")
    parser.add_argument("--faults", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--skip", type=int, default=0, help="leave out the first ones of the sample (%(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="of modules with this in their path")
    parser.add_argument("--least", type=float, default=0.95, help="the share that has to be caught (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="print what is caught too")
    try:
        return run(parser.parse_args())
    except MisfitError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
