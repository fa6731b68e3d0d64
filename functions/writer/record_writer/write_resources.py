"""Write resources, one or all or none of several: check, charge, prepare, check together, charge, commit (`write.md`).

A single write is a transaction of one. After a conflict with another write, all of it is prepared anew.
"""

import math
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Any, Final, TypeVar

from careconnect.audit.disclosures import NOBODY, Disclosures
from careconnect.audit.query import MAX_PATIENTS
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from careconnect.storage.quota import UNITS_PER_EVENT, Bill, Quota
from careconnect_records.items.references import references_of
from careconnect_records.multi_step.states import STATE_ACTIONS
from careconnect_records.parsing.faults import MAX_FAULTS
from careconnect_records.writes.plan import MAX_ACTIONS, plan_holding
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.check_entries import (
    ConditionalReference,
    conditional_references,
    judge_each,
    require_distinct,
    resources_to_be,
)
from record_writer.checks.references import require_references, targets_among
from record_writer.checks.valid_resource import newly_broken, resource_faults
from record_writer.find_references import DECIDING, FoundReferences, find_references, patients_referred_to
from record_writer.judge_references import are_readable, judge_references
from record_writer.judge_write import Judgement
from record_writer.prepare import ORDER, Preparation, Prepared, RequireValid, limits_refused, require_match
from record_writer.price import UNITS_PER_LOOKUP, first_price, second_price
from record_writer.record_store import ConflictError, EventActions, NotTakenError, RecordStore
from record_writer.request.write_entry import RefusedEntry, WriteEntry, at_entry
from record_writer.request.write_request import Kind, WriteRequest, WriteResult

MAX_PATIENTS_TOGETHER: Final = MAX_ACTIONS - STATE_ACTIONS
"""Patients of one transaction: the transaction of its commit has room for so many audit events."""

SECONDS: Final = 9.0
"""How long a write is tried again after conflicts: the last attempt of a single one ends within ten seconds."""

_SECONDS_OF_ONE: Final = 10.0
"""The time after which no attempt of a single write commits."""

COMMIT_SECONDS: Final = 20.0
"""The time after which no write of a request commits, from its receipt by the gateway: at 25 it is answered."""

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.8

_T = TypeVar("_T")
Begin = Callable[[], Disclosures]
"""Returns an empty collection for the patients of another attempt; the last one is the request's."""


