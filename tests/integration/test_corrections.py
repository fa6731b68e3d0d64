"""The console's corrections: the writer takes what they make of each resource of the sample and of REAL_DATA."""

import json
import subprocess
from pathlib import Path

import pytest

from careconnect_admin.project import PROJECT
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.stu3.validation import validate
from careconnect_testing.page.node_clients import NODE
from careconnect_testing.page.web_sources import WEB
from careconnect_testing.records.real_data import real_data

SAMPLE = PROJECT / "tools/careconnect_admin/sample/data"
FOLDERS = [each for each in (SAMPLE, real_data()) if each]


@pytest.mark.long
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda each: str(each.name))
def test_every_entry_is_valid_in_error_brought_back_and_corrected(folder: Path) -> None:
    printed = subprocess.run(
        [NODE, "tests/correction-examples.ts", str(folder)], cwd=WEB, check=True, capture_output=True, text=True
    )
    made = [json.loads(line) for line in printed.stdout.splitlines()]
    assert made
    for texts in made:
        for text in (texts["inError"], texts["back"], texts["corrected"]):
            if text is not None:
                validate(parse_json_body(text.encode()))
    corrected = {each["path"].partition("/")[0] for each in made if each["corrected"]}
    assert corrected >= {"AllergyIntolerance", "Condition", "Immunization", "MedicationStatement", "Observation"}
