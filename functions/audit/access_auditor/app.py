"""The `AuditEvent` API, the audit trail in FHIR: the reader's rows for events, each with its use case."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final

from access_auditor.event_query import parse_event_search, patient_id
from access_auditor.event_resource import VERSION, event_text
from access_auditor.event_store import EventStore, PartRequest, Source
from access_auditor.read_event import read_event
from access_auditor.scan_events import bound_at
from access_auditor.search_events import EventContext, search_events
from careconnect.audit.disclosures import NOBODY
from careconnect.endpoint.interaction_endpoint import Handler, InteractionEndpoint, Requested
from careconnect.endpoint.pipeline import RequestContext
from careconnect.endpoint.read_parameters import read_one_parameters, read_parameters
from careconnect.fhir.interactions import POSTED_SEARCH, READ, SEARCH, Interaction
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.rendering.formats import fhir_response, render
from careconnect.fhir.rendering.views import show
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import Response
from careconnect.http.validators import is_unmodified, validators
from careconnect.oauth.caller import Caller
from careconnect.search.values import LAST_INSTANT
from careconnect.storage.quota import Quota
from careconnect.storage.read_charges import ReadCharges, free_units

# The list of readers of a patient's data is as confidential as the data: no cache may store it.
_CACHING: Final = {"Cache-Control": "no-store", "Vary": "Accept, Authorization"}


@dataclass(frozen=True, slots=True)
class AuditEndpoint(InteractionEndpoint):
    """The endpoint of the deployed function; `elapsed` gives seconds since an arbitrary start."""

    store: EventStore
    quota: Quota
    elapsed: Callable[[], float] = time.monotonic
    table: Table = Table.AUDIT

    @property
    def client_quota(self) -> Quota:
        """The quota of the clients."""
        return self.quota

    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        """Return the keys of the patients with an audit event, as this function cannot read records."""
        patients = {patient_id(key): key for key in keys}
        patients.pop("", None)
        low, before = bound_at(0), bound_at(LAST_INSTANT)
        parts = self.store.parts([PartRequest(Source(each, is_patient=True), low, before, 1) for each in patients])
        return [key for key, part in zip(patients.values(), parts, strict=True) if part.events]

    def _read(self, requested: Requested) -> Response:
        headers, type_ = requested.request.headers, requested.path.type
        view = read_one_parameters(requested).view
        now = int(requested.context.now * 1000)
        event = read_event(self.store, requested.caller, requested.path.id, now)
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
        # A bound caller that names no patient requests all events that it may see: those of its own patient.
        whose = reading.facts.patients or tuple(filter(None, (caller.patient,)))
        charges = self._charges(caller, context)
        # Before the work, after which the events are stored whatever the quota says.
        charges.record(max(len(whose), 1))
        search = EventContext(self.store, caller, result, reading.links, now, self.elapsed, charges)
        try:
            bundle = search_events(query, search)
        except OutcomeError as error:
            if error.status == HTTPStatus.TOO_MANY_REQUESTS:
                # A part of the work was done.
                _record(requested, whose)
            raise
        # Not beside the work: the search would find its own events.
        _record(requested, whose)
        return fhir_response(200, bundle.text(result.view), result.view.format, _CACHING)

    def _charges(self, caller: Caller, context: RequestContext) -> ReadCharges:
        quota, client_id, now, bill = self.quota, caller.client_id, context.now, context.bill
        return ReadCharges(free_units(quota, client_id, now), lambda units: quota.consume(client_id, units, now, bill))

    handlers: ClassVar[Mapping[Interaction, Handler]] = {READ: _read, SEARCH: _search, POSTED_SEARCH: _search}


def _record(requested: Requested, whose: Sequence[str]) -> None:
    """Record a search of the trail, with the patients that it names or, without any, with nobody."""
    found, patient = requested.context.recorder.while_reading(), requested.caller.patient
    hidden = [each for each in whose if patient not in ("", each)]
    found.hide(hidden)
    found.disclose([each for each in whose if each not in hidden] if whose else [NOBODY])
