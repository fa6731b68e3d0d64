"""The faults of `make mutants`: each matches its name, and a module is imported with its fault."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from careconnect_admin.project import PROJECT
from careconnect_testing.running.faults import faults_of

GUARD = """
class Refused(Exception): ...

def check(text: str, most: int = 8) -> None:
    if len(text) > most:
        raise Refused(f"longer than {most}")
    try:
        plain(text)
    except ValueError:
        raise Refused("no text") from None
"""
MODULE = "layers/common/careconnect/oauth/base64url.py"


def test_the_files_that_are_listed_are_there() -> None:
    guards = tomllib.loads((PROJECT / "tests/security/mutants/guards.toml").read_text(encoding="utf-8"))["guard"]

    assert [glob for guard in guards for glob in guard["modules"] + guard["tests"] if not any(PROJECT.glob(glob))] == []


def test_a_guard_is_left_out_turned_round_and_moved_and_no_text_of_an_error_is_touched(tmp_path: Path) -> None:
    (tmp_path / "guard.py").write_text(GUARD, encoding="utf-8")
    faults = {fault.change: fault for fault in faults_of(tmp_path, "guard.py")}

    assert set(faults) == {
        "- def check(text: str, most: int = 8) -> None:\n+ def check(text: str, most: int = 9) -> None:",
        "- if len(text) > most:\n+ if not (len(text) > most):",
        "- if len(text) > most:\n+ if len(text) >= most:",
        '- raise Refused(f"longer than {most}")\n+ pass',
        "- plain(text)\n+ pass",
        "- plain(text)\n+ plain(None)",
        "- except ValueError:\n+ except ():",
        '- raise Refused("no text") from None\n+ pass',
    }
    assert faults["- plain(text)\n+ pass"].text() == GUARD.replace("plain(text)", "pass")


@pytest.mark.long
def test_a_module_is_imported_with_its_fault_and_its_file_stays(tmp_path: Path) -> None:
    text = (PROJECT / MODULE).read_text(encoding="utf-8")
    fault = next(each for each in faults_of(PROJECT, MODULE) if each.change.endswith("+ pass"))
    (tmp_path / "mutated.py").write_text(fault.text(), encoding="utf-8")

    def ended(**environment: str) -> int:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "careconnect_testing.running.mutated_import"]
        options = ["-p", "no:cacheprovider", "-p", "no:schemathesis", "tests/unit/common/oauth/test_base64url.py"]
        return subprocess.run(
            [*command, *options], cwd=PROJECT, env=os.environ | environment, capture_output=True, check=False
        ).returncode

    assert ended() == 0
    assert ended(MUTATED=str(PROJECT / MODULE), MUTATED_TEXT=str(tmp_path / "mutated.py")) == 1
    assert (PROJECT / MODULE).read_text(encoding="utf-8") == text
