"""What each refusal tells its caller to do, text by text (`access.md`, Errors; `fhir.md`, Statuses)."""

import pytest

from careconnect_testing.stores import Reader

# What a token holds, what it asks for, and the scope that it is told to get.
NEEDED = [
    ("user/Condition.read", "Patient/4", "", "user/Patient.r"),
    ("user/Condition.read", "Patient/4/_history/1", "", "user/Patient.r"),
    ("user/Condition.read", "Patient/4/$everything", "", "user/Patient.r"),
    ("system/Condition.read profile", "Patient", "", "system/Patient.s"),
    ("patient/Patient.r", "Patient", "_id=4", "patient/Patient.s"),
    ("system/Patient.s", "Patient/4", "", "system/Patient.r"),
    ("system/Observation.rs", "Observation", "patient.name=x", "system/Patient.s"),
    ("openid user/Patient.read", "Organization/P1", "", "user/Organization.r"),
    ("profile", "Patient", "", "user/Patient.s"),
    ("user/Toaster.read profile", "MedicationRequest", "", "user/MedicationRequest.s"),
]


@pytest.mark.parametrize(("held", "path", "query", "needed"), NEEDED)
def test_rfc_6750_3_a_missing_scope_is_named(reader: Reader, held: str, path: str, query: str, needed: str) -> None:
    answer = reader.as_caller(held).get(path, query)

    assert (answer.status, answer.issue["code"]) == (403, "forbidden")
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="careconnect", error="insufficient_scope", scope="{needed}"'
    )
    assert answer.diagnostics == f"The access token's scopes do not allow this request: {needed} is needed."
    # With it the same request is let in, and with what was held alone it was not.
    assert reader.as_caller(f"{held} {needed}").get(path, query).status in (200, 404)
