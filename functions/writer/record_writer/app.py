"""The HTTP side of the FHIR API's writes: a request in, the use case's response out, errors as OperationOutcomes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from careconnect.audit.event import Action
from careconnect.audit.facts import Facts
from careconnect.audit.query import audit_query
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.request import FhirPath, parse_path
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Request, Response
from careconnect.oauth.caller import caller_of
from careconnect.storage.keys import resource_key
from record_writer.read_request import is_conditional, kind_of, requested_kind, write_request_of
from record_writer.request.preconditions import describe_if_none_exist
from record_writer.request.write_request import Kind
from record_writer.response import response_to
from record_writer.write_resources import ResourceWriter

_ACTIONS: Final = {
    Kind.CREATE: Action.CREATE,
    Kind.UPDATE: Action.UPDATE,
    Kind.PATCH: Action.UPDATE,
    Kind.DELETE: Action.DELETE,
}
"""The audit trail's action of each interaction. Its names there are STU3's (value set `restful-interaction`)."""


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
        context.trail.charge_refusal = lambda events: quota.consume_events(caller.client_id, events, context.now)
        path = parse_path(request.path)
        if path.type.table is not self.table:
            raise outcomes.not_supported()
        _start(context, path, request)
        kind = kind_of(path, request)
        context.action = f"{path.type.name}.{kind.name.lower()}"
        asked, presentation = write_request_of(path, request, caller, context.base_url, context.trail.while_writing())
        if context.share:
            asked = replace(asked, paid=context.share.paid)
        writer = replace(self.writer, store=self.writer.store.recorded_by(context.trail))
        result = writer.write(asked, context.trail.while_writing, lambda: context.metrics.append("WriteConflict"))
        return response_to(result, path.type, context.base_url.fhir, presentation)


def _start(context: RequestContext, path: FhirPath, request: Request) -> None:
    """Start the audit trail with the interaction, and with the patient that the path names."""
    kind = requested_kind(path, request)
    owner = path.compartment.owner if path.compartment else ""
    named = owner or (resource_key(path.type.name, path.id) if path.id else "")
    context.trail.facts = Facts(
        kind.name.lower() if kind else "unknown",
        _ACTIONS[kind] if kind else None,
        path.type.name,
        (named,) if named else (),
        audit_query(path.type, _criteria(path, request), context.base_url.fhir),
        (named.rpartition("/")[2],) if owner or (path.type.is_patient and path.id) else (),
    )


def _criteria(path: FhirPath, request: Request) -> Sequence[tuple[str, str]]:
    """Return the criteria of a conditional write, as they were sent."""
    if not is_conditional(path, request):
        return ()
    return describe_if_none_exist(request.headers["if-none-exist"]) if request.method == "POST" else request.query
