"""The FHIR read API: route a request to one use case and render its result; errors are OperationOutcomes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from careconnect.audit.disclosures import NOBODY
from careconnect.audit.event import Action
from careconnect.audit.facts import Facts
from careconnect.audit.query import PATIENT, AuditQuery, audit_query
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.rendering.bundle import Bundle
from careconnect.fhir.rendering.formats import fhir_response, render
from careconnect.fhir.rendering.views import View, show
from careconnect.fhir.request import FhirPath, Parameters, Route, parameters_of, parse_path
from careconnect.fhir.resource_types import Table
from careconnect.fhir.result_parameter_names import (
    HISTORY_PARAMETERS,
    SEARCH_PARAMETERS,
    VIEW_PARAMETERS,
)
from careconnect.http.messages import Response, fits_answer
from careconnect.http.validators import is_unmodified, validators
from careconnect.oauth.caller import Caller, caller_of
from careconnect.oauth.scopes import Letter
from careconnect.search.criteria import Criterion
from careconnect.search.links import Links, sealed_parameters
from careconnect.search.result_parameters import ResultParameters, parse_result_parameters
from careconnect.storage.keys import resource_key
from careconnect.storage.quota import Quota
from fhir_reader.budget import MAX_SECONDS, RequestBudget, free_units
from fhir_reader.operations import OPERATIONS
from fhir_reader.read_history import read_history
from fhir_reader.read_resource import read_resource
from fhir_reader.search.context import SearchContext
from fhir_reader.search.parse import parse_history_query, parse_operation_query, parse_search
from fhir_reader.search.search_resources import search_resources
from fhir_reader.store.resource_store import ResourceStore
from fhir_reader.store.stored import patients_in

# No cache may store a patient's data, not even a browser's (ADR 20).
_CACHING: Final = {
    Table.RECORD: {"Cache-Control": "no-store", "Vary": "Accept, Authorization"},
    Table.DIRECTORY: {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization"},
}

_READS: Final = ("GET", "HEAD")

_TOO_LARGE: Final = "in XML or laid out, this is larger than an answer may be: ask for JSON, without _pretty."

# The result parameters that each interaction accepts.
_TAKES: Final = {
    Route.INSTANCE: VIEW_PARAMETERS,
    Route.VERSION: VIEW_PARAMETERS,
    Route.HISTORY: HISTORY_PARAMETERS,
    Route.TYPE: SEARCH_PARAMETERS,
    Route.SEARCH: SEARCH_PARAMETERS,
}


@dataclass(frozen=True, slots=True)
class FhirEndpoint(OutcomeEndpoint):
    """The endpoint of one deployed function, which serves the resource types of `table`.

    `clock` returns seconds and measures the duration of a request.
    """

    store: ResourceStore
    table: Table
    quota: Quota
    clock: Callable[[], float] = time.monotonic

    def answer(self, context: RequestContext) -> Response:
        """Return the response to a read, a search, a history or an operation; raises `OutcomeError`."""
        request = context.request
        caller = caller_of(request.authorizer, context.now)
        context.client_id = caller.client_id
        context.trail.charge_refusal = lambda events: self.quota.consume_events(caller.client_id, events, context.now)
        path = parse_path(request.path)
        if path.type.table is not self.table:
            raise outcomes.not_supported()
        context.action = f"{path.type.name}.{path.interaction}"
        _start(context, path)
        _require_letter(caller, path, request.method)
        parameters = parameters_of(request, path)
        query, named = _start(context, path, parameters)
        is_read = path.route in (Route.INSTANCE, Route.VERSION)
        sealed = () if is_read else sealed_parameters(parameters, self.store.seal_key, caller, path.asked)
        if sealed:
            parameters = [*sealed, *parameters]
            query, named = _start(context, path, parameters)
        if query.names_too_many:
            raise outcomes.too_many_patients()
        takes = OPERATIONS[path.operation].takes if path.operation else _TAKES[path.route]
        result = parse_result_parameters(path.type, parameters, request.headers, takes)
        if is_read:
            read = partial(_read, context, path, caller, view=result.view)
            return self.store.at_one_moment(read, single=True)
        bundle_of = _PAGED.get(path.route, _search)(path, parameters, result, context)
        budget = self._budget(caller, context, self.clock() + MAX_SECONDS)
        is_sealed = path.route is Route.SEARCH or bool(sealed)

        def page(store: ResourceStore) -> Response:
            budget.begin_pass()
            found = context.trail.while_reading(budget.record)
            search = SearchContext(
                store=store,
                uncharged=store.charged_to(None),
                budget=budget,
                caller=caller,
                result=result,
                fhir_base=context.base_url.fhir,
                links=Links(context.base_url.fhir, path.asked, caller, self.store.seal_key, is_sealed),
                found=found,
                named=named,
                identifiers=query.identifiers,
            )
            try:
                bundle = bundle_of(search)
            finally:
                # Who is named by an identifier is recorded, whatever comes of the search.
                found.settle()
            return _body(bundle.text(result.view), result.view, _CACHING[self.table])

        store = (self.store.consistent() if request.takes_nothing_stale else self.store).charged_to(budget)
        return store.at_one_moment(page, single=path.route is Route.HISTORY)

    def _budget(self, caller: Caller, context: RequestContext, ends_at: float) -> RequestBudget:
        share, client_id, now = context.share, caller.client_id, context.now
        free = share.left if share else free_units(self.quota, client_id, now)
        budget = RequestBudget(free, lambda units: self.quota.consume(client_id, units, now), self.clock, ends_at)
        if share:
            share.counts(lambda: budget.spent)
        return budget


_INTERACTIONS: Final = {
    Route.TYPE: "search-type",
    Route.SEARCH: "search-type",
    Route.INSTANCE: "read",
    Route.VERSION: "vread",
    Route.HISTORY: "history-instance",
    Route.OPERATION: "operation",
}
"""The audit trail's code for each route (STU3 value set `restful-interaction`)."""

