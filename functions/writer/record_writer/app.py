"""The HTTP side of the FHIR API's writes: the writer's rows of the table of interactions, with one use case."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from careconnect.audit.query import audit_query
from careconnect.endpoint.interaction_endpoint import Handler, InteractionEndpoint, Requested, stored_among
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir.interactions import VALIDATE, VALIDATE_ONE, WRITES, Interaction
from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.formats import fhir_response, negotiate, render
from careconnect.fhir.resource_types import DATA_TABLES, Table
from careconnect.http.messages import Response, last_value
from careconnect.storage.quota import Quota
from record_writer.read_request import criteria_of, write_request_of
from record_writer.request.write_request import WriteRequest
from record_writer.response import is_pretty, response_to
from record_writer.validate_request import judged_write_of
from record_writer.write_resources import ResourceWriter


@dataclass(frozen=True, slots=True)
class WriterEndpoint(InteractionEndpoint):
    """The endpoint of one deployed writer, which writes the types of `table`."""

    writer: ResourceWriter
    table: Table

    @property
    def client_quota(self) -> Quota:
        """The quota of the clients."""
        return self.writer.quota

    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        """Return those keys of resources that there are or were, in the tables of the function: one BatchGetItem."""
        tables = DATA_TABLES if self.table is Table.RECORD else (self.table,)
        return stored_among(keys, tables, self.writer.stored_keys)

    def _write(self, requested: Requested) -> Response:
        context, path = requested.context, requested.path
        if criteria := criteria_of(requested.interaction, requested.request):
            query = audit_query(path.type, criteria, context.base_url.fhir)
            context.recorder.facts = replace(context.recorder.facts, query=query)
        write, presentation = write_request_of(requested, context.recorder.found)
        write = _with_share(write, context)
        writer = self.writer.of_request(context.recorder, self.writer.elapsed() - context.waited)
        recorder, on_conflict = context.recorder, lambda: context.metrics.append("WriteConflict")
        result = writer.write(write, recorder.while_writing, on_conflict, context.bill)
        return response_to(result, path.type, context.base_url.fhir, presentation)

    def _validate(self, requested: Requested) -> Response:
        context, request = requested.context, requested.request
        format_ = negotiate(last_value(request.query, "_format"), request.headers.get("accept", ""))
        pretty = is_pretty(request.query)
        write = _with_share(judged_write_of(requested, context.recorder.found), context)
        recorder, on_conflict = context.recorder, lambda: context.metrics.append("WriteConflict")
        issues = self.writer.judge(write, recorder.while_writing, on_conflict, context.bill)
        body = render(OperationOutcome(tuple(issues)).json(), format_, pretty=pretty)
        return fhir_response(200, body, format_, {"Cache-Control": "no-store"})

    handlers: ClassVar[Mapping[Interaction, Handler]] = {
        **dict.fromkeys(WRITES, _write),
        VALIDATE: _validate,
        VALIDATE_ONE: _validate,
    }


def _with_share(write: WriteRequest, context: RequestContext) -> WriteRequest:
    """Return a write with the units that its Bundle has paid for it."""
    return replace(write, paid=context.share.paid) if context.share else write
