"""The `AuditEvent` API, the audit trail in FHIR: the reader's rows for events, each with its use case."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from access_auditor.event_query import parse_event_search
from access_auditor.event_resource import VERSION, event_text
from access_auditor.event_store import EventStore
from access_auditor.read_event import read_event
from access_auditor.search_events import EventContext, search_events
from careconnect.endpoint.interaction_endpoint import Handler, InteractionEndpoint, Requested
from careconnect.endpoint.read_parameters import read_one_parameters, read_parameters
from careconnect.fhir.interactions import POSTED_SEARCH, READ, SEARCH, Interaction
from careconnect.fhir.rendering.formats import fhir_response, render
from careconnect.fhir.rendering.views import show
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Response
from careconnect.http.validators import is_unmodified, validators

# The list of readers of a patient's data is as confidential as the data: no cache may store it.
_CACHING: Final = {"Cache-Control": "no-store", "Vary": "Accept, Authorization"}


@dataclass(frozen=True, slots=True)
class AuditEndpoint(InteractionEndpoint):
    """The endpoint of the deployed function; `elapsed` gives seconds since an arbitrary start."""

    store: EventStore
    elapsed: Callable[[], float] = time.monotonic
    table: Table = Table.AUDIT

    @property
    def client_quota(self) -> None:
        """No quota: a search of the trail has limits of its own."""

    def _read(self, requested: Requested) -> Response:
        headers, type_ = requested.request.headers, requested.path.type
        view = read_one_parameters(requested).view
        event = read_event(self.store, requested.caller, requested.path.id)
        about = {**_CACHING, **validators(VERSION, event.at)}
        if is_unmodified(VERSION, event.at, headers):
            return Response(304, headers=about)
        body = render(show(event_text(event), type_, view), view.format, pretty=view.pretty)
        return fhir_response(200, body, view.format, about)

    def _search(self, requested: Requested) -> Response:
        context, caller = requested.context, requested.caller
        reading = read_parameters(requested, self.store.link_key)
        result, now = reading.result, int(context.now * 1000)
        query = parse_event_search(
            reading.parameters, handling=result.handling, fhir_base=context.base_url.fhir, now=now
        )
        bundle = search_events(query, EventContext(self.store, caller, result, reading.links, now, self.elapsed))
        # A bound caller that names no patient requests all events that it may see: those of its own patient.
        whose = reading.facts.patients or tuple(filter(None, (caller.patient,)))
        found = context.recorder.while_reading()
        hidden = [each for each in whose if caller.patient not in ("", each)]
        found.hide(hidden)
        found.disclose(each for each in whose if each not in hidden)
        return fhir_response(200, bundle.text(result.view), result.view.format, _CACHING)

    handlers: ClassVar[Mapping[Interaction, Handler]] = {READ: _read, SEARCH: _search, POSTED_SEARCH: _search}