@dataclass(frozen=True, slots=True)
class ResourceWriter:
    """Writes resources. `clock` gives epoch seconds, `elapsed` seconds since an arbitrary start.

    No write commits once `elapsed` is over `commits_until`.
    """

    store: RecordStore
    quota: Quota
    clock: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    random: Callable[[], float] = SystemRandom().random
    commits_until: float = math.inf

    def of_request(self, events: EventActions, begun: float) -> "ResourceWriter":
        """Return the writer of a request with its events, which the gateway received at `begun` by `elapsed`."""
        return replace(self, store=self.store.recorded_by(events), commits_until=begun + COMMIT_SECONDS)

    def require_time(self) -> None:
        """Raise the 503 outcome if it is too late to commit."""
        if self.elapsed() > self.commits_until:
            raise refusals.out_of_time()

    def stored_keys(self, resources: Iterable[tuple[ResourceType, str]]) -> Collection[str]:
        """Return the keys of those resources that there are or were: one BatchGetItem."""
        found = self.store.read_summaries(Target(*each) for each in resources)
        return {key for key, target in found.items() if target.index}

    def write(self, request: WriteRequest, begin: Begin, on_conflict: Callable[[], None], bill: Bill) -> WriteResult:
        """Do a single write, as `write_all` does several."""
        return self.write_all([WriteEntry(request)], begin, on_conflict, bill)[0]

    def write_all(
        self,
        entries: Sequence[WriteEntry],
        begin: Begin,
        on_conflict: Callable[[], None],
        bill: Bill,
        refused: RefusedEntry | None = None,
        reading: int = 0,
    ) -> list[WriteResult]:
        """Do all writes or none, and return their results in the order given, which is the Bundle's.

        `begin` is called before each attempt, `on_conflict` after each conflict with another write. `bill` is the
        request's. A transaction that is refused before its look-ups owes `reading` units besides its first price.
        Raises the outcome of the first entry at fault, with the entry named, also if it is the `refused` one; and 503
        if the writes conflict for `SECONDS`: then nothing is written.
        """
        if not entries:
            if refused:
                raise refused.error
            return []
        writer = self._of_one() if entries[0].is_alone else self
        attempt = writer._attempt(entries, begin, bill, refused, reading)
        results = writer._until_done(attempt, _Attempt.write, begin, on_conflict)
        return [results[each.position] for each in entries]

    def _of_one(self) -> "ResourceWriter":
        """Return the writer of a single write, which has less time."""
        return replace(self, commits_until=min(self.commits_until, self.elapsed() + _SECONDS_OF_ONE))

    def judge(self, request: WriteRequest, begin: Begin, on_conflict: Callable[[], None], bill: Bill) -> list[Issue]:
        """Return all that a single write would be refused for or warned of, and write nothing (`judge_write`).

        Charges the first price of the write, and that of the events. Raises the outcomes 429 and 503.
        """
        entries = [WriteEntry(request)]
        paid = self._first_prices(entries, bill)
        self._charge(entries, paid, bill)
        attempt = _Attempt(self, entries, {}, (), bill, paid)
        return self._until_done(attempt, _Attempt.judge, begin, on_conflict)

    def _attempt(
        self, entries: Sequence[WriteEntry], begin: Begin, bill: Bill, refused: RefusedEntry | None, reading: int
    ) -> "_Attempt":
        """Return what each attempt begins with, paid; raises the outcomes that need no look-up.

        First that of the first entry which would be refused alone, then those of what the entries are together.
        """
        ordered = sorted(entries, key=lambda each: ORDER.index(each.request.kind))
        paid = self._first_prices(entries, bill)
        try:
            breaking, conditional = self._judged(entries, paid, begin, bill, refused)
        except OutcomeError:
            if not entries[0].is_alone:
                # Up to 500 resources were judged, which takes seconds of a processor.
                units = _unpaid(entries, paid) + reading
                self.quota.owe(entries[0].request.caller.client_id, units, self.clock())
            raise
        self._charge(entries, paid, bill)
        return _Attempt(self, ordered, conditional, breaking, bill, paid)

    def _judged(
        self,
        entries: Sequence[WriteEntry],
        prices: Mapping[int, int],
        begin: Begin,
        bill: Bill,
        refused: RefusedEntry | None,
    ) -> tuple[Collection[int], Mapping[str, ConditionalReference]]:
        """Return the positions of updates that break invariants, and the conditional references; raises the outcomes.

        The references of a single invalid resource are looked up, which is charged.
        """
        invalid, breaking = judge_each(entries, resources_to_be(entries), refused, self.require_time)
        if invalid:
            if entries[0].is_alone and are_readable(invalid[0]):
                self._charge(entries, prices, bill)
                met, request = begin(), entries[0].request
                met.disclose(request.named)
                invalid[0] += judge_references(request, request.resource, self.store, met, None)
            raise refusals.invalid_resources(invalid)
        require_distinct(entries, _known_keys(entries))
        return breaking, conditional_references(entries)

    def _first_prices(self, entries: Sequence[WriteEntry], bill: Bill) -> dict[int, int]:
        """Return the first price of each entry, by position; raises the 429 outcome for a client that owes."""
        prices = {each.position: _first_price_of(each.request) for each in entries}
        bill.cost += _unpaid(entries, prices)
        self.quota.require_any(entries[0].request.caller.client_id, self.clock(), bill)
        return prices

    def _charge(self, entries: Sequence[WriteEntry], prices: Mapping[int, int], bill: Bill) -> None:
        """Charge the client for the first prices of the entries; raises the outcomes 422 and 429."""
        units = _unpaid(entries, prices)
        self.require_payable(units, entries)
        if units:
            self.quota.charge(entries[0].request.caller.client_id, units, self.clock(), bill)

    def require_payable(self, units: int, entries: Sequence[WriteEntry]) -> None:
        """Raise the 422 outcome for writes that cost more than one request may owe."""
        if units > self.quota.units_at_most:
            instead = "a smaller resource" if entries[0].is_alone else "fewer entries"
            raise refusals.exceeds_quota(units, self.quota.units_at_most, instead)

    def _until_done(
        self,
        attempt: "_Attempt",
        do: Callable[["_Attempt", Disclosures], _T],
        begin: Begin,
        on_conflict: Callable[[], None],
    ) -> _T:
        """Return what `do` returns of an attempt, which is made again after conflicts; raises as `write_all`."""
        end = self.elapsed() + SECONDS
        pause = _FIRST_PAUSE
        while True:
            met = begin()
            try:
                with limits_refused():
                    return do(attempt, met)
            except ConflictError:
                on_conflict()
            except NotTakenError as error:
                if not error.again:
                    raise outcomes.unavailable(str(error)) from error
            # Jitter: two writers that collided should not collide again.
            wait = pause * (0.5 + self.random())
            if self.elapsed() + wait > end:
                raise refusals.lost_to_others()
            self.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)
            # The first charge was for the first attempt: each further one costs its whole price.
            attempt = replace(attempt, paid=dict.fromkeys(attempt.paid, 0))


