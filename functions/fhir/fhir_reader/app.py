"""The FHIR read API: the reader's rows of the table of interactions, each with its use case."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Final

from careconnect.audit.disclosures import NOBODY
from careconnect.endpoint.interaction_endpoint import Handler, InteractionEndpoint, Requested, stored_among
from careconnect.endpoint.pipeline import RequestContext
from careconnect.endpoint.read_parameters import Reading, read_one_parameters, read_parameters
from careconnect.fhir import outcomes
from careconnect.fhir.interactions import (
    EVERYTHING,
    HISTORY,
    POSTED_RECORD_SEARCH,
    POSTED_SEARCH,
    READ,
    RECORD_SEARCH,
    SEARCH,
    VREAD,
    Interaction,
)
from careconnect.fhir.rendering.bundle import Bundle
from careconnect.fhir.rendering.formats import fhir_response, render
from careconnect.fhir.rendering.views import View, show
from careconnect.fhir.resource_types import DATA_TABLES, ResourceType, Table
from careconnect.http.messages import Response, fits_answer
from careconnect.http.validators import is_unmodified, validators
from careconnect.oauth.caller import Caller
from careconnect.search.criteria import Criterion
from careconnect.storage.quota import Quota
from careconnect.storage.read_charges import free_units
from fhir_reader.budget import MAX_SECONDS, RequestBudget
from fhir_reader.patient_everything import patient_everything
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

_TOO_LARGE: Final = "in XML or laid out, this is larger than an answer may be: ask for JSON, without _pretty."

Paging = Callable[[SearchContext], Bundle]
"""The use case of a request with pages, given its parsed parameters."""


@dataclass(frozen=True, slots=True)
class FhirEndpoint(InteractionEndpoint):
    """The endpoint of one deployed function, which reads the resource types of `table`.

    `clock` returns seconds and measures the duration of a request.
    """

    store: ResourceStore
    table: Table
    quota: Quota
    clock: Callable[[], float] = time.monotonic

    @property
    def client_quota(self) -> Quota:
        """The quota of the clients."""
        return self.quota

    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        """Return those keys of resources that there are or were, in the tables of the function: one BatchGetItem."""
        tables = DATA_TABLES if self.table is Table.RECORD else (self.table,)
        return stored_among(keys, tables, self._stored_keys)

    def _stored_keys(self, resources: Collection[tuple[ResourceType, str]]) -> Collection[str]:
        return self.store.consistent().at_one_moment(lambda store: store.stored_keys(resources))

    def _read(self, requested: Requested) -> Response:
        view = read_one_parameters(requested).view
        return self.store.at_one_moment(partial(_read, requested, view=view), single=True)

    def _search(self, requested: Requested) -> Response:
        path, fhir_base = requested.path, requested.context.base_url.fhir
        reading = read_parameters(requested, self.store.seal_key)
        handling, now = reading.result.handling, int(requested.context.now * 1000)
        query = parse_search(path.type, reading.parameters, handling=handling, fhir_base=fhir_base, now=now)
        if path.compartment is not None:
            # The compartment is not a parameter: it is in the path, and in the path of every link.
            query.criteria.append(Criterion(path.compartment.reference, "", (path.compartment.owner,)))
        return self._page(requested, reading, partial(search_resources, query))

    def _history(self, requested: Requested) -> Response:
        path, reading = requested.path, read_parameters(requested, self.store.seal_key)
        query = parse_history_query(path.type, reading.parameters, handling=reading.result.handling)
        return self._page(requested, reading, partial(read_history, path.type, path.id, query))

    def _everything(self, requested: Requested) -> Response:
        path, reading = requested.path, read_parameters(requested, self.store.seal_key)
        takes, handling = requested.interaction.takes, reading.result.handling
        query = parse_operation_query(path.type, path.operation, takes, reading.parameters, handling=handling)
        return self._page(requested, reading, partial(patient_everything, path.id, query))

    def _page(self, requested: Requested, reading: Reading, bundle_of: Paging) -> Response:
        """Return a page, all of which shows one moment."""
        context, caller, view = requested.context, requested.caller, reading.result.view
        budget = self._budget(caller, context, self.clock() + MAX_SECONDS)

        def page(store: ResourceStore) -> Response:
            budget.begin_pass()
            found = context.recorder.while_reading(budget.record)
            search = SearchContext(
                store=store,
                uncharged=store.charged_to(None),
                budget=budget,
                caller=caller,
                result=reading.result,
                fhir_base=context.base_url.fhir,
                links=reading.links,
                found=found,
                named=reading.facts.patients,
                identifiers=reading.facts.query.identifiers,
            )
            try:
                bundle = bundle_of(search)
            finally:
                # Who is named by an identifier is recorded, whatever comes of the search.
                found.settle()
            return _body(bundle.text(view), view, _CACHING[self.table])

        store = (self.store.consistent() if requested.request.takes_nothing_stale else self.store).charged_to(budget)
        return store.at_one_moment(page, single=requested.interaction is HISTORY)

    def _budget(self, caller: Caller, context: RequestContext, ends_at: float) -> RequestBudget:
        share, client_id, now = context.share, caller.client_id, context.now
        free = share.left if share else free_units(self.quota, client_id, now)
        budget = RequestBudget(
            free, lambda units: self.quota.consume(client_id, units, now, context.bill), self.clock, ends_at
        )
        if share:
            share.counts(lambda: budget.spent)
        return budget

    handlers: ClassVar[Mapping[Interaction, Handler]] = {
        READ: _read,
        VREAD: _read,
        SEARCH: _search,
        POSTED_SEARCH: _search,
        RECORD_SEARCH: _search,
        POSTED_RECORD_SEARCH: _search,
        HISTORY: _history,
        EVERYTHING: _everything,
    }


def _read(requested: Requested, store: ResourceStore, *, view: View) -> Response:
    path, caller, found = requested.path, requested.caller, requested.context.recorder.while_reading()
    if caller.sees(path.type, path.id, ()):
        # The path identifies the patient, so the event is stored beside the read.
        if path.type.is_patient:
            found.disclose([path.id])
        elif path.type.table is Table.DIRECTORY:
            found.disclose([NOBODY])
    stored = read_resource(store, caller, path.type, path.id, found, version=path.version)
    found.disclose(patients_in(path.type, path.id, stored))
    headers = {**_CACHING[path.type.table], **validators(stored.version, stored.updated)}
    if is_unmodified(stored.version, stored.updated, requested.request.headers):
        return Response(304, headers=headers)
    body = render(show(stored.body, path.type, view), view.format, pretty=view.pretty)
    return _body(body, view, headers)


def _body(body: str, view: View, headers: Mapping[str, str]) -> Response:
    if not fits_answer(body):
        raise outcomes.invalid_parameter("_format", _TOO_LARGE, code="too-costly")
    return fhir_response(200, body, view.format, headers)
