"""The bugs that are seeded by hand, and the run that judges tests by them."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from careconnect_admin.project import PROJECT
from careconnect_testing.running.seeded_bugs import BUGS, Verdict, all_bugs, ledger, run

KEYS = next(bug for bug in all_bugs() if "previous-key" in bug.name)
READS_PREVIOUS = """import os, sys
import careconnect.oauth.signing_keys as keys
if os.environ["SCHEDULES"] != "3": sys.exit(7)
sys.exit(keys.PREVIOUS not in keys._READING_ORDER)"""


def test_each_patch_has_its_row() -> None:
    rows = ledger()["bug"]

    assert [row["name"] for row in rows] == sorted(path.stem for path in BUGS.glob("*.patch"))
    assert [row["name"].partition("-")[0] for row in rows] == [f"{number:02}" for number in range(1, len(rows) + 1)]
    for row in rows:
        assert row.keys() - {"tests", "schedules"} == {"name", "mechanism", "mistake", "breaks", "caught_by"}, row[
            "name"
        ]


def test_each_patch_applies_to_the_code_as_it_stands() -> None:
    patches = [str(bug.patch) for bug in all_bugs()]
    said = [subprocess.run(["git", "apply", "--check", each], cwd=PROJECT, check=False).returncode for each in patches]

    assert [each for each, code in zip(patches, said, strict=True) if code] == []


def test_the_tests_of_each_bug_are_there() -> None:
    named = {name for bug in all_bugs() for name in bug.tests}

    assert [name for name in sorted(named) if not (PROJECT / name).exists()] == []


@pytest.mark.long
def test_a_command_is_judged_by_whether_it_fails_with_the_bug(tmp_path: Path) -> None:
    torn = tmp_path / "torn.patch"
    torn.write_text(KEYS.patch.read_text("utf-8").replace("PREVIOUS)", "NOTHING)"), encoding="utf-8")
    # The last one shows that the copy is whole again after each of the others.
    bugs = [KEYS, replace(KEYS, patch=torn), KEYS, all_bugs()[0]]

    judgements = run(bugs, f"python -c '{READS_PREVIOUS}'", schedules=3, jobs=1, seconds=60)

    verdicts = [Verdict.CAUGHT, Verdict.DOES_NOT_APPLY, Verdict.CAUGHT, Verdict.NOT_CAUGHT]
    assert [each.verdict for each in judgements] == verdicts
    assert (
        run(bugs[:1], f"python -c '{READS_PREVIOUS}'", schedules=1, jobs=1, seconds=60)[0].verdict is Verdict.NOT_JUDGED
    )
