"""The report on the lock files: findings, sources that do not answer, and the head of the bill of materials."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from careconnect import __version__
from careconnect_testing.release.advisories import (
    MEASURED,
    SILENT,
    SilentSourceError,
    node_findings,
    parted,
    python_findings,
    tell,
)
from careconnect_testing.release.bill_of_materials import direct_dependencies, root_component

PROJECT = Path(__file__).resolve().parents[2]
SAFE = {"name": "jmespath", "version": "1.1.0", "vulns": []}
FLAWED = {"name": "boto3", "version": "1.0.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.0.1"]}]}
UNKNOWN = {"name": "six", "skip_reason": "Dependency not found on PyPI and could not be audited: six (1.17.0)"}


@pytest.mark.parametrize(
    ("dependencies", "findings"),
    [
        ([SAFE], []),
        ([SAFE, FLAWED], ["boto3 1.0.0: PYSEC-2026-1"]),
        ([SAFE, UNKNOWN], ["six: not known to the advisory source"]),
    ],
)
def test_a_vulnerability_and_what_could_not_be_asked_for_are_findings(
    dependencies: list[dict[str, object]], findings: list[str]
) -> None:
    assert python_findings(json.dumps({"dependencies": dependencies, "fixes": []})) == findings


@pytest.mark.parametrize("output", ["", "Traceback", "[]", json.dumps({"dependencies": [UNKNOWN], "fixes": []})])
def test_a_source_that_knows_no_package_at_all_is_silent_and_not_content(output: str) -> None:
    with pytest.raises(SilentSourceError):
        python_findings(output)


def test_npms_findings_are_reported_by_name_and_its_error_is_silence() -> None:
    assert node_findings('{"vulnerabilities": {}}') == []
    assert node_findings('{"vulnerabilities": {"left": {"severity": "high"}}}') == ["left: high"]
    for silent in ("", '{"error": {"summary": ""}, "statusCode": 405}'):
        with pytest.raises(SilentSourceError):
            node_findings(silent)


def test_findings_are_counted_and_silence_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(lock: str) -> list[str]:
        if lock == "silent":
            raise SilentSourceError
        return ["one", "two"]

    assert tell("source", ["first", "silent", "never asked"], ask) == 2
    assert capsys.readouterr().out.splitlines() == ["first: 2 findings", "  one", "  two", f"source: {SILENT}"]


def test_what_is_measured_and_not_deployed_is_reported_apart() -> None:
    counted, measured = parted(locks("package-lock.json"))

    assert measured == list(MEASURED)
    assert set(counted) == set(locks("package-lock.json")) - set(MEASURED)
    assert counted


@pytest.mark.parametrize(
    ("lock", "package"), [("dependencies", "boto3"), ("record_dependencies", "fhir-resources[xml]")]
)
def test_the_bill_is_of_this_version_and_of_what_is_asked_for(lock: str, package: str) -> None:
    names = direct_dependencies(PROJECT / "layers" / lock / "requirements.in")
    text = root_component((PROJECT / "pyproject.toml").read_text(encoding="utf-8"), names)

    project = tomllib.loads(text)["project"]
    assert (project["name"], project["version"]) == ("careconnect-serverless", __version__)
    assert package in project["dependencies"]
    assert set(names) < set(direct_dependencies(PROJECT / "tools/requirements.in"))


def locks(ending: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", f"*{ending}"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return listed.stdout.split()


def locked(name: str) -> set[str]:
    """Return the lines of a lock file: each pinned package with its version and its hashes."""
    return set((PROJECT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines())


@pytest.mark.parametrize("name", [name for name in locks("requirements.txt") if name.startswith("layers/")])
def test_what_a_layer_is_built_from_is_what_its_code_is_run_with_here(name: str) -> None:
    assert locked(name)
    assert locked(name) <= locked("tools/requirements.txt")


@pytest.mark.parametrize("name", locks("requirements.txt"))
def test_a_lock_pins_every_package_with_its_hashes_and_names_no_registry(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    packages = text.replace("\\\n", " ").splitlines()

    assert packages
    for package in packages:
        assert re.match(r"[a-z0-9-]+(\[[^]]+\])?==\S+ (; .+? )?( *--hash=sha256:[0-9a-f]{64})+$", package), package
    assert "://" not in text


@pytest.mark.parametrize("name", locks("package-lock.json"))
def test_a_lock_of_node_does_too(name: str) -> None:
    packages = json.loads((PROJECT / name).read_text(encoding="utf-8"))["packages"]

    assert len(packages) > 1
    del packages[""]
    for path, package in packages.items():
        # The digest of a bundling package covers the packages in its bundle.
        assert package.get("inBundle") or package["integrity"].startswith("sha512-"), path
        assert "resolved" not in package, path
