"""The imports of the admin tool in a new process: no module without a use, which keeps the command line quick."""

import subprocess
import sys

import pytest

# Each loads a module in a process of its own.
pytestmark = pytest.mark.slow

AWS = {"boto3", "botocore"}
HTTP = {"aiohttp", "httpx"}
TERMINAL = {"typer", "rich"}
FHIR = {"fhir", "fhir_core", "pydantic", "lxml"}


def loaded(module: str) -> set[str]:
    """Return the top-level names of all that importing `module` loads."""
    listing = f"import sys, {module}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(
        subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout.split()
    )


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("careconnect_admin.cli", AWS | HTTP | FHIR | {"ministack", "samtranslator"}),
        ("careconnect_admin.sample.records", AWS | HTTP | TERMINAL | FHIR),
        ("careconnect_records.items.extract", AWS | HTTP | TERMINAL | FHIR),
        ("careconnect_records.writes.plan", AWS | HTTP | TERMINAL),
    ],
)
def test_a_module_loads_nothing_that_it_has_no_use_for(module: str, foreign: set[str]) -> None:
    names = loaded(module)

    assert module.partition(".")[0] in names
    assert names & foreign == set()
