"""What the admin tool and its rules load in a new process: nothing without a use, and so a quick command line."""

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
        ("careconnect_admin.errors", AWS | HTTP | TERMINAL | FHIR | {"careconnect", "jwt", "cryptography"}),
        ("careconnect_admin.project", AWS | HTTP | TERMINAL | FHIR | {"careconnect", "jwt", "cryptography"}),
        ("careconnect_admin.clients.registration", AWS | HTTP | TERMINAL | FHIR),
        ("careconnect_admin.clients.demo", AWS | HTTP | TERMINAL | FHIR),
        ("careconnect_admin.clients.token_request", AWS | FHIR | {"aiohttp", "typer"}),
        ("careconnect_admin.checks.smoke", AWS | FHIR | {"aiohttp", "typer"}),
        ("careconnect_admin.signing.key_ring", HTTP | TERMINAL | FHIR),
        ("careconnect_admin.stack.running_stack", AWS | HTTP | TERMINAL | FHIR),
        ("careconnect_admin.stack.target", HTTP | TERMINAL | FHIR),
        ("careconnect_records.extract", AWS | HTTP | TERMINAL | FHIR),
        ("careconnect_records.validation", AWS | HTTP | TERMINAL),
        ("careconnect_records.change", AWS | HTTP | TERMINAL),
        ("careconnect_admin.sample.generator", AWS | HTTP | TERMINAL | FHIR),
        ("careconnect_admin.cli", AWS | HTTP | FHIR | {"ministack", "samtranslator"}),
    ],
)
def test_a_module_loads_nothing_that_it_has_no_use_for(module: str, foreign: set[str]) -> None:
    assert loaded(module) & foreign == set()


def test_what_a_module_uses_is_seen_to_be_loaded() -> None:
    assert "aiohttp" in loaded("careconnect_admin.local.front")
    assert "boto3" in loaded("careconnect_admin.stack.target")
    assert "typer" in loaded("careconnect_admin.cli")
