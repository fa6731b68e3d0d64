"""The HTTP side of Bundles: the entries of a batch are answered one by one, those of a transaction all or none."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bundle_processor import refusals
from bundle_processor.bundle_request import BATCH, TRANSACTION, Entry, entries_in
from bundle_processor.entry_request import request_of
from bundle_processor.entry_response import entry_of, refused, without_body
from careconnect.audit.event import Action
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.rendering.bundle import BUNDLE_BYTES, Bundle, BundleType, bytes_of, entry_text
from careconnect.fhir.rendering.formats import fhir_response, negotiate
from careconnect.fhir.rendering.views import View
from careconnect.fhir.request import Route, parse_path
from careconnect.fhir.resource_types import DATA_TABLES, Table
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Request, Response, last_value
from careconnect.oauth.caller import Caller, caller_of
from careconnect.oauth.scopes import WRITING
from careconnect.storage.quota import UNITS_PER_EVENT, Quota
from fhir_reader.budget import FREE_UNITS, UNITS_PER_CALL
from record_writer.read_request import write_request_of
from record_writer.request.bundle_part import EntryTrail, Part, at_entry
from record_writer.response import Presentation, is_pretty, response_to
from record_writer.write_together import TransactionWriter

SECONDS: Final = 15.0
"""The time after which no further entry is begun: an entry takes ten seconds at most, the function 26."""

Respond = Callable[[Request], Response]
"""Answers the request of an entry; never raises."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What answers the entries of one table: its reader and its writer."""

    read: Respond
    write: Respond


@dataclass(frozen=True, slots=True)
class BundleEndpoint(OutcomeEndpoint):
    """The endpoint at the FHIR base; `elapsed` gives seconds since an arbitrary start."""

    parts: Mapping[Table, Parts]
    quota: Quota
    writer: TransactionWriter
    elapsed: Callable[[], float] = time.monotonic

    def answer(self, context: RequestContext) -> Response:
        """Return the response to a Bundle; raises `OutcomeError` for one that is refused as a whole."""
        begun = self.elapsed()
        request = context.request
        caller = caller_of(request.authorizer, context.now)
        context.client_id = caller.client_id
        context.action = BATCH
        context.trail.start(BATCH, Action.EXECUTE)
        # Libraries send it with a slash at the end, which the gateway routes likewise.
        if request.path.removesuffix("/") != FHIR_PATH:
            raise outcomes.not_supported()
        if request.method != "POST":
            raise outcomes.method_not_allowed("POST")
        _require_writer(caller)
        format_ = negotiate(last_value(request.query, "_format"), request.headers.get("accept", ""))
        view = View(format_, is_pretty(request.query))
        type_, entries = entries_in(request, context.base_url.fhir)
        units = _units_of_reads(entries) - FREE_UNITS
        if units > self.quota.units_per_minute:
            raise refusals.too_many_reads()
        if units > 0:
            self.quota.consume(caller.client_id, units, context.now)
        if type_ == TRANSACTION:
            text = self._transaction(entries, caller, context, view, begun + SECONDS)
        else:
            context.trail.leave_to_parts()
            responses = (self._in_time(entry, request, begun + SECONDS) for entry in entries)
            text = _text(entries, responses, view, BundleType.BATCH_RESPONSE)
        return fhir_response(200, text, format_, {"Cache-Control": "no-store"})

    def _transaction(
        self, entries: Sequence[Entry], caller: Caller, context: RequestContext, view: View, end: float
    ) -> str:
        """Write a transaction, then answer its reads; return the text of the response."""
        request, trail = context.request, context.trail
        context.action = TRANSACTION
        trail.start(TRANSACTION, Action.EXECUTE)
        trail.charge_refusal = lambda events: self.quota.consume_events(caller.client_id, events, context.now)
        asked: dict[int, tuple[Part, Presentation]] = {}
        for number, entry in enumerate(entries):
            if not _is_read(entry):
                with at_entry(number, entry.parsed.type.name if entry.parsed else ""):
                    asked[number] = _part(number, entry, request, caller, context)
        results = self.writer.write_together(
            [part for part, _ in asked.values()], caller, trail, lambda: context.metrics.append("WriteConflict")
        )
        fhir_base = context.base_url.fhir
        done = {
            part.position: response_to(result, part.request.type, fhir_base, replace(presentation, pretty=False))
            for (part, presentation), result in zip(asked.values(), results, strict=True)
        }
        responses = (
            done[number] if number in done else self._in_time(entry, request, end)
            for number, entry in enumerate(entries)
        )
        return _text(entries, responses, view, BundleType.TRANSACTION_RESPONSE)

    def _in_time(self, entry: Entry, request: Request, end: float) -> Response:
        """Answer an entry by itself; it is not begun after `end`."""
        return self._respond(entry, request) if self.elapsed() < end else refused(refusals.no_time_left())

    def _respond(self, entry: Entry, request: Request) -> Response:
        """Answer an entry by the part that would have answered it alone."""
        path = entry.parsed
        # The audit trail has a function of its own: the records' refuse a request of it, with an event.
        parts = self.parts.get(path.type.table if path else Table.RECORD, self.parts[Table.RECORD])
        return (parts.read if _is_read(entry) else parts.write)(request_of(entry, request))


