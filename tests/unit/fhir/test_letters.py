"""The reader decides letters: after the path and its type, and before all else (`access.md`, Rules 3 and 5)."""

import pytest

from careconnect_testing.http.events import fhir_event
from careconnect_testing.parts.stores import Reader

TAKES = {
    ("GET", "Patient"): "s",
    ("HEAD", "Patient"): "s",
    ("POST", "Patient/_search"): "s",
    ("GET", "Patient/4"): "r",
    ("HEAD", "Patient/4"): "r",
    ("GET", "Patient/4/_history"): "r",
    ("GET", "Patient/4/_history/1"): "r",
    ("GET", "Patient/4/$everything"): "r",
    ("GET", "Patient/4/Observation"): "",
    ("POST", "Patient/4/Observation/_search"): "",
}
"""The letter of Patient that each request takes; none of its letters opens those of another type."""


@pytest.mark.parametrize(("method", "path"), TAKES)
@pytest.mark.parametrize("query", ["", "name=x", "birthdate=nonsense", "_format=nonsense", "access_token=x"])
def test_a_letter_that_is_missing_is_reported_before_query_body_and_format_are_looked_at(
    reader: Reader, method: str, path: str, query: str
) -> None:
    letter, name = (TAKES[method, path], "Patient") if TAKES[method, path] else ("s", "Observation")
    others = "".join(each for each in "cruds" if each != TAKES[method, path])
    pairs = [tuple(query.split("=", 1))] if query else []
    context = reader.as_caller(f"user/Patient.{others} user/Condition.cruds").context
    refused = reader.send(fhir_event(method, path, pairs, body="no form", authorizer=context))  # type: ignore[arg-type]

    assert refused.status == 403
    challenge = f'Bearer realm="careconnect", error="insufficient_scope", scope="user/{name}.{letter}"'
    assert refused.headers["WWW-Authenticate"] == challenge
    if method != "HEAD":
        assert (refused.issue["code"], f"user/{name}.{letter}" in refused.diagnostics) == ("forbidden", True)
    assert reader.calls == []


@pytest.mark.parametrize("scope", ["user/Patient.r", "user/Patient.s", "user/Observation.s"])
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/4", "GET, HEAD, PUT, PATCH, DELETE"),
        ("POST", "Patient/4/_history", "GET, HEAD"),
        ("POST", "Patient/4/Observation", "GET, HEAD"),
        ("GET", "Patient/_search", "POST"),
    ],
)
def test_what_is_no_interaction_is_405_and_takes_no_letter(
    reader: Reader, scope: str, method: str, path: str, allowed: str
) -> None:
    answer = reader.as_caller(scope).get(path, method=method)

    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Condition/1/careconnect-ri/STU3/Patient", 404),
        ("Condition/1/careconnect-ri/STU3/Patient/4", 404),
        ("Condition/careconnect-ri/STU3/Patient/_search", 404),
        ("Condition/1/_history/careconnect-ri/STU3/Patient", 404),
        ("Condition/1/_history/%2Fcareconnect-ri%2FSTU3%2FPatient", 403),
        ("Condition/1%2Fcareconnect-ri%2FSTU3%2FPatient", 400),
        ("Organization/1/careconnect-ri/STU3/Patient", 404),
        ("Patient/4/Condition/1", 404),
        ("Patient/4//Condition", 404),
        ("Patient/..%2FCondition/1", 404),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_s13_a_path_that_ends_as_an_opened_one_is_refused_before_anything_is_looked_up(
    reader: Reader, method: str, path: str, status: int
) -> None:
    """The gateway's `*` matches slashes too."""
    answer = reader.as_caller("user/Patient.cruds").get(path, method=method)

    if method == "POST" and status == 403:
        status = 405
    assert answer.status == status
    assert reader.calls == []