_LONGEST_VERSION: Final = 9
"""Maximum digits of a version number. A longer text is no version, and no audit event contains it."""


def _require_letter(caller: Caller, path: FhirPath, method: str) -> None:
    """Raise the 405 outcome for an unsupported method, and 403 if the token lacks the letter (`access.md`)."""
    if method not in (("POST",) if path.route is Route.SEARCH else _READS):
        raise outcomes.method_not_allowed(path.allowed)
    is_search = path.route in (Route.TYPE, Route.SEARCH)
    caller.require(path.type, Letter.SEARCH if is_search else Letter.READ)


def _start(
    context: RequestContext, path: FhirPath, parameters: Sequence[tuple[str, str]] = ()
) -> tuple[AuditQuery, tuple[str, ...]]:
    """Start the audit trail with the requested interaction and target.

    Returns the parameters that it may record, and the patient ids in the path and the parameters.
    """
    owner = path.compartment.owner if path.compartment else ""
    asked = owner or (resource_key(path.type.name, path.id) if path.id else "")
    if path.version.isdecimal() and len(path.version) <= _LONGEST_VERSION:
        asked = f"{asked}/_history/{path.version}"
    query = AuditQuery()
    if parameters and path.route in (Route.TYPE, Route.SEARCH):
        query = audit_query(path.type, parameters, context.base_url.fhir)
    action = Action.EXECUTE if path.route is Route.OPERATION else Action.READ
    named = _named(path, query)
    ids = (asked,) if asked else ()
    context.trail.facts = Facts(_INTERACTIONS[path.route], action, path.type.name, ids, query, named)
    return query, named


def _named(path: FhirPath, query: AuditQuery) -> tuple[str, ...]:
    """Return the patient ids in the path and the parameters; ignore the parameters if they name too many."""
    owner = path.compartment.owner.partition("/")[2] if path.compartment else ""
    own = owner or (path.id if path.type is PATIENT else "")
    return tuple(filter(None, (own, *(() if query.names_too_many else query.patients))))


def _read(context: RequestContext, path: FhirPath, caller: Caller, store: ResourceStore, *, view: View) -> Response:
    request, found = context.request, context.trail.while_reading()
    if caller.sees(path.type, path.id, ()):
        # The path identifies the patient, so the event is stored beside the read.
        if path.type is PATIENT:
            found.disclose([path.id])
        elif path.type.table is Table.DIRECTORY:
            found.disclose([NOBODY])
    stored = read_resource(store, caller, path.type, path.id, version=path.version)
    found.disclose(patients_in(path.type, path.id, stored))
    headers = {**_CACHING[path.type.table], **validators(stored.version, stored.updated)}
    if is_unmodified(stored.version, stored.updated, request.headers):
        return Response(304, headers=headers)
    body = render(show(stored.body, path.type, view), view.format, pretty=view.pretty)
    return _body(body, view, headers)


_Paging = Callable[[SearchContext], Bundle]


def _search(path: FhirPath, parameters: Parameters, result: ResultParameters, context: RequestContext) -> _Paging:
    now, fhir_base = int(context.now * 1000), context.base_url.fhir
    query = parse_search(path.type, parameters, handling=result.handling, fhir_base=fhir_base, now=now)
    if path.compartment is not None:
        # The compartment is not a parameter: it is in the path, and in the path of every link.
        query.criteria.append(Criterion(path.compartment.reference, "", (path.compartment.owner,)))
    return partial(search_resources, query)


def _operation(path: FhirPath, parameters: Parameters, result: ResultParameters, _context: RequestContext) -> _Paging:
    operation = OPERATIONS[path.operation]
    query = parse_operation_query(path.type, path.operation, operation.takes, parameters, handling=result.handling)
    return partial(operation.answer, path.id, query)


def _history(path: FhirPath, parameters: Parameters, result: ResultParameters, _context: RequestContext) -> _Paging:
    query = parse_history_query(path.type, parameters, handling=result.handling)
    return partial(read_history, path.type, path.id, query)


_PAGED: Final = {Route.OPERATION: _operation, Route.HISTORY: _history}


def _body(body: str, view: View, headers: Mapping[str, str]) -> Response:
    if not fits_answer(body):
        raise outcomes.invalid_parameter("_format", _TOO_LARGE, code="too-costly")
    return fhir_response(200, body, view.format, headers)
