"""What each function's role may do is what the function does: no right that no request uses (`access.md`, Rule 6).

Every function is composed here with the settings and the role of its deployment, IAM holding it to the role, and asked
for whatever takes another kind of call. The rights that it used then are those of its policies, neither more nor fewer.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.deployed_function import Right, function_here
from careconnect_testing.events import Event, fhir_event
from careconnect_testing.granted import GRANTED, KEYS_GRANTED

pytestmark = pytest.mark.integration


def _keys(used: set[Right]) -> set[Right]:
    """Return rights with a key's logical id in the place of its alias."""
    by_alias = {
        "alias/careconnect-access-digest": "AccessDigestKey",
        "alias/careconnect-access-seal": "AccessSealKey",
        **{f"alias/careconnect-signing-{place}": "SigningKey" for place in ("next", "current", "previous")},
    }
    return {(action, by_alias.get(resource, resource)) for action, resource in used}


def caller(**more: str) -> dict[str, str]:
    return {
        "client_id": "rights",
        "scope": "system/*.cruds system/AuditEvent.read",
        "expires_at": str(int(time.time()) + 86_400),
        "jti": "a-jti",
        **more,
    }


def read(path: str, query: Sequence[tuple[str, str]] = ()) -> Event:
    return fhir_event("GET", path, query, authorizer=caller())


@pytest.fixture(scope="module")
def loaded(local_stack: LocalStack, sample: Path) -> LocalStack:
    assert list(sample.glob("*.ndjson"))
    return local_stack


RECORD_READS = [
    read("Patient/4"),
    read("Observation", [("patient", "4")]),
    read("Patient", [("identifier", "https://fhir.nhs.uk/Id/nhs-number|1")]),
    read("Patient", [("organization.active", "true")]),
    read("Patient", [("_id", "4"), ("_include", "Patient:organization")]),
    # Dear enough to be charged for.
    read("Patient", [*((f"_has:{each}:patient:_id:not", "x") for each in ("Observation", "Condition", "Encounter"))]),
]
NEARLY_ALL = ("role", "specialty", "identifier", "_tag", "_security", "_id")
DIRECTORY_READS = [
    read("Organization", [("name", "a")]),
    # Dear enough to be charged for.
    read("Practitioner", [*((f"_has:PractitionerRole:practitioner:{each}:not", "x") for each in NEARLY_ALL)]),
]


@pytest.mark.parametrize(
    ("function", "package", "events"),
    [
        ("PatientRecordFunction", "fhir_reader", RECORD_READS),
        ("DirectoryFunction", "fhir_reader", DIRECTORY_READS),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_function_uses_every_right_that_it_has(
    loaded: LocalStack, function: str, package: str, events: list[Event]
) -> None:
    with function_here(loaded, function, package) as (handler, used):
        for event in events:
            assert handler(event, None)["statusCode"] == 200, event["path"]

    assert _keys(used) == GRANTED[function] | KEYS_GRANTED[function]
