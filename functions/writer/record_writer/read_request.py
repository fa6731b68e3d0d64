"""Read the write that a request asks for: its preconditions and its body (`write.md`)."""

from collections.abc import Sequence
from typing import Any

from careconnect.audit.disclosures import Disclosures
from careconnect.endpoint.interaction_endpoint import Requested
from careconnect.fhir.interactions import Condition, Interaction
from careconnect.fhir.rendering.formats import negotiate
from careconnect.fhir.request import FhirPath
from careconnect.http.messages import Request, last_value
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from record_writer import refusals
from record_writer.checks.compartment import patients_in_body
from record_writer.checks.valid_resource import require_writable
from record_writer.request.preconditions import (
    Identifier,
    criteria_in,
    describe_if_none_exist,
    if_match_of,
    if_none_exist_of,
    one_identifier,
    require_no_criteria,
    require_supported,
)
from record_writer.request.request_body import patch_in, resource_in
from record_writer.request.write_request import Kind, WriteRequest
from record_writer.response import Preference, Presentation, is_pretty, preference_of


def write_request_of(requested: Requested, met: Disclosures) -> tuple[WriteRequest, Presentation]:
    """Return the write that a client requests, and the presentation of its response.

    Adds the patients that the path or the body names to `met`. Raises the outcomes that refuse it before anything is
    looked up.
    """
    request, path, caller = requested.request, requested.path, requested.caller
    if path.patient:
        met.disclose((path.patient,))
    kind = Kind(requested.interaction.name)
    require_writable(caller, path.type, kind)
    presentation = presentation_of(caller, path, request)
    require_supported(request.headers)
    condition = _condition(requested)
    if_match = None if kind is Kind.CREATE else if_match_of(request.headers)
    root = requested.context.base_url.root
    write = WriteRequest(
        kind=kind,
        type=path.type,
        caller=caller,
        root=root,
        id=path.id,
        condition=condition,
        if_match=if_match,
        representation=presentation.preference is Preference.REPRESENTATION,
        **_content_of(kind, path, request, root, met),
    )
    return write, presentation


def criteria_of(interaction: Interaction, request: Request) -> Sequence[tuple[str, str]]:
    """Return the criteria of a conditional write, as they were sent."""
    match interaction.condition:
        case Condition.HEADER:
            return describe_if_none_exist(request.headers["if-none-exist"])
        case Condition.QUERY:
            return request.query
        case _:
            return ()


def presentation_of(caller: Caller, path: FhirPath, request: Request) -> Presentation:
    """Return the presentation of the response; raises the outcomes 406 and 400.

    A caller that may not read is shown the version alone.
    """
    format_ = negotiate(last_value(request.query, "_format"), request.headers.get("accept", ""))
    preference = preference_of(request.headers) if caller.may(path.type, Letter.READ) else Preference.MINIMAL
    return Presentation(caller, format_, preference, is_pretty(request.query))


def _condition(requested: Requested) -> Identifier | None:
    """Return the identifier of a conditional write, None for any other; raises the outcomes 400 and 412."""
    request, type_, interaction = requested.request, requested.path.type, requested.interaction
    match interaction.condition:
        case Condition.HEADER:
            require_no_criteria(request.query, interaction.takes)
            given = if_none_exist_of(request.headers["if-none-exist"], type_, requested.context.base_url.fhir)
            return one_identifier(type_, given)
        case Condition.QUERY:
            given = criteria_in(request.query, interaction.takes)
            if not given:
                raise refusals.neither_id_nor_condition(request.method, type_)
            return one_identifier(type_, given)
        case _:
            require_no_criteria(request.query, interaction.takes)
            return None


def _content_of(kind: Kind, path: FhirPath, request: Request, root: str, met: Disclosures) -> dict[str, Any]:
    """Return the fields of a write request that tell its body, parsed; raises the outcomes 400, 413 and 415."""
    if kind is Kind.DELETE:
        return {}
    if kind is Kind.PATCH:
        return {"patch": patch_in(request)}
    resource = resource_in(request, path.type)
    patients = patients_in_body(path.type, resource, root)
    # A refusal before anything is looked up concerns the patients that the body names.
    met.disclose(patients)
    body_id: Any = resource.pop("id", None)
    if path.id:
        if body_id != path.id:
            raise refusals.another_id()
        resource["id"] = body_id
    return {"resource": resource, "body_id": body_id, "patients": patients}
