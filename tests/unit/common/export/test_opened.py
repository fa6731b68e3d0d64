"""What a token exports, and which jobs it may see (`export.md`, Who may export)."""

import pytest

from careconnect.export.opened import covers, opened_types, system_scope
from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType, resource_type
from careconnect.oauth.caller import Caller, caller_of
from careconnect_testing.parts.export_jobs import a_job

NOW = 1_750_000_000.0


def type_(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


def caller(scope: str, patient: str = "") -> Caller:
    return caller_of({"client_id": "client-1", "scope": scope, "expires_at": "99999999999", "patient": patient}, NOW)


@pytest.mark.parametrize(
    ("scope", "opened"),
    [
        ("system/Patient.rs", ["Patient"]),
        ("system/Patient.read", ["Patient"]),
        ("system/Patient.cruds", ["Patient"]),
        ("system/Patient.r system/Patient.s", ["Patient"]),
        ("system/Observation.rs?status=final", ["Observation"]),
        ("system/Patient.r", []),
        ("system/Patient.s", []),
        ("system/Patient.write", []),
        ("user/Patient.rs patient/Patient.rs profile", []),
        ("user/Patient.r system/Patient.s", []),
        ("system/AuditEvent.rs", []),
        ("system/*.rs", [each.name for each in RESOURCE_TYPES]),
    ],
)
def test_the_types_that_a_token_exports(scope: str, opened: list[str]) -> None:
    assert [each.name for each in opened_types(scope)] == opened


def test_scopes_of_other_levels_do_not_count() -> None:
    assert system_scope("user/*.rs system/Patient.rs profile") == "system/Patient.rs"


@pytest.mark.parametrize(
    ("started_by", "asked_by", "is_covered"),
    [
        ("system/*.rs", "system/*.rs", True),
        ("system/*.rs", "system/Observation.rs", True),
        ("system/*.rs", "system/Patient.rs", False),
        ("system/*.rs", "user/*.rs", False),
        ("system/*.rs", "system/Observation.r", False),
        ("system/*.rs", "system/Observation.rs?status=final", False),
        ("system/Observation.rs?status=final", "system/Observation.rs", True),
        ("system/Observation.rs?status=final", "system/Observation.rs?status=final", True),
        ("system/Observation.rs?status=final", "system/Observation.rs?status=amended", False),
        ("system/Observation.rs?status=final", "system/Observation.r system/Observation.s?status=final", True),
        ("system/Observation.rs?status=final&code=1", "system/Observation.rs?code=1&status=final", True),
    ],
)
def test_a_token_sees_a_job_whose_types_it_opens_as_wide(started_by: str, asked_by: str, is_covered: bool) -> None:
    job = a_job(NOW, scope=started_by)
    assert covers(caller(asked_by), job, type_("Observation")) is is_covered


def test_a_bound_token_sees_no_job() -> None:
    assert not covers(caller("system/*.rs", patient="4"), a_job(NOW), type_("Observation"))
