"""The 405 of a method that a path does not take, with the request that was probably meant (`fhir.md`, Statuses)."""

from typing import Final

from careconnect.fhir.interactions import Shape
from careconnect.fhir.outcomes import OutcomeError, method_not_allowed
from careconnect.fhir.request import FhirPath

_ADVICE: Final = {
    (Shape.INSTANCE, "POST"): "PUT changes it, POST /{type} creates one",
    (Shape.TYPE, "PATCH"): "give the id in the path: PATCH /{type}/{{id}}",
    (Shape.SEARCH, "GET"): "a search is GET /{type}, or POST /{type}/_search with a form",
    (Shape.RECORD, "POST"): "POST /{type} creates one",
}
"""What to send instead, by the path's shape and the method."""


def refused_method(path: FhirPath, method: str) -> OutcomeError:
    """Return the 405 of a path; its text has names of the API alone."""
    is_offered = method == "GET" or path.type.writable
    advice = _ADVICE.get((path.shape, method), "") if is_offered else ""
    return method_not_allowed(path.allowed, advice.format(type=path.type.name))
