"""The HTTP side of Bundles: the entries of a batch are answered one by one, those of a transaction all or none."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import ClassVar, Final

from bundle_processor import refusals
from bundle_processor.bundle_answer import BundleAnswer
from bundle_processor.bundle_request import Entry, entries_in
from bundle_processor.entry_price import is_read, price_of
from bundle_processor.entry_request import nothing_stale, request_of
from bundle_processor.entry_response import refused
from bundle_processor.refused_entry import refusal_of
from careconnect.audit.disclosures import Disclosures
from careconnect.endpoint.interaction_endpoint import (
    Handler,
    InteractionEndpoint,
    Requested,
    interaction_of,
    permitted,
    stored_among,
)
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.interactions import BATCH, TRANSACTION, WRITES, Interaction
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.rendering.bundle import BundleType
from careconnect.fhir.rendering.formats import fhir_response, negotiate
from careconnect.fhir.rendering.views import View
from careconnect.fhir.request import BASE, FhirPath, parse_path
from careconnect.fhir.resource_types import DATA_TABLES, Table
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Request, Response, last_value
from careconnect.oauth.caller import Caller
from careconnect.storage.quota import BundleShare, Quota
from careconnect.storage.read_charges import FREE_UNITS, free_units
from record_writer.price import reading_price
from record_writer.read_request import write_request_of
from record_writer.request.write_entry import RefusedEntry, WriteEntry, at_entry
from record_writer.response import Presentation, is_pretty, response_to
from record_writer.write_resources import ResourceWriter

SECONDS: Final = 15.0
"""The time after which no further entry is begun, from the request's receipt by the gateway: one takes ten at most."""

Respond = Callable[[Request, BundleShare], Response]
"""Answers the request of an entry, which has units of the Bundle's share; never raises."""


@dataclass(frozen=True, slots=True)
class EntryEndpoints:
    """What answers the entries of one table: its reader and its writer."""

    read: Respond
    write: Respond


