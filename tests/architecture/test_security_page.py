"""SECURITY.md says what holds: each threat has tests that exist, and its mutants are those of the table."""

import re

import pytest

from careconnect_testing.mutants import PROJECT, is_test, page_rows, read_mutants

PAGE = (PROJECT / "SECURITY.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with a heading row."""
    lines = PAGE.partition(heading + "\n")[2].splitlines()
    assert lines[0].startswith("|---"), heading
    table = lines[1 : next((place for place, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


THREATS = rows("| threat | control | proved by |")


@pytest.mark.parametrize("row", THREATS, ids=[row[0] for row in THREATS])
def test_a_threat_has_a_control_and_tests_that_exist(row: list[str]) -> None:
    threat, control, proof = row
    tests = re.findall(r"`([^`]+)`", proof)

    assert threat
    assert control
    assert tests
    assert [test for test in tests if "::" not in test or not is_test(PROJECT, test)] == []


def test_what_the_original_got_wrong_is_there_in_order_each_proved_under_its_own_name() -> None:
    found = {int(match[1]): row[2] for row in THREATS if (match := re.match(r"S(\d+): ", row[0]))}

    assert list(found) == list(range(1, 15))
    for number, proof in found.items():
        assert f"`tests/security/test_findings.py::test_s{number}_" in proof


def test_the_pages_mutants_are_the_tables() -> None:
    listed = [line for line in PAGE.partition("| mutant |")[2].splitlines()[2:] if line.startswith("| `")]

    assert len(listed) >= 40
    assert listed == page_rows(read_mutants()), "run `make mutants ARGS=--page`"


def test_the_picture_names_every_boundary_that_the_list_explains() -> None:
    picture, _, list_ = PAGE.partition("```mermaid\n")[2].partition("```\n")
    drawn = {int(number) for number in re.findall(r'\|"(\d+): ', picture)}
    explained = {int(number) for number in re.findall(r"^(\d+)\. ", list_, re.MULTILINE)}

    assert drawn == explained
    nodes = set(re.findall(r"^ *(\w+)[\[(]", picture, re.MULTILINE)) | set(re.findall(r"subgraph (\w+)", picture))
    for source, target in re.findall(r'^ *(\w+) -->(?:\|"[^"]*"\|)? (\w+)$', picture, re.MULTILINE):
        assert {source, target} <= nodes