@dataclass(frozen=True, slots=True)
class _Attempt:
    """What each attempt to do some writes begins with.

    `breaking` are the positions of updates that break invariants, as the stored version may do.
    """

    writer: ResourceWriter
    ordered: Sequence[WriteEntry]
    conditional: Mapping[str, ConditionalReference]
    breaking: Collection[int]
    bill: Bill
    paid: Mapping[int, int]

    @property
    def caller(self) -> Caller:
        """The client that sent the writes."""
        return self.ordered[0].request.caller

    @property
    def full_urls(self) -> frozenset[str] | None:
        """The names by which the entries of a transaction refer to each other, None for a write that is alone."""
        return None if self.ordered[0].is_alone else frozenset(name for each in self.ordered for name in each.names)

    @property
    def store(self) -> RecordStore:
        """The tables of resources."""
        return self.writer.store

    def judge(self, met: Disclosures) -> list[Issue]:
        """Judge the one write, and add the patients that it meets to `met`."""
        judgement = Judgement(self.ordered[0].request, self.store, met)

        def prepare() -> Prepared:
            preparation = self._preparation(met, judgement.require_valid, judgement.breaking)
            prepared = preparation.prepare_all(self.ordered, self.conditional)
            self._second_price(prepared, met, in_steps=False)
            met.disclose(patient for each in prepared for patient in each.patients)
            return prepared[0]

        def referring_types(prepared: Prepared) -> Collection[str]:
            return self._referring_types([prepared]).get(prepared.target.key, ())

        issues = judgement.issues(prepare, referring_types)
        events = max(1, len({*met.disclosed, *met.hidden}))
        self.writer.quota.charge(self.caller.client_id, UNITS_PER_EVENT * events, self.writer.clock(), self.bill)
        return issues

    def _preparation(self, met: Disclosures, require_valid: RequireValid, breaking: Collection[int]) -> Preparation:
        writer = self.writer
        now = int(writer.clock() * 1000)
        return Preparation(
            self.store, writer.new_id, now, require_valid, met, writer.require_time, self._owe_lookups, breaking
        )

    def _owe_lookups(self, lookups: int) -> None:
        """Charge the client for look-ups that are not paid, whatever it has left."""
        self.writer.quota.owe(self.caller.client_id, UNITS_PER_LOOKUP * lookups, self.writer.clock())

    def write(self, met: Disclosures) -> dict[int, WriteResult]:
        """Prepare, check, charge and commit the writes, and return their results by position.

        Adds the patients that it meets to `met`. Raises the outcomes that refuse the writes, and the errors of
        `RecordStore.write`.
        """
        writer, preparation = self.writer, self._preparation(met, self._require_valid, self.breaking)
        prepared = preparation.prepare_all(self.ordered, self.conditional)
        made = _versions_made(prepared)
        self._require_room_for(prepared, made, met)
        plans = [each.plan for each in prepared if each.plan]
        held = [plan_holding(each.target) for each in prepared if each.is_held] if plans else []
        priced = {*met.disclosed, *(patient for each in prepared for patient in each.named)}
        # With the look-ups, so that no write waits for the charge alone.
        with self._charged(prepared, met, in_steps=len(plans) + len(held) > 1):
            referred = self._require_references(prepared, made, met)
            self._require_unreferred(prepared)
            full = self.store.full_locks(plans[0]) if len(plans) == 1 and not held else ()
        self._charge_events(len({*met.disclosed} - priced))
        met.versions = _versions_referring(prepared, referred)
        if plans:
            writer.require_time()
            self.store.write([*plans, *held], made, full, writer.commits_until - writer.elapsed())
        # A transaction has no room for the events of all that its resources may refer to: only these are in it.
        met.disclose(patient for each in prepared for patient in each.patients)
        return {each.entry.position: _result(each) for each in prepared}

    def _require_valid(
        self,
        request: WriteRequest,
        resource: dict[str, Any],
        stored: Callable[[], dict[str, Any]],
        target: Target,
        met: Disclosures,
    ) -> None:
        """Raise the outcomes of a resource that is invalid beside the stored one, with the faults of its references."""
        faults, broken = resource_faults(resource)
        faults += newly_broken(broken, stored()) if broken else []
        if faults and are_readable(faults):
            looked_up = targets_among(request.type.name, references_of(resource), request.root)
            units = UNITS_PER_LOOKUP * len(looked_up)
            with self._paying(units):
                previous, full_urls = target.references, self.full_urls
                faults += judge_references(request, resource, self.store, met, previous, full_urls=full_urls)
        if faults:
            raise outcomes.invalid_resource(faults[:MAX_FAULTS])

    def _require_room_for(self, prepared: Sequence[Prepared], others: Iterable[str], met: Disclosures) -> None:
        """Raise the 400 outcome for a transaction about more patients than its commit has room for events.

        It holds also for those whose events follow the commit.
        """
        if self.ordered[0].is_alone:
            return
        everybody = {*others, *met.disclosed, *(patient for each in prepared for patient in each.named)}
        if len(everybody) > MAX_PATIENTS_TOGETHER:
            raise refusals.too_many_patients_together(MAX_PATIENTS_TOGETHER)

    def _charged(
        self, prepared: Sequence[Prepared], met: Disclosures, *, in_steps: bool
    ) -> AbstractContextManager[None]:
        """Return a block within which the client pays for the plans; raises the outcomes 422, 429 and 503."""
        return self._paying(self._second_price(prepared, met, in_steps=in_steps))

    def _second_price(self, prepared: Sequence[Prepared], met: Disclosures, *, in_steps: bool) -> int:
        """Return the price of the plans; raises the 422 outcome for more than a client may spend."""
        units = sum(second_price(each, self.paid[each.entry.position], in_steps=in_steps) for each in prepared)
        # Those whom the conditional references lead to have an event each, too.
        units += UNITS_PER_EVENT * len(set(met.disclosed).difference(*(each.named for each in prepared)))
        self.writer.require_payable(units + sum(self.paid.values()), self.ordered)
        return units

    def _charge_events(self, events: int) -> None:
        """Charge the client for events that follow the commit; raises the 429 outcome."""
        if events:
            units = UNITS_PER_EVENT * events
            self.bill.cost += units
            self.writer.quota.charge(self.caller.client_id, units, self.writer.clock(), self.bill)

    def _paying(self, units: int) -> AbstractContextManager[None]:
        writer, bill = self.writer, self.bill
        bill.cost += units
        return writer.quota.charged(self.caller.client_id, units, writer.clock(), bill) if units else nullcontext()

    def _require_references(
        self, prepared: Sequence[Prepared], made: Mapping[str, Sequence[str]], met: Disclosures
    ) -> dict[str, tuple[str, ...]]:
        """Return the patients whose records the writes and what they refer to are, by key, and add them to `met`.

        Raises the 422 and 409 outcomes of references and If-Match, and 400 for too many patients.
        """
        written = {
            each.target.key: each.patients
            for each in prepared
            if each.entry.request.kind is not Kind.DELETE and each.target.hidden is None
        }
        judged = [(each, each.resource) for each in prepared if each.resource is not None]
        others = {key: other for each, _ in judged for key, other in each.referenced.items() if key not in written}
        stored = self.store.read_summaries(others.values())
        found: dict[int, FoundReferences] = {}
        for each, _ in judged:
            there = [stored[key] for key in each.referenced if key in stored]
            found[each.entry.position] = find_references(self.caller, there, previous=each.target.references)
        patients = patients_referred_to(found.values())
        # From here on the answer tells that these resources exist, also if it is a refusal.
        met.disclose(patients[:DECIDING])
        if self.ordered[0].is_alone and len(patients) > MAX_PATIENTS:
            raise refusals.refers_to_too_many_patients(self.ordered[0].request.type)
        self._require_room_for(prepared, [*made, *patients], met)
        full_urls = self.full_urls
        for each, resource in sorted(judged, key=lambda one: one[0].entry.position):
            request = each.entry.request
            with at_entry(each.entry.position, request.type.name):
                there_are = {*found[each.entry.position], *written}
                previous = each.target.references
                require_references(resource, each.references, there_are, request.root, full_urls, previous)
                require_match(request, each.target)
        return written | {key: patients for each in found.values() for key, patients in each.items()}

    def _require_unreferred(self, prepared: Sequence[Prepared]) -> None:
        """Raise the 409 outcome if a deleted resource would still be referred to once all is done."""
        positions = {each.target.key: each.entry.position for each in prepared}
        if referring := self._referring_types(prepared):
            key = min(referring, key=positions.__getitem__)
            types = referring[key]
            known = [name for name in types if _may_know(self.caller, name)]
            with at_entry(positions[key]):
                raise refusals.still_referred_to(known, others=len(known) < len(types))

    def _referring_types(self, prepared: Sequence[Prepared]) -> dict[str, list[str]]:
        """Return the types of what would still refer to a deleted resource once all is done, by its key."""
        deleted = {each.target.key for each in prepared if each.plan and each.plan.deletes}
        if not deleted:
            return {}
        counted = {key: Counter(counts) for key, counts in self.store.count_references(deleted).items()}
        for other in prepared:
            if other.plan:
                for key in other.plan.incremented & deleted:
                    counted[key][other.target.type.name] += 1
                for key in other.plan.decremented & deleted:
                    counted[key][other.target.type.name] -= 1
        referring = {key: [name for name, number in counts.items() if number > 0] for key, counts in counted.items()}
        return {key: types for key, types in referring.items() if types}


