"""The FHIR API's writes: a call in, the answer of the use case out, errors as OperationOutcomes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from careconnect.audit.event import Action
from careconnect.audit.query import audit_query
from careconnect.audit.trail import AuditTrail
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.path import FhirPath, Route, parse_path
from careconnect.fhir.rendering.formats import negotiate
from careconnect.fhir.resource_types import Home
from careconnect.http.messages import Request, Response, last_value
from careconnect.oauth.caller import Caller, caller_of
from careconnect.oauth.scopes import Interaction
from careconnect.storage.keys import resource_key
from record_writer import refusals
from record_writer.answer import Look, Preference, answer_to, is_pretty, preference_of
from record_writer.compartment import patients_in_body
from record_writer.preconditions import (
    Identifier,
    criteria_in,
    describe_if_none_exist,
    if_match_of,
    if_none_exist_of,
    one_identifier,
    require_taken,
)
from record_writer.request_body import patch_in, resource_in
from record_writer.valid_resource import require_valid, require_writable
from record_writer.write_request import Kind, WriteRequest
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
"""What the audit trail calls an interaction; its names there are STU3's (value set `restful-interaction`)."""

_READS_ALONE: Final = "GET, HEAD"


@dataclass(frozen=True, slots=True)
class WriterEndpoint(OutcomeEndpoint):
    """What one deployed function is made of: the types of `home` are the ones that it writes."""

    writer: ResourceWriter
    home: Home

    def answer(self, context: RequestContext) -> Response:
        """Answer a create, an update, a patch or a deletion; raises `OutcomeError`."""
        request = context.request
        caller = caller_of(request.authorizer, context.now)
        context.client_id = caller.client_id
        path = parse_path(request.path)
        if path.type.home is not self.home:
            raise outcomes.not_supported()
        _start(context, path, request)
        kind = _kind(path, request)
        context.action = f"{path.type.name}.{kind.name.lower()}"
        _require_scopes(caller, path, request, kind)
        require_writable(caller, path.type, new=kind is Kind.CREATE)
        look = _look(caller, path, request)
        require_taken(request.headers)
        wanted = WriteRequest(
            kind=kind,
            type=path.type,
            caller=caller,
            root=context.base_url.root,
            trail=context.trail,
            id=path.id,
            condition=_condition(path, request, context.base_url.fhir),
            if_match=None if kind is Kind.CREATE else if_match_of(request.headers),
            shown=look.preference is Preference.REPRESENTATION,
        )
        written = self.writer.write(
            _with_body(wanted, request, context.trail), lambda: context.metrics.append("WriteConflict")
        )
        return answer_to(written, path.type, context.base_url.fhir, look)


def _asked(path: FhirPath, request: Request) -> Kind | None:
    """Return the interaction that is asked for, None if it is none that writes."""
    return None if path.compartment else _KINDS.get((path.route, request.method))


def _start(context: RequestContext, path: FhirPath, request: Request) -> None:
    """Say what is asked for, and the patient whom the path names."""
    kind = _asked(path, request)
    owner = path.compartment.owner if path.compartment else ""
    asked = owner or (resource_key(path.type.name, path.id) if path.id else "")
    context.trail.start(
        kind.name.lower() if kind else "unknown",
        _ACTIONS[kind] if kind else None,
        path.type.name,
        filter(None, (asked,)),
        audit_query(path.type, _criteria(path, request), context.base_url.fhir),
        filter(None, (asked.rpartition("/")[2],)) if owner or path.type.is_patient else (),
    )


def _criteria(path: FhirPath, request: Request) -> Sequence[tuple[str, str]]:
    """Return what a write is conditional on, as it was sent."""
    if not _is_conditional(path, request):
        return ()
    return describe_if_none_exist(request.headers["if-none-exist"]) if request.method == "POST" else request.query


def _kind(path: FhirPath, request: Request) -> Kind:
    """Return the interaction that is asked for; raises the 405 outcome, which names those that are."""
    kind = _asked(path, request)
    if not path.type.writable:
        raise outcomes.method_not_allowed(_READS_ALONE)
    if kind is None:
        raise outcomes.method_not_allowed(path.allowed)
    return kind


def _is_conditional(path: FhirPath, request: Request) -> bool:
    return path.route is Route.TYPE and (request.method != "POST" or "if-none-exist" in request.headers)


def _require_scopes(caller: Caller, path: FhirPath, request: Request, kind: Kind) -> None:
    """Raise the 403 outcome unless the token grants the interaction, and the search that a condition is."""
    caller.require(path.type, *kind.value, *([Interaction.SEARCH] if _is_conditional(path, request) else []))


def _look(caller: Caller, path: FhirPath, request: Request) -> Look:
    """Return how the answer is to look: who may not read learns of nothing but the version.

    Raises the outcomes 406 and 400.
    """
    format_ = negotiate(last_value(request.query, "_format"), request.headers.get("accept", ""))
    preference = preference_of(request.headers) if caller.may(path.type, Interaction.READ) else Preference.MINIMAL
    return Look(format_, preference, is_pretty(request.query))


def _condition(path: FhirPath, request: Request, fhir_base: str) -> Identifier | None:
    """Return the identifier that a write is conditional on, if it is; raises the outcomes 400 and 412."""
    if not _is_conditional(path, request):
        criteria_in(request.query, taken=())
        return None
    if request.method == "POST":
        criteria_in(request.query, taken=())
        return one_identifier(path.type, if_none_exist_of(request.headers["if-none-exist"], path.type, fhir_base))
    return one_identifier(path.type, criteria_in(request.query))


def _with_body(wanted: WriteRequest, request: Request, trail: AuditTrail) -> WriteRequest:
    """Return what is wanted with the body that it needs; raises the outcomes 400, 413, 415 and 422."""
    if wanted.kind is Kind.DELETE:
        return wanted
    if wanted.kind is Kind.PATCH:
        return replace(wanted, patch=patch_in(request))
    resource = resource_in(request, wanted.type)
    patients = patients_in_body(wanted.type, resource, wanted.root)
    # Refused before anything is looked up, it is about whom the body names.
    trail.concerns(patients)
    body_id: Any = resource.pop("id", None)
    if wanted.id:
        if body_id != wanted.id:
            raise refusals.another_id()
        resource["id"] = body_id
    require_valid(resource, wanted.root)
    return replace(wanted, resource=resource, body_id=body_id, patients=patients)