def _is_read(entry: Entry) -> bool:
    return entry.method == "GET" or (entry.parsed is not None and entry.parsed.route is Route.SEARCH)


def _part(
    number: int, entry: Entry, request: Request, caller: Caller, context: RequestContext
) -> tuple[Part, Presentation]:
    """Return the write that an entry of a transaction asks for; raises the outcomes that refuse it alone."""
    alone = request_of(entry, request)
    path = entry.parsed or parse_path(entry.path)
    if path.type.table not in DATA_TABLES:
        raise outcomes.not_supported()
    trail = EntryTrail()
    asked, presentation = write_request_of(path, alone, caller, context.base_url, trail)
    context.trail.concerns(trail.concerned)
    names, base = _names_of(entry.full_url, f"{context.base_url.fhir}/")
    return Part(number, asked, trail, names, base), presentation


def _names_of(full_url: str, fhir_base: str) -> tuple[tuple[str, ...], str]:
    """Return the names that a full URL gives a resource, and the base of its relative references if it is another's."""
    if full_url.startswith(fhir_base):
        return (full_url, full_url.removeprefix(fhir_base)), ""
    if "://" in full_url:
        return (full_url,), "/".join(full_url.split("/")[:-2])
    return ((full_url,) if full_url.startswith("urn:") else ()), ""


def _text(entries: Sequence[Entry], responses: Iterable[Response], view: View, type_: BundleType) -> str:
    """Return the text of the answer, with the response to each entry."""
    room = BUNDLE_BYTES
    texts = []
    for number, (entry, response) in enumerate(zip(entries, responses, strict=True)):
        # The entries that follow have room for their least.
        text = _shown(entry, response, view, room - _LEAST_BYTES * (len(entries) - 1 - number))
        room -= bytes_of(text)
        texts.append(text)
    return Bundle(None, (), texts, type_).text(view)


_OF_ONE: Final = frozenset({Route.INSTANCE, Route.VERSION})
_UNITS_OF_ONE: Final = UNITS_PER_CALL + UNITS_PER_EVENT
_UNITS_OF_A_PAGE: Final = 2 * UNITS_PER_CALL + 20 * UNITS_PER_EVENT


def _units_of_reads(entries: Sequence[Entry]) -> int:
    """Return the usual price of the entries that read.

    Alone, each would have a free share, and the number of requests would be its limit. A batch is one request.
    """
    reads = [entry.parsed for entry in entries if entry.method == "GET"]
    return sum(_UNITS_OF_ONE if path and path.route in _OF_ONE else _UNITS_OF_A_PAGE for path in reads)


_LEAST_BYTES: Final = 500
"""Bytes of an entry without a resource and an outcome: its status and its location."""


def _require_writer(caller: Caller) -> None:
    """Raise the 403 outcome unless the token may write a type, as the gateway does before."""
    if not any(WRITING & letters for letters in caller.grants.letters.values()):
        raise outcomes.insufficient_scope("patient/*.c" if caller.patient else "user/*.c")


def _shown(entry: Entry, response: Response, view: View, room: int) -> str:
    """Return the entry of a response; without room, a refusal in place of a read, or a write without its body."""
    text = entry_text(entry_of(response), view)
    if bytes_of(text) <= room:
        return text
    is_lost = entry.method == "GET" and response.status < 400
    return entry_text(entry_of(refused(refusals.no_room_left()) if is_lost else without_body(response)), view)
