"""The `AuditEvent` API, the audit trail in FHIR: route a request to one use case; errors are OperationOutcomes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from access_auditor.event_query import parse_event_search
from access_auditor.event_resource import VERSION, event_text
from access_auditor.event_store import EventStore
from access_auditor.read_event import read_event
from access_auditor.search_events import EventContext, search_events
from careconnect.audit.event import Action
from careconnect.audit.facts import Facts
from careconnect.audit.query import audit_query
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.rendering.formats import fhir_response, render
from careconnect.fhir.rendering.views import show
from careconnect.fhir.request import FhirPath, Route, parameters_of, parse_path
from careconnect.fhir.resource_types import AUDIT_EVENT
from careconnect.fhir.result_parameter_names import SEARCH_PARAMETERS, VIEW_PARAMETERS
from careconnect.http.messages import Response
from careconnect.http.validators import is_unmodified, validators
from careconnect.oauth.caller import Caller, caller_of
from careconnect.oauth.scopes import Letter
from careconnect.search.links import Links, sealed_parameters
from careconnect.search.result_parameters import parse_result_parameters
from careconnect.storage.keys import resource_key

_READS: Final = ("GET", "HEAD")
# The list of readers of a patient's data is as confidential as the data: no cache may store it.
_CACHING: Final = {"Cache-Control": "no-store", "Vary": "Accept, Authorization"}


@dataclass(frozen=True, slots=True)
class AuditEndpoint(OutcomeEndpoint):
    """The endpoint of the deployed function; `elapsed` gives seconds since an arbitrary start."""

    store: EventStore
    elapsed: Callable[[], float] = time.monotonic

    def answer(self, context: RequestContext) -> Response:
        """Return the response to a read or a search; raises `OutcomeError`."""
        request = context.request
        caller = caller_of(request.authorizer, context.now)
        context.client_id = caller.client_id
        path = parse_path(request.path)
        if path.type is not AUDIT_EVENT:
            raise outcomes.not_supported()
        context.action = f"{path.type.name}.{path.route}"
        is_read = path.route is Route.INSTANCE
        # A read by id requests no patient, so its own audit event names none.
        asked = (resource_key(path.type.name, path.id),) if is_read else ()
        context.trail.facts = Facts("read" if is_read else "search-type", Action.READ, path.type.name, asked)
        if request.method not in (("POST",) if path.route is Route.SEARCH else _READS):
            raise outcomes.method_not_allowed(path.allowed)
        caller.require(path.type, Letter.READ if is_read else Letter.SEARCH)
        return self._read(context, path, caller) if is_read else self._search(context, path, caller)

    def _read(self, context: RequestContext, path: FhirPath, caller: Caller) -> Response:
        headers = context.request.headers
        view = parse_result_parameters(path.type, parameters_of(context.request, path), headers, VIEW_PARAMETERS).view
        event = read_event(self.store, caller, path.id)
        about = {**_CACHING, **validators(VERSION, event.at)}
        if is_unmodified(VERSION, event.at, headers):
            return Response(304, headers=about)
        body = render(show(event_text(event), path.type, view), view.format, pretty=view.pretty)
        return fhir_response(200, body, view.format, about)

    def _search(self, context: RequestContext, path: FhirPath, caller: Caller) -> Response:
        parameters, fhir_base = parameters_of(context.request, path), context.base_url.fhir
        sealed = sealed_parameters(parameters, self.store.link_key, caller, path.asked)
        parameters = [*sealed, *parameters]
        asked = audit_query(path.type, parameters, fhir_base)
        named = () if asked.names_too_many else asked.patients
        context.trail.facts = Facts("search-type", Action.READ, path.type.name, query=asked, patients=tuple(named))
        if asked.names_too_many:
            raise outcomes.too_many_patients()
        result = parse_result_parameters(path.type, parameters, context.request.headers, SEARCH_PARAMETERS)
        now = int(context.now * 1000)
        query = parse_event_search(parameters, handling=result.handling, fhir_base=fhir_base, now=now)
        is_sealed = path.route is Route.SEARCH or bool(sealed)
        links = Links(fhir_base, path.asked, caller, self.store.link_key, is_sealed)
        bundle = search_events(query, EventContext(self.store, caller, result, links, now, self.elapsed))
        # A bound caller that names no patient requests all events that it may see: those of its own patient.
        whose = named or tuple(filter(None, (caller.patient,)))
        found = context.trail.while_reading()
        hidden = [each for each in whose if caller.patient not in ("", each)]
        found.hide(hidden)
        found.disclose(each for each in whose if each not in hidden)
        return fhir_response(200, bundle.text(result.view), result.view.format, _CACHING)
