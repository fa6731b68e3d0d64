"""The layers' copies of HL7's own STU3 definitions agree with the original (npm's `hl7.fhir.r3.examples`)."""

import pytest

from careconnect.fhir.resource_types.stu3 import PATH
from careconnect_admin.documents.stu3_definitions import definitions, invariants
from careconnect_records.stu3.invariants import PATH as PATH_OF_INVARIANTS
from careconnect_testing.page.node_clients import FOLDER

pytestmark = pytest.mark.clients

DEFINITIONS = FOLDER / "node_modules/hl7.fhir.r3.examples"


def test_the_data_files_are_what_the_definitions_make() -> None:
    if not DEFINITIONS.is_dir():
        pytest.fail("HL7's definitions are not installed: run `make setup`", pytrace=False)

    assert definitions(DEFINITIONS) == PATH.read_text(encoding="utf-8"), "run `make stu3-definitions`"
    assert invariants(DEFINITIONS) == PATH_OF_INVARIANTS.read_text(encoding="utf-8"), "run `make stu3-definitions`"
