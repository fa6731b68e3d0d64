"""Which tests run in one process: those of one stack do, so that it is started once."""

import ast
from pathlib import Path

from careconnect_testing.scheduling import STACK_FIXTURES, begins_at, covers_code, work_unit

TESTS = Path(__file__).resolve().parents[1]
FIXTURES = (TESTS / "support/careconnect_testing/stack_fixtures.py", *TESTS.glob("*/conftest.py"))


def unit_of(name: str) -> str:
    return work_unit(TESTS / name)


def test_the_files_of_one_stack_are_handed_out_together() -> None:
    assert unit_of("security/test_access.py") == unit_of("security/test_gateway.py")
    assert unit_of("clients/test_node.py") == unit_of("clients/python/test_authlib.py")
    assert unit_of("integration/test_read.py") == unit_of("simulation/test_generated_searches.py")


def test_each_stack_is_handed_out_by_itself() -> None:
    files = ("security/test_access.py", "clients/test_node.py", "integration/test_smoke.py", "integration/test_read.py")

    assert len({unit_of(name) for name in files}) == len(files)


def test_a_file_without_a_stack_of_its_folder_is_handed_out_by_itself() -> None:
    for name in ("integration/test_run.py", "integration/test_sam_deploy.py", "unit/fhir/test_read.py"):
        assert unit_of(name) == (TESTS / name).as_posix()


def test_what_has_a_stack_begins_before_what_has_none() -> None:
    names = ("security/test_access.py", "integration/test_run.py", "unit/fhir/test_read.py")

    assert [begins_at(TESTS / name) for name in names] == [0, 1, 2]


def test_what_functions_and_layers_are_covered_by_runs_them_in_its_own_process() -> None:
    measured = (
        "unit/fhir/test_read.py",
        "unit/admin/loading/test_load.py",
        "simulation/test_generated_searches.py",
        "unit/common/test_scopes.py",
        "unit/records/test_extract.py",
    )
    others = ("unit/admin/commands/test_load.py", "security/test_access.py", "architecture/test_layout.py")

    assert all(covers_code(TESTS / name) for name in measured)
    assert not any(covers_code(TESTS / name) for name in others)


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
