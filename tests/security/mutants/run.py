"""Seed faults into the modules that protect something, and check that their tests fail: `make mutants` (ADR 35).

Exit codes: 0 enough were caught; 1 too few; 2 a path in guards.toml is gone, a row of survivors.toml fits no fault any
more, or the tests fail without a fault.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from careconnect_admin.project import PROJECT
from careconnect_testing.running.faults import Fault, faults_of

HERE: Final = Path(__file__).resolve().parent
# Only for tests that wait for ever: one that works is stopped by its CPU time, however busy the machine is.
SECONDS: Final = 1800
PYTEST: Final = (
    *(
        "-q",
        "-x",
        "--tb=no",
        "-p",
        "careconnect_testing.running.mutated_import",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:schemathesis",
    ),
    *("-m", "not long", "--hypothesis-profile=quick", "--hypothesis-seed=0"),
)
SURVIVED: Final = "SURVIVED"
# pytest ends with 2 or 4 if a test file or a conftest cannot be imported.
VERDICTS: Final = {0: SURVIVED, 1: "failed", 2: "not imported", 4: "not imported"}


class MisfitError(Exception):
    """The configuration does not fit the code of today; the text says where."""


def files(patterns: Iterable[str]) -> list[str]:
    """Return the files of some globs, in order; raises `MisfitError` for a glob without any."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if not (matches := sorted(PROJECT.glob(pattern))):
            raise MisfitError(f"guards.toml: {pattern} is not there")
        found |= dict.fromkeys(str(path.relative_to(PROJECT)) for path in matches)
    return list(found)


def all_faults(guards: Iterable[dict[str, Any]], only: str) -> dict[Fault, list[str]]:
    """Return the faults of the modules with `only` in their path, each with its tests, the module's own first."""
    faults: dict[Fault, list[str]] = {}
    for guard in guards:
        tests = files(guard["tests"])
        for path in files(guard["modules"]):
            own = PROJECT.glob(f"tests/unit/**/test_{Path(path).name}")
            judges = list(dict.fromkeys([*(str(test.relative_to(PROJECT)) for test in own), *tests]))
            if only in path:
                faults |= dict.fromkeys(faults_of(PROJECT, path), judges)
    return faults


def run_tests(tests: Iterable[str], *more: str, **environment: str) -> tuple[int, str]:
    """Return pytest's exit code, negative if a signal or the timeout ended it, and its output."""
    # Hypothesis must not try the examples of one fault against the next.
    with tempfile.TemporaryDirectory() as found:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *PYTEST, *more, *tests],
                cwd=PROJECT,
                # With its bytecode a test file is imported in half the time.
                env=os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": found, "PYTHONDONTWRITEBYTECODE": ""} | environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return -1, ""
    return done.returncode, done.stdout + done.stderr


def judge(fault: Fault, tests: Iterable[str]) -> str:
    """Run the tests against a fault and return their verdict."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "mutated.py")
        text.write_text(fault.text(), encoding="utf-8")
        code, _ = run_tests(tests, MUTATED=str(PROJECT / fault.path), MUTATED_TEXT=str(text))
    return VERDICTS.get(code, "stopped" if code < 0 else f"ended with {code}")


def run(options: argparse.Namespace) -> int:
    """Judge the faults, print those that survive and the score, and return the exit code."""
    guards, survivors = (tomllib.loads((HERE / f"{name}.toml").read_text("utf-8")) for name in ("guards", "survivors"))
    faults = all_faults(guards["guard"], options.only)
    accepted = {(row["module"], row["change"].strip()) for row in survivors.get("survivor", [])}
    stale = {row for row in accepted if options.only in row[0]} - {(each.path, each.change) for each in faults}
    if stale:
        raise MisfitError("\n".join(f"survivors.toml: in {path} is no\n{change}" for path, change in sorted(stale)))
    # By digest, so that a change of one module leaves most of the sample as it was.
    sample = sorted(faults, key=lambda each: hashlib.sha256(f"{options.seed} {each.id}".encode()).hexdigest())
    sample = sample if options.all else sample[: options.faults]
    tests = sorted({test for fault in sample for test in faults[fault]})
    print(f"{len(sample)} of {len(faults)} faults; first the tests without any, in {len(tests)} files", flush=True)
    code, output = run_tests(tests, "-n", str(options.jobs), "--dist", "loadfile")
    if code != 0:
        raise MisfitError(f"{output}\nthe tests fail without a fault")
    verdicts: Counter[str] = Counter()
    with ThreadPoolExecutor(options.jobs) as pool:
        for fault, verdict in zip(sample, pool.map(lambda each: judge(each, faults[each]), sample), strict=True):
            known = verdict == SURVIVED and (fault.path, fault.change) in accepted
            verdicts["accepted" if known else verdict] += 1
            if options.verbose or (verdict == SURVIVED and not known):
                print(f"\n{verdict}: {fault.path}\n{fault.change}", flush=True)
    judged = verdicts.total() - verdicts["accepted"]
    score = (judged - verdicts[SURVIVED]) / max(judged, 1)
    print(f"\n{judged - verdicts[SURVIVED]} of {judged} caught, {score:.1%}: {dict(verdicts)}")
    return 0 if score >= options.least else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="all faults, not a sample")
    parser.add_argument("--faults", type=int, default=200, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which (%(default)s)")
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
