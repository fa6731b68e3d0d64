"""Put each mutant into a copy of the working tree and see that its tests fail: `make mutants`.

Exit codes: 0 all were killed; 1 one survived, hung or broke the tests instead of failing them; 2 the table does not
fit the code, or the tests fail without any mutant.
"""

import argparse
import os
import queue
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from careconnect_testing.mutants import PROJECT, TABLE, Mutant, MutantError, misfits, page_rows, read_mutants

SECONDS_EACH = 300
HEADING = "| mutant | what it changes | where |"
PYTEST = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:schemathesis", "--hypothesis-profile=quick")
KILLED, SURVIVED, HUNG, BROKEN = "killed", "SURVIVED", "HUNG", "BROKEN"


@dataclass(frozen=True)
class Result:
    mutant: Mutant
    verdict: str
    seconds: float
    output: str


def copy_of_the_tree(folder: Path) -> Path:
    """Copy what git knows or would add, changes included, and give the copy an environment of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    # The editable install names the folders of the working tree; in the copy its own come instead. A path file's
    # own path files are not read, so the installed packages are there and the install is not.
    venv.create(folder / ".venv", symlinks=True)
    site = next((folder / ".venv").glob("lib/python*/site-packages"))
    build = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    own = [str(folder / name) for name in build["dev-mode-dirs"]]
    (site / "copy.pth").write_text("\n".join([*own, sysconfig.get_path("purelib")]) + "\n", encoding="utf-8")
    return folder


def run_tests(copy: Path, tests: Sequence[str], *more: str, seconds: float = SECONDS_EACH) -> tuple[int | None, str]:
    """Return pytest's exit code, None if it did not end in time, and what it printed."""
    process = subprocess.Popen(
        [copy / ".venv/bin/python", "-m", "pytest", *PYTEST, *more, *tests],
        cwd=copy,
        # A cached module is told from a changed one by second and size, which a mutant may not change.
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return None, output
    return process.returncode, output


def judge(mutant: Mutant, copies: "queue.SimpleQueue[Path]") -> Result:
    """Apply a mutant to a free copy, run its tests, and put the files back."""
    copy = copies.get()
    mutated = mutant.applied_to(copy)
    originals = {file: file.read_bytes() for file in mutated}
    began = time.monotonic()
    try:
        for file, text in mutated.items():
            file.write_text(text, encoding="utf-8")
        code, output = run_tests(copy, mutant.tests)
    finally:
        for file, original in originals.items():
            file.write_bytes(original)
        copies.put(copy)
    # Any other code than "tests failed" is a mutant that is no fault of the control: it does not even import.
    verdict = {0: SURVIVED, 1: KILLED, None: HUNG}.get(code, BROKEN)
    return Result(mutant, verdict, time.monotonic() - began, output)


def write_page(mutants: list[Mutant]) -> None:
    """Write the mutants' table of SECURITY.md anew."""
    page = PROJECT / "SECURITY.md"
    before, heading, after = page.read_text(encoding="utf-8").partition(HEADING)
    if not heading:
        raise MutantError(f"{page.name} has no table of mutants")
    rest = [line for line in after.splitlines() if not line.startswith("|")]
    while rest and not rest[0]:
        rest.pop(0)
    table = [heading, "|---|---|---|", *page_rows(mutants)]
    page.write_text(before + "\n".join([*table, "", *rest]).rstrip("\n") + "\n", encoding="utf-8")


def run(mutants: Sequence[Mutant], jobs: int) -> int:
    """Run the mutants, print a line for each and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="careconnect-mutants-") as folder:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(jobs):
            copies.put(copy_of_the_tree(Path(folder, str(number))))
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        print(f"{len(mutants)} mutants; first {len(tests)} tests or files without any", flush=True)
        code, output = run_tests(Path(folder, "0"), tests, "-n", str(jobs), "--dist", "loadfile", seconds=1800)
        if code != 0:
            print(output, "the tests fail without any mutant", sep="\n", file=sys.stderr)
            return 2
        results = []
        with ThreadPoolExecutor(jobs) as pool:
            for done in as_completed([pool.submit(judge, mutant, copies) for mutant in mutants]):
                result = done.result()
                results.append(result)
                mutant = result.mutant
                print(f"{result.verdict:<9}{result.seconds:6.1f} s  {mutant.id:<28} {mutant.change}", flush=True)
    alive = [result for result in results if result.verdict != KILLED]
    for result in alive:
        print(f"\n{result.mutant.id}: {result.verdict}\n{result.output[-3000:]}", file=sys.stderr)
    print(f"{len(results)} mutants, {len(results) - len(alive)} killed, {len(alive)} not")
    return 1 if alive else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", type=Path, default=TABLE, help="another table of mutants")
    parser.add_argument("--list", action="store_true", help="list the mutants and end")
    parser.add_argument("--only", action="append", metavar="ID", help="this mutant alone; may be given again")
    parser.add_argument("--fast", action="store_true", help="leave out those that only a running stack shows")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (2)")
    parser.add_argument("--page", action="store_true", help="write the table of SECURITY.md anew and end")
    options = parser.parse_args()
    try:
        mutants = read_mutants(options.table)
        if options.only:
            unknown = set(options.only) - {mutant.id for mutant in mutants}
            if unknown:
                raise MutantError(f"there is no mutant {', '.join(sorted(unknown))}")
            mutants = [mutant for mutant in mutants if mutant.id in options.only]
        if options.fast:
            mutants = [mutant for mutant in mutants if mutant.is_quick]
        if options.list:
            for mutant in mutants:
                print(f"{mutant.id:<28} {mutant.change} ({mutant.edits[0].file})")
            return 0
        if options.page:
            write_page(mutants)
            return 0
        if found := misfits(mutants):
            raise MutantError("\n  ".join(["the table does not fit the code:", *found]))
    except MutantError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    return run(mutants, max(1, options.jobs))


if __name__ == "__main__":
    sys.exit(main())