@dataclass(frozen=True, slots=True)
class BundleEndpoint(InteractionEndpoint):
    """The endpoint at the FHIR base; `elapsed` gives seconds since an arbitrary start.

    `refuse` answers the entries that no reader or writer may answer.
    """

    endpoints: Mapping[Table, EntryEndpoints]
    refuse: Respond
    quota: Quota
    writer: ResourceWriter
    elapsed: Callable[[], float] = time.monotonic

    @property
    def client_quota(self) -> Quota:
        """The quota of the clients."""
        return self.quota

    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        """Return those keys of resources that there are or were, in the tables of the function: one BatchGetItem."""
        return stored_among(keys, DATA_TABLES, self.writer.stored_keys)

    def path_of(self, request: Request) -> FhirPath:
        """Return the path of the FHIR base; raises the outcome 404 for any other."""
        # Libraries send it with a slash at the end, which the gateway routes likewise.
        if request.path.removesuffix("/") != FHIR_PATH:
            raise outcomes.not_supported()
        return BASE

    def _bundle(self, requested: Requested) -> Response:
        context, request = requested.context, requested.request
        begun = self.elapsed() - context.waited
        format_ = negotiate(last_value(request.query, "_format"), request.headers.get("accept", ""))
        view = View(format_, is_pretty(request.query))
        type_, entries = entries_in(request, context.base_url.fhir)
        share = self._charge(type_, entries, requested.caller, context)
        if type_ == TRANSACTION.name:
            text = self._transaction(entries, requested.turned_into(TRANSACTION), view, share, begun)
        else:
            context.recorder.facts = replace(context.recorder.facts, is_by_entries=True)
            responses = (self._in_time(entry, request, share, begun + SECONDS) for entry in entries)
            text = BundleAnswer(context.base_url.fhir, view, BundleType.BATCH_RESPONSE).text(entries, responses)
        return fhir_response(200, text, format_, {"Cache-Control": "no-store"})

    handlers: ClassVar[Mapping[Interaction, Handler]] = {BATCH: _bundle}

    def _charge(self, type_: str, entries: Sequence[Entry], caller: Caller, context: RequestContext) -> BundleShare:
        """Charge the client for the entries, before any of them is begun; raises the outcomes 422 and 429.

        Alone, each read would have a free share, and the number of requests would be its limit: a Bundle is one
        request. What a transaction writes is charged by its writer.
        """
        reads = sum(price_of(entry) for entry in entries if is_read(entry))
        writes = sum(price_of(entry) for entry in entries if not is_read(entry)) if type_ == BATCH.name else 0
        units = writes + max(0, reads - FREE_UNITS)
        if units > self.quota.units_at_most:
            raise refusals.too_costly(units, self.quota.units_at_most)
        bill = context.bill
        bill.cost = units
        if units:
            self.quota.charge(caller.client_id, units, context.now, bill)
        return BundleShare(max(0, free_units(self.quota, caller.client_id, context.now) - reads), bill)

    def _transaction(
        self, entries: Sequence[Entry], requested: Requested, view: View, share: BundleShare, begun: float
    ) -> str:
        """Write a transaction, then answer its reads; return the text of the response."""
        context, request, recorder = requested.context, requested.request, requested.context.recorder
        writes: dict[int, tuple[WriteEntry, Presentation]] = {}
        refusal = None
        writer = self.writer.of_request(recorder, begun)
        met = recorder.found
        for number, entry in enumerate(entries):
            if not is_read(entry):
                writer.require_time()
                try:
                    with at_entry(number, entry.parsed.type.name if entry.parsed else ""):
                        writes[number] = _write_entry(number, entry, requested, met)
                except OutcomeError as error:
                    refusal = refusal or RefusedEntry(number, error)
        results = writer.write_all(
            [each for each, _ in writes.values()],
            recorder.while_writing,
            lambda: context.metrics.append("WriteConflict"),
            share.bill,
            refusal,
            reading_price(len(request.body())),
        )
        recorder.begin_found()
        fhir_base = context.base_url.fhir
        done = {
            each.position: response_to(result, each.request.type, fhir_base, replace(presentation, pretty=False))
            for (each, presentation), result in zip(writes.values(), results, strict=True)
        }
        responses = (
            done[number] if number in done else self._in_time(entry, nothing_stale(request), share, begun + SECONDS)
            for number, entry in enumerate(entries)
        )
        return BundleAnswer(fhir_base, view, BundleType.TRANSACTION_RESPONSE).text(entries, responses)

    def _in_time(self, entry: Entry, request: Request, share: BundleShare, end: float) -> Response:
        """Answer an entry by itself; it is not begun after `end`."""
        return self._respond(entry, request, share) if self.elapsed() < end else refused(refusals.no_time_left())

    def _respond(self, entry: Entry, request: Request, share: BundleShare) -> Response:
        """Answer an entry by the endpoint that would have answered it alone."""
        share.begin(price_of(entry))
        alone = request_of(entry, request)
        if refusal_of(alone):
            return self.refuse(alone, share)
        # A path that there is not is refused by any, in the same words.
        endpoints = self.endpoints[entry.parsed.type.table if entry.parsed else Table.RECORD]
        return (endpoints.read if is_read(entry) else endpoints.write)(alone, share)


def _write_entry(number: int, entry: Entry, requested: Requested, met: Disclosures) -> tuple[WriteEntry, Presentation]:
    """Return the write that an entry of a transaction asks for; raises the outcomes that refuse it alone."""
    context = replace(requested.context, request=request_of(entry, requested.request))
    path = _path_of(entry, context.request)
    # Also an entry that may not be done is about the patient in its path.
    met.disclose(filter(None, (path.patient,)))
    if path.operation and context.request.method in path.allowed:
        raise refusals.operation_in_a_transaction()
    interaction = interaction_of(path, context.request, WRITES)
    write, presentation = write_request_of(permitted(context, requested.caller, path, interaction), met)
    names, base = _names_of(entry.full_url, f"{context.base_url.fhir}/")
    return WriteEntry(write, number, names, base), presentation


def _path_of(entry: Entry, alone: Request) -> FhirPath:
    """Return the path of an entry's request; raises the outcomes that refuse it, with the element at fault named."""
    try:
        if refusal := refusal_of(alone):
            raise refusal
        return entry.parsed or parse_path(entry.path)
    except OutcomeError as error:
        error.where = "method" if error.status == HTTPStatus.METHOD_NOT_ALLOWED else "url"
        raise


def _names_of(full_url: str, fhir_base: str) -> tuple[tuple[str, ...], str]:
    """Return the names that a full URL gives a resource, and the base of its relative references if it is another's."""
    if full_url.startswith(fhir_base):
        return (full_url, full_url.removeprefix(fhir_base)), ""
    if "://" in full_url:
        return (full_url,), "/".join(full_url.split("/")[:-2])
    return ((full_url,) if full_url.startswith("urn:") else ()), ""