def _first_price_of(request: WriteRequest) -> int:
    """Return the first price of a request, which a batch has paid for its own."""
    return request.paid or first_price(request.resource, conditional=request.condition is not None)


def _unpaid(entries: Sequence[WriteEntry], prices: Mapping[int, int]) -> int:
    return sum(prices[each.position] - each.request.paid for each in entries)


def _known_keys(entries: Sequence[WriteEntry]) -> dict[int, str]:
    """Return the keys of the resources that entries name by their ids, by position."""
    return {each.position: each.request.key for each in entries if each.request.id and each.request.condition is None}


def _may_know(caller: Caller, type_name: str) -> bool:
    """Return True if a caller may read or search a type, and so be informed that there are resources of it.

    A bound one may not: the resources that are counted may be in other records, and to one whose letters are limited
    they may not be open.
    """
    type_ = resource_type(type_name)
    return (
        type_ is not None
        and not caller.patient
        and any(caller.may_all(type_, letter) for letter in (Letter.READ, Letter.SEARCH))
    )


def _versions_made(prepared: Sequence[Prepared]) -> dict[str, list[str]]:
    """Return for each patient the versions of the record that will be made.

    A resource that moves from one compartment to another concerns the patients of both.
    """
    made: defaultdict[str, list[str]] = defaultdict(list)
    for each in prepared:
        if each.plan:
            for patient in each.patients or (NOBODY,):
                made[patient].append(f"{each.target.key}/_history/{each.plan.version}")
    return made


def _versions_referring(prepared: Sequence[Prepared], referred: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """Return for each patient the versions that will refer to their record; `referred` are the patients by key."""
    referring: defaultdict[str, list[str]] = defaultdict(list)
    for each in prepared:
        if each.plan:
            patients = {patient for key in each.referenced for patient in referred.get(key, ())}
            for patient in sorted(patients - {*each.patients}):
                referring[patient].append(f"{each.target.key}/_history/{each.plan.version}")
    return referring


def _result(prepared: Prepared) -> WriteResult:
    """Return the result of a write that is done. Nothing may fail by then, as the attempt would be made again."""
    plan, target = prepared.plan, prepared.target
    if plan is None and prepared.entry.request.kind is Kind.DELETE:
        return WriteResult(204)
    body = (plan.body if plan else target.body) or {}
    text = body["body"]["S"] if "body" in body else ""
    if plan is None:
        return WriteResult(200, target.id, target.version, target.updated, text)
    return WriteResult(int(body["status"]["S"]), target.id, plan.version, plan.updated, text)
