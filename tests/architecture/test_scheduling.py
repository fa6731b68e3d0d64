"""Which tests run in one process: those of one stack do, so that it is started once."""

import ast
from pathlib import Path

from careconnect_testing.running.scheduling import STACK_FIXTURES, begins_at, group_of, work_unit

TESTS = Path(__file__).resolve().parents[1]
FIXTURES = (TESTS / "conftest.py", *TESTS.glob("*/conftest.py"))


def unit_of(name: str) -> str:
    return work_unit(TESTS / name)


def test_the_files_of_one_stack_are_handed_out_together_and_all_others_by_themselves() -> None:
    one = ("security/test_access.py", "integration/test_smoke.py")
    clients = ("clients/python/test_authlib.py", "clients/test_node.py")
    searched = ("integration/test_read.py", "integration/test_generated_over_http.py")
    alone = ("integration/test_run.py", "integration/test_sam_deploy.py", "unit/fhir/test_read.py")

    assert {unit_of(name) for name in one} == {"stack"}
    assert {unit_of(name) for name in clients} == {"clients"}
    assert {unit_of(name) for name in searched} == {"search_stack"}
    assert [unit_of(name) for name in alone] == [(TESTS / name).as_posix() for name in alone]


def test_in_the_long_run_a_file_of_the_browser_is_a_group_and_a_marked_file_is_another() -> None:
    browsers = [*(TESTS / "browser").glob("test_*.py")]
    archive = TESTS / "integration/test_audit_archive.py"

    assert [group_of(path) for path in browsers] == [path.as_posix() for path in browsers]
    assert group_of(archive) == archive.as_posix()
    assert group_of(TESTS / "integration/test_read.py") == "search_stack"
    assert group_of(TESTS / "simulation/test_generated_searches.py") == ""


def test_what_has_a_stack_begins_before_what_has_none() -> None:
    names = ("security/test_access.py", "integration/test_run.py", "unit/fhir/test_read.py")

    assert [begins_at(TESTS / name) for name in names] == [0, 1, 2]


def test_the_fixtures_that_stand_on_a_stack_are_all_known() -> None:
    asked_by = {
        node.name: {argument.arg for argument in node.args.args}
        for path in FIXTURES
        if "container" not in path.parts
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    found = {"local_stack"}
    while more := {name for name, asked in asked_by.items() if asked & found} - found:
        found |= more

    assert found == STACK_FIXTURES
