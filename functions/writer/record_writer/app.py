"""The HTTP side of the FHIR API's writes: the writer's rows of the table of interactions, with one use case."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from careconnect.audit.query import audit_query
from careconnect.endpoint.interaction_endpoint import Handler, InteractionEndpoint, Requested
from careconnect.fhir.interactions import WRITES, Interaction
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Response
from careconnect.storage.quota import Quota
from record_writer.read_request import criteria_of, write_request_of
from record_writer.response import response_to
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

    def _write(self, requested: Requested) -> Response:
        context, path = requested.context, requested.path
        criteria = criteria_of(requested.interaction, requested.request)
        context.trail.facts = replace(requested.facts, query=audit_query(path.type, criteria, context.base_url.fhir))
        write, presentation = write_request_of(requested, context.trail.while_writing())
        if context.share:
            write = replace(write, paid=context.share.paid)
        writer = replace(self.writer, store=self.writer.store.recorded_by(context.trail))
        result = writer.write(write, context.trail.while_writing, lambda: context.metrics.append("WriteConflict"))
        return response_to(result, path.type, context.base_url.fhir, presentation)

    handlers: ClassVar[Mapping[Interaction, Handler]] = dict.fromkeys(WRITES, _write)
