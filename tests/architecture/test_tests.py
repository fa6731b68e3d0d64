"""Rules for the tests themselves: which are pure, how they are named, where their records come from."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from careconnect_testing.records.real_data import RealDataError, real_data, records_line

TESTS = Path(__file__).resolve().parents[1]
FILES = sorted(path for path in TESTS.rglob("*.py") if "node_modules" not in path.parts)
UNIT = [path for path in FILES if path.is_relative_to(TESTS / "unit")]
EMULATED = {"Emulator", "LocalStack", "search_stack", "local_stack"}


def names_in(path: Path) -> set[str]:
    """Return the names that a module calls, imports or requests as a fixture."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)) | ast.arg(arg=name):
                names.add(name)
            case ast.ImportFrom(module=str(module)):
                names.add(module)
            case _:
                pass
    return names


def test_no_unit_test_starts_an_emulator() -> None:
    assert {path.name: found for path in UNIT if (found := names_in(path) & EMULATED)} == {}
    # The rule sees those that do.
    assert "LocalStack" in names_in(TESTS / "integration/test_local_stack.py")
    assert "Emulator" in names_in(TESTS / "integration/test_load_read_back.py")
    assert "search_stack" in names_in(TESTS / "integration/test_read.py")


def test_no_test_is_named_for_an_issue() -> None:
    number = re.compile(r"issues?[_ #]*\d", re.IGNORECASE)

    assert [path.name for path in FILES if path != Path(__file__) and number.search(path.read_text("utf-8"))] == []


def test_without_the_variable_the_records_are_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in ("", None):
        if absent is None:
            monkeypatch.delenv("REAL_DATA", raising=False)
        else:
            monkeypatch.setenv("REAL_DATA", absent)
        assert real_data() is None
        assert records_line() == "records: the shipped sample"


def test_a_folder_that_is_given_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ward-7").mkdir()
    (tmp_path / "ward-7" / "Patient.ndjson").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REAL_DATA", "ward-7")

    assert real_data() == tmp_path / "ward-7"
    assert records_line() == "records: ward-7 (REAL_DATA) and the shipped sample"


@pytest.mark.parametrize(("given", "reason"), [("nowhere", "no such folder"), (".", "no .ndjson file")])
def test_a_wrong_folder_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, reason: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REAL_DATA", given)

    with pytest.raises(RealDataError, match=rf"^REAL_DATA={re.escape(given)}: {reason}"):
        real_data()


@pytest.mark.slow
def test_a_run_with_a_wrong_folder_ends_before_its_first_test(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__],
        cwd=TESTS.parent,
        env=os.environ | {"REAL_DATA": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert ended.stderr.startswith("ERROR: REAL_DATA=")
    assert " passed" not in ended.stdout
