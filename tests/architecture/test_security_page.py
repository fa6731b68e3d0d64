"""SECURITY.md draws the boundaries that it explains; in the threat model each threat has tests that exist."""

import ast
import re
from itertools import takewhile

import pytest

from careconnect_admin.project import PROJECT

PAGE = (PROJECT / "SECURITY.md").read_text(encoding="utf-8")
MODEL = (PROJECT / "docs/threat-model.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the model's tables that begin with a heading row, one list per row."""
    found: list[str] = []
    for section in MODEL.split(heading + "\n")[1:]:
        rule, *lines = section.splitlines()
        assert rule.startswith("|---"), heading
        found += takewhile(lambda line: line.startswith("|"), lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found]


def is_test(name: str) -> bool:
    """Say whether a `path::test_name` is there; a parametrised case (`[…]`) goes by its function."""
    file, _, test = name.partition("::")
    path = PROJECT / file
    return path.is_file() and any(
        isinstance(node, ast.FunctionDef) and node.name == test.partition("[")[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body
    )


THREATS = rows("| threat | control | proved by |")


def test_no_row_of_the_model_is_overlooked() -> None:
    assert len(THREATS) == len(re.findall(r"^\| .*\.py::test_", MODEL, re.MULTILINE)) > 60


def test_the_security_page_leads_to_the_model() -> None:
    assert "](docs/threat-model.md)" in PAGE


@pytest.mark.parametrize("row", THREATS, ids=[row[0] for row in THREATS])
def test_a_threat_has_a_control_and_tests_that_exist(row: list[str]) -> None:
    threat, control, proof = row
    tests = re.findall(r"`([^`]+)`", proof)

    assert threat
    assert control
    assert tests
    assert [test for test in tests if not is_test(test)] == []


def test_what_the_original_got_wrong_is_there_in_order_each_proved_under_its_own_name() -> None:
    found = {int(match[1]): row[2] for row in THREATS if (match := re.match(r"S(\d+): ", row[0]))}

    assert list(found) == list(range(1, 15))
    for number, proof in found.items():
        assert f"`tests/security/test_findings.py::test_s{number}_" in proof


def test_the_picture_names_every_boundary_that_the_list_explains() -> None:
    picture, _, list_ = PAGE.partition("```mermaid\n")[2].partition("```\n")
    drawn = {int(number) for number in re.findall(r'\|"(\d+): ', picture)}
    explained = {int(number) for number in re.findall(r"^(\d+)\. ", list_, re.MULTILINE)}

    assert drawn == explained
    nodes = set(re.findall(r"^ *(\w+)[\[(]", picture, re.MULTILINE)) | set(re.findall(r"subgraph (\w+)", picture))
    for source, target in re.findall(r'^ *(\w+) -->(?:\|"[^"]*"\|)? (\w+)$', picture, re.MULTILINE):
        assert {source, target} <= nodes
