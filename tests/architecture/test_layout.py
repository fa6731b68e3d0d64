"""The house: where things are. A reader sees the architecture from the file list."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LAYERS = (PROJECT / "layers/common/careconnect", PROJECT / "layers/records/careconnect_records")
PACKAGES = {
    "token": "token_issuer",
    "authorizer": "scope_authorizer",
    "fhir": "fhir_reader",
    "writer": "record_writer",
    "bundle": "bundle_processor",
    "discovery": "service_discovery",
    "audit": "access_auditor",
    "archive": "audit_archiver",
    "recovery": "write_recovery",
    "export": "export_keeper",
    "export_file": "export_sender",
    "export_worker": "export_worker",
    "console": "service_console",
}
# What a function is built from besides, and is no part of its code: the console's page.
BUILT_FROM = {"console": ("Makefile", "web"), "bundle": ("Makefile",)}


def of_project(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def test_the_top_level_is_the_houses() -> None:
    top = {name.partition("/")[0] for name in tracked()}

    assert top >= {"template.yaml", "README.md", "functions", "layers", "infra", "tests", "events", "tools", "docs"}
    assert top <= {
        ".ci",
        ".gitignore",
        ".checkov.yaml",
        ".dockerignore",
        ".github",
        ".pre-commit-config.yaml",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "SECURITY.md",
        "benchmarks",
        "docs",
        "events",
        "functions",
        "infra",
        "layers",
        "pyproject.toml",
        "samconfig.toml",
        "template.yaml",
        "tests",
        "tools",
        "llms.txt",
    }


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_functions_folder_holds_one_package_and_its_handler(folder: str) -> None:
    code = {name.split("/")[2] for name in tracked() if name.startswith(f"functions/{folder}/")}

    assert code == {PACKAGES[folder], *BUILT_FROM.get(folder, ())}
    assert (PROJECT / "functions" / folder / PACKAGES[folder] / "handler.py").is_file()
    assert PACKAGES[folder] not in sys.stdlib_module_names


def test_the_layers_hold_two_packages_lists_and_what_builds_them() -> None:
    packages = tuple(f"{of_project(layer)}/" for layer in LAYERS)
    files = {name for name in tracked() if name.startswith("layers/") and not name.startswith(packages)}

    assert files >= {
        f"layers/{folder}/requirements.{ending}"
        for folder in ("dependencies", "record_dependencies")
        for ending in ("in", "txt")
    }
    assert [name for name in files if name.endswith(".py")] == ["layers/build_layer.py"]
    assert not [name for name in files if "/python/" in name]


def test_no_file_names_a_machine() -> None:
    places = ("/" + "work/", "/" + "root/", "/home" + "/")
    files = [name for name in tracked() if not name.endswith((".png", ".zip")) and (PROJECT / name).is_file()]

    texts = {name: (PROJECT / name).read_text(encoding="utf-8") for name in files}
    assert [name for name, text in texts.items() if any(place in text for place in places)] == []
