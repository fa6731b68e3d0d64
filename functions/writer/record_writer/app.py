"""The HTTP side of the FHIR API's writes: a request in, the use case's response out, errors as OperationOutcomes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from careconnect.audit.event import Action
from careconnect.audit.query import audit_query
from careconnect.audit.trail import AuditTrail
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.rendering.formats import negotiate
from careconnect.fhir.request import FhirPath, Route, parse_path
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Request, Response, last_value
from careconnect.oauth.caller import Caller, caller_of
from careconnect.oauth.scopes import Interaction
from careconnect.storage.keys import resource_key
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
    require_supported,
)
from record_writer.request.request_body import patch_in, resource_in
from record_writer.request.write_request import Kind, WriteRequest
from record_writer.response import Preference, Presentation, is_pretty, preference_of, response_to
from record_writer.write_resource import ResourceWriter

_KINDS: Final = {
    (Route.TYPE, "POST"): Kind.CREATE,
    (Route.TYPE, "PUT"): Kind.UPDATE,
    (Route.TYPE, "DELETE"): Kind.DELETE,
    (Route.INSTANCE, "PUT"): Kind.UPDATE,
    (Route.INSTANCE, "PATCH"): Kind.PATCH,
    (Route.INSTANCE, "DELETE"): Kind.DELETE,
}
_ACTIONS: Final = {
    Kind.CREATE: Action.CREATE,
    Kind.UPDATE: Action.UPDATE,
    Kind.PATCH: Action.UPDATE,
    Kind.DELETE: Action.DELETE,
}
"""The audit trail's action of each interaction. Its names there are STU3's (value set `restful-interaction`)."""

_READS_ALONE: Final = "GET, HEAD"


@dataclass(frozen=True, slots=True)
class WriterEndpoint(OutcomeEndpoint):
    """The endpoint of one deployed writer, which writes the types of `table`."""

    writer: ResourceWriter
    table: Table

    def answer(self, context: RequestContext) -> Response:
        """Return the response to a create, an update, a patch or a deletion; raises `OutcomeError`."""
        request = context.request
        caller = caller_of(request.authorizer, context.now)
        context.client_id = caller.client_id
        quota = self.writer.quota
        context.trail.pay_for_refusal = lambda events: quota.consume_events(caller.client_id, events, context.now)
        path = parse_path(request.path)
        if path.type.table is not self.table:
            raise outcomes.not_supported()
        _start(context, path, request)
        kind = _kind(path, request)
        context.action = f"{path.type.name}.{kind.name.lower()}"
        _require_scopes(caller, path, request, kind)
        require_writable(caller, path.type, kind)
        presentation = _presentation(caller, path, request)
        require_supported(request.headers)
        write_request = WriteRequest(
            kind=kind,
            type=path.type,
            caller=caller,
            root=context.base_url.root,
            trail=context.trail,
            id=path.id,
            condition=_condition(path, request, context.base_url.fhir),
            if_match=None if kind is Kind.CREATE else if_match_of(request.headers),
            representation=presentation.preference is Preference.REPRESENTATION,
        )
        result = self.writer.write(
            _with_body(write_request, request, context.trail), lambda: context.metrics.append("WriteConflict")
        )
        return response_to(result, path.type, context.base_url.fhir, presentation)


def _requested_kind(path: FhirPath, request: Request) -> Kind | None:
    """Return the requested interaction, None if it is none that writes."""
    return None if path.compartment else _KINDS.get((path.route, request.method))


def _start(context: RequestContext, path: FhirPath, request: Request) -> None:
    """Start the audit trail with the interaction, and with the patient that the path names."""
    kind = _requested_kind(path, request)
    owner = path.compartment.owner if path.compartment else ""
    named = owner or (resource_key(path.type.name, path.id) if path.id else "")
    context.trail.start(
        kind.name.lower() if kind else "unknown",
        _ACTIONS[kind] if kind else None,
        path.type.name,
        filter(None, (named,)),
        audit_query(path.type, _criteria(path, request), context.base_url.fhir),
        filter(None, (named.rpartition("/")[2],)) if owner or path.type.is_patient else (),
    )


def _criteria(path: FhirPath, request: Request) -> Sequence[tuple[str, str]]:
    """Return the criteria of a conditional write, as they were sent."""
    if not _is_conditional(path, request):
        return ()
    return describe_if_none_exist(request.headers["if-none-exist"]) if request.method == "POST" else request.query


def _kind(path: FhirPath, request: Request) -> Kind:
    """Return the requested interaction; raises the 405 outcome with the methods that are allowed."""
    kind = _requested_kind(path, request)
    if not path.type.writable:
        raise outcomes.method_not_allowed(_READS_ALONE)
    if kind is None:
        raise outcomes.method_not_allowed(path.allowed)
    return kind


def _is_conditional(path: FhirPath, request: Request) -> bool:
    return path.route is Route.TYPE and (request.method != "POST" or "if-none-exist" in request.headers)


def _require_scopes(caller: Caller, path: FhirPath, request: Request, kind: Kind) -> None:
    """Raise the 403 outcome unless the token grants the interaction, and a search if the write is conditional."""
    caller.require(path.type, *kind.value, *([Interaction.SEARCH] if _is_conditional(path, request) else []))


def _presentation(caller: Caller, path: FhirPath, request: Request) -> Presentation:
    """Return the presentation of the response; raises the outcomes 406 and 400.

    A caller that may not read is shown the version alone.
    """
    format_ = negotiate(last_value(request.query, "_format"), request.headers.get("accept", ""))
    preference = preference_of(request.headers) if caller.may(path.type, Interaction.READ) else Preference.MINIMAL
    return Presentation(format_, preference, is_pretty(request.query))


def _condition(path: FhirPath, request: Request, fhir_base: str) -> Identifier | None:
    """Return the identifier of a conditional write, None for any other; raises the outcomes 400 and 412."""
    if not _is_conditional(path, request):
        criteria_in(request.query, supported=())
        return None
    if request.method == "POST":
        criteria_in(request.query, supported=())
        return one_identifier(path.type, if_none_exist_of(request.headers["if-none-exist"], path.type, fhir_base))
    return one_identifier(path.type, criteria_in(request.query))


def _with_body(write_request: WriteRequest, request: Request, trail: AuditTrail) -> WriteRequest:
    """Return a write request with its parsed body; raises the outcomes 400, 413 and 415."""
    if write_request.kind is Kind.DELETE:
        return write_request
    if write_request.kind is Kind.PATCH:
        return replace(write_request, patch=patch_in(request))
    resource = resource_in(request, write_request.type)
    patients = patients_in_body(write_request.type, resource, write_request.root)
    # A refusal before anything is looked up concerns the patients that the body names.
    trail.concerns(patients)
    body_id: Any = resource.pop("id", None)
    if write_request.id:
        if body_id != write_request.id:
            raise refusals.another_id()
        resource["id"] = body_id
    return replace(write_request, resource=resource, body_id=body_id, patients=patients)
