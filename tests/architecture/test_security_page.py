"""SECURITY.md says what holds: each threat has tests that exist."""

import ast
import re

import pytest

from careconnect_admin.project import PROJECT

PAGE = (PROJECT / "SECURITY.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with a heading row."""
    lines = PAGE.partition(heading + "\n")[2].splitlines()
    assert lines[0].startswith("|---"), heading
    table = lines[1 : next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def is_test(name: str) -> bool:
    """Say whether a `path::test_name` is there; a parametrised case (`[…]`) goes by its function."""
    file, _, test = name.partition("::")
    path = PROJECT / file
    return path.is_file() and any(
        isinstance(node, ast.FunctionDef) and node.name == test.partition("[")[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body
    )


THREATS = rows("| threat | control | proved by |")


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
