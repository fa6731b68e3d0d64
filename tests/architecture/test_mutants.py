"""The table of mutants fits the code of today, and its run tells the killed from the others."""

import subprocess
import sys
from pathlib import Path

import pytest

from careconnect_testing.mutants import PROJECT, Mutant, MutantError, is_test, misfits, needs_a_stack, read_mutants

MUTANTS = read_mutants()


def of_mutant(mutant: Mutant) -> str:
    return mutant.id


def table(folder: Path, *rows: tuple[str, str, str, str]) -> Path:
    path = folder / "table.toml"
    path.write_text(
        "\n".join(
            f"[[mutant]]\nid = '{id_}'\nchange = 'something'\nfile = 'layers/common/careconnect/base64url.py'\n"
            f"find = '{find}'\nreplace = '{replace}'\ntests = [{tests}]"
            for id_, find, replace, tests in rows
        ),
        encoding="utf-8",
    )
    return path


TESTS = "'tests/unit/common/test_base64url.py'"


@pytest.mark.parametrize("mutant", MUTANTS, ids=of_mutant)
def test_a_mutant_applies_to_the_code_of_today_and_its_tests_are_there(mutant: Mutant) -> None:
    assert misfits([mutant]) == []


def test_a_mutant_that_does_not_fit_is_told(tmp_path: Path) -> None:
    mutants = read_mutants(
        table(
            tmp_path,
            ("gone", "def decipher(", "", TESTS),
            ("twice", "text", "", TESTS),
            ("nothing", "def decode(", "def decode(", TESTS),
            ("untested", "def decode(", "", "'tests/unit/common/test_base64url.py::test_nothing'"),
        )
    )
    found = misfits(mutants)

    assert [each.partition(":")[0] for each in found] == ["gone", "twice", "nothing", "untested"]
    assert "0 times" in found[0]
    assert "changes nothing" in found[2]


@pytest.mark.parametrize(
    "rows",
    [
        [("one", "a", "b", TESTS), ("one", "c", "d", TESTS)],
        [("one", "a", "b", "")],
    ],
    ids=["an id twice", "no test"],
)
def test_a_malformed_table_is_refused(tmp_path: Path, rows: list[tuple[str, str, str, str]]) -> None:
    with pytest.raises(MutantError, match=r"^one: "):
        read_mutants(table(tmp_path, *rows))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tests/architecture/test_mutants.py", True),
        ("tests/architecture/test_mutants.py::test_a_malformed_table_is_refused", True),
        ("tests/architecture/test_mutants.py::test_a_malformed_table_is_refused[no test]", True),
        ("tests/architecture/test_mutants.py::test_nothing", False),
        ("tests/architecture/test_mutants.py::of_mutant", False),
        ("tests/architecture/test_nothing.py", False),
        ("tests/conftest.py", False),
        ("tests/architecture", False),
    ],
)
def test_what_counts_as_a_test(name: str, found: bool) -> None:
    assert is_test(PROJECT, name) is found


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("tests/unit/common/test_base64url.py", False),
        ("tests/security/test_fails_closed.py::test_nothing_but_this_apis_stage_may_invoke_a_function", False),
        ("tests/security/test_fails_closed.py::test_no_malformed_authorization_invokes_a_reader[abc]", True),
        ("tests/security/test_fails_closed.py", True),
        ("tests/security/test_kill_switch.py", True),
        ("tests/security/test_kill_switch.py::test_others_are_not_cut_off_with_it", True),
    ],
)
def test_which_tests_need_a_stack(name: str, needed: bool) -> None:
    assert needs_a_stack(PROJECT, name) is needed


@pytest.mark.long
def test_a_run_tells_the_killed_from_survivors_and_from_what_does_not_even_import(tmp_path: Path) -> None:
    rows = table(
        tmp_path,
        ("killed", "if encode(decoded) != text:", "if decoded is None:", TESTS),
        ("survivor", "# A last character", "# The last character", TESTS),
        ("broken", "import base64", "import base46", TESTS),
    )
    command = [sys.executable, str(PROJECT / "tests/security/mutants/run.py"), "--table", str(rows)]

    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)
    killed = subprocess.run(
        [*command, "--only", "killed"], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )

    verdicts = {line.split()[3]: line.split()[0] for line in ended.stdout.splitlines() if " s  " in line}
    assert verdicts == {"killed": "killed", "survivor": "SURVIVED", "broken": "BROKEN"}
    assert ended.returncode == 1
    assert killed.returncode == 0
    assert killed.stdout.splitlines()[-1] == "1 mutants, 1 killed, 0 not"
    # The working tree is never touched.
    assert misfits(read_mutants(rows)) == []
