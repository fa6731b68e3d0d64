"""Read the write that a request asks for: its interaction, scopes, preconditions and body (`write.md`)."""

from dataclasses import replace
from typing import Any, Final

from careconnect.audit.disclosures import Disclosures
from careconnect.fhir import outcomes
from careconnect.fhir.rendering.formats import negotiate
from careconnect.fhir.request import FhirPath, Route
from careconnect.http.base_url import BaseUrl
from careconnect.http.messages import Request, last_value
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from record_writer import refusals
from record_writer.checks.compartment import patients_in_body
from record_writer.checks.valid_resource import require_writable
from record_writer.request.preconditions import (
    Identifier,
    criteria_in,
    if_match_of,
    if_none_exist_of,
    one_identifier,
    require_supported,
)
from record_writer.request.request_body import patch_in, resource_in
from record_writer.request.write_request import Kind, WriteRequest
from record_writer.response import Preference, Presentation, is_pretty, preference_of

_KINDS: Final = {
    (Route.TYPE, "POST"): Kind.CREATE,
    (Route.TYPE, "PUT"): Kind.UPDATE,
    (Route.TYPE, "DELETE"): Kind.DELETE,
    (Route.INSTANCE, "PUT"): Kind.UPDATE,
    (Route.INSTANCE, "PATCH"): Kind.PATCH,
    (Route.INSTANCE, "DELETE"): Kind.DELETE,
}
_READS_ALONE: Final = "GET, HEAD"


def write_request_of(
    path: FhirPath, request: Request, caller: Caller, base_url: BaseUrl, met: Disclosures
) -> tuple[WriteRequest, Presentation]:
    """Return the write that a request asks for, and the presentation of its response.

    Adds the patients that the path or the body names to `met`. Raises the outcomes that refuse it before anything is
    looked up.
    """
    if path.type.is_patient and path.id:
        met.disclose((path.id,))
    kind = kind_of(path, request)
    _require_scopes(caller, path, request, kind)
    require_writable(caller, path.type, kind)
    presentation = presentation_of(caller, path, request)
    require_supported(request.headers)
    asked = WriteRequest(
        kind=kind,
        type=path.type,
        caller=caller,
        root=base_url.root,
        id=path.id,
        condition=_condition(path, request, base_url.fhir),
        if_match=None if kind is Kind.CREATE else if_match_of(request.headers),
        representation=presentation.preference is Preference.REPRESENTATION,
    )
    return _with_body(asked, request, met), presentation


def requested_kind(path: FhirPath, request: Request) -> Kind | None:
    """Return the requested interaction, None if it is none that writes."""
    return None if path.compartment else _KINDS.get((path.route, request.method))


def kind_of(path: FhirPath, request: Request) -> Kind:
    """Return the requested interaction; raises the 405 outcome with the methods that are allowed."""
    kind = requested_kind(path, request)
    if not path.type.writable:
        raise outcomes.method_not_allowed(_READS_ALONE)
    if kind is None:
        raise outcomes.method_not_allowed(path.allowed)
    return kind


def is_conditional(path: FhirPath, request: Request) -> bool:
    """Return True if a request names its resource by a condition."""
    return path.route is Route.TYPE and (request.method != "POST" or "if-none-exist" in request.headers)


def _require_scopes(caller: Caller, path: FhirPath, request: Request, kind: Kind) -> None:
    """Raise the 403 outcome unless the token grants the interaction, and a search if the write is conditional."""
    caller.require(path.type, *kind.value, *([Letter.SEARCH] if is_conditional(path, request) else []))


def presentation_of(caller: Caller, path: FhirPath, request: Request) -> Presentation:
    """Return the presentation of the response; raises the outcomes 406 and 400.

    A caller that may not read is shown the version alone.
    """
    format_ = negotiate(last_value(request.query, "_format"), request.headers.get("accept", ""))
    preference = preference_of(request.headers) if caller.may(path.type, Letter.READ) else Preference.MINIMAL
    return Presentation(format_, preference, is_pretty(request.query))


def _condition(path: FhirPath, request: Request, fhir_base: str) -> Identifier | None:
    """Return the identifier of a conditional write, None for any other; raises the outcomes 400 and 412."""
    if not is_conditional(path, request):
        criteria_in(request.query, supported=())
        return None
    if request.method == "POST":
        criteria_in(request.query, supported=())
        return one_identifier(path.type, if_none_exist_of(request.headers["if-none-exist"], path.type, fhir_base))
    return one_identifier(path.type, criteria_in(request.query))


def _with_body(write_request: WriteRequest, request: Request, met: Disclosures) -> WriteRequest:
    """Return a write request with its parsed body; raises the outcomes 400, 413 and 415."""
    if write_request.kind is Kind.DELETE:
        return write_request
    if write_request.kind is Kind.PATCH:
        return replace(write_request, patch=patch_in(request))
    resource = resource_in(request, write_request.type)
    patients = patients_in_body(write_request.type, resource, write_request.root)
    # A refusal before anything is looked up concerns the patients that the body names.
    met.disclose(patients)
    body_id: Any = resource.pop("id", None)
    if write_request.id:
        if body_id != write_request.id:
            raise refusals.another_id()
        resource["id"] = body_id
    return replace(write_request, resource=resource, body_id=body_id, patients=patients)
