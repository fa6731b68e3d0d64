"""Parse a search of the audit trail and bound the part of the trail to read (`audit.md`)."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from access_auditor.scan_events import Window, bound_at
from careconnect.audit.event import is_event_id
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue
from careconnect.fhir.resource_types import AUDIT_EVENT, ID_PARAMETER, Modifier
from careconnect.fhir.result_parameter_names import SEARCH_PARAMETERS
from careconnect.search.criteria import Criterion, DateBound, parse_criterion
from careconnect.search.result_parameters import Handling, Offer, Order, sort_parameters
from careconnect.search.values import FIRST_INSTANT, LAST_INSTANT
from careconnect.storage.keys import resource_key

_CLOCKS_APART: Final = 60_000
"""Milliseconds by which the clock of an event's writer may be ahead of this function's clock."""

_UNBOUNDED_DAYS: Final = 7
"""Days that a search covers if it names neither a patient nor a start time."""

_JOINING: Final = ("_include", "_revinclude", "_has")

PATIENT: Final = next(each for each in AUDIT_EVENT.parameters if each.compartment)
"""The parameter that links an event to a patient."""
DATE: Final = next(each for each in AUDIT_EVENT.parameters if each.name == AUDIT_EVENT.order_by)
"""The parameter that orders events."""


@dataclass(slots=True)
class EventQuery:
    """A parsed search; `used` are the supported parameters as the client sent them."""

    criteria: list[Criterion] = field(default_factory=list)
    cursor: str = ""
    used: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)

    def bound(self, now: int) -> None:
        """Add a lower bound of `date` to a search that would otherwise read all stored events.

        The bound is added like a parameter of the client, so that the `self` link and the next pages have it too. `now`
        is in epoch milliseconds.
        """
        is_direct = self.patients() is not None or self.event_ids() is not None
        if is_direct or any(start > FIRST_INSTANT for start, _ in self._spans()):
            return
        since = datetime.fromtimestamp(now // 1000, UTC) - timedelta(days=_UNBOUNDED_DAYS)
        text = f"ge{since:%Y-%m-%dT%H:%M:%SZ}"
        self.criteria.append(parse_criterion(DATE, "", text, fhir_base="", now=now))
        # Next to the other `date` parameters: the next pages group parameters by name.
        position = max((number for number, (name, _) in enumerate(self.used, start=1) if name == DATE.name), default=0)
        self.used.insert(position, (DATE.name, text))

    def window(self, now: int) -> Window:
        """Return the window of sort keys that can contain matches; `now` is in epoch milliseconds."""
        low, before = 0, now + _CLOCKS_APART
        for start, end in self._spans():
            low, before = max(low, start), min(before, end)
        return Window(bound_at(low), bound_at(before))

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Yield for each `date` criterion the start and the exclusive end of the span that covers all its values."""
        for criterion in self.criteria:
            if criterion.parameter is DATE and criterion.modifier != Modifier.MISSING:
                spans = [_span(bound) for bound in criterion.values]
                yield min(start for start, _ in spans), max(end for _, end in spans)

    def patients(self) -> tuple[str, ...] | None:
        """Return the ids of the patients that matching events must have, or None if any event can match."""
        for criterion in self.criteria:
            if criterion.parameter is PATIENT and criterion.modifier != Modifier.MISSING:
                return tuple(dict.fromkeys(id_ for id_ in map(patient_id, criterion.values) if id_))
        return None

    def event_ids(self) -> tuple[str, ...] | None:
        """Return the only event ids that can match, or None if any event can match."""
        for criterion in self.criteria:
            if criterion.parameter is ID_PARAMETER and not criterion.modifier:
                return tuple(token.code for token in criterion.values if is_event_id(token.code or ""))
        return None


def parse_event_search(
    parameters: Iterable[tuple[str, str]], *, handling: Handling, fhir_base: str, now: int
) -> EventQuery:
    """Parse the decoded parameters of a search, except its result parameters; `now` is in epoch milliseconds.

    An unsupported parameter is an error if STU3 defines it. Otherwise it is ignored with a warning, unless `handling`
    says otherwise. Raises the 400 outcomes for anything malformed.
    """
    query = EventQuery()

    def take(name: str, text: str) -> bool:
        head, _, modifier = name.partition(":")
        if "." in name or head in _JOINING:
            # Ignoring it would return more than requested, and its values are in tables that this function cannot read.
            raise outcomes.invalid_parameter(
                re.split("[:.]", name, maxsplit=1)[0],
                "no chain, include or condition of another resource is offered for events.",
                code="not-supported",
            )
        parameter = AUDIT_EVENT.parameter(head)
        if parameter is not None:
            query.criteria.append(parse_criterion(parameter, modifier, text, fhir_base=fhir_base, now=now))
        return parameter is not None or name in SEARCH_PARAMETERS

    names = (*AUDIT_EVENT.by_name, *SEARCH_PARAMETERS)
    sort_parameters(query, parameters, Offer(AUDIT_EVENT.name, names, handling), take)
    return query


def require_order(sort: Sequence[Order]) -> None:
    """Raise the 400 outcome for any order except the only supported one: the newest first."""
    if any(order.parameter is not DATE or not order.descending for order in sort):
        raise outcomes.invalid_parameter(
            "_sort", f"takes -{DATE.name} alone: the newest first is the one order of events.", code="not-supported"
        )


def of_patient(patient: str) -> Criterion:
    """Return the criterion that matches the events of one patient."""
    return Criterion(PATIENT, "", (patient_reference(patient),))


def patient_reference(patient: str) -> str:
    """Return the reference to a patient by its id."""
    (type_name,) = PATIENT.targets
    return resource_key(type_name, patient)


def patient_id(reference: str) -> str:
    """Return the id in a reference to a patient of this server, else an empty text."""
    type_name, _, resource_id = reference.partition("/")
    return resource_id if type_name in PATIENT.targets else ""


def _span(bound: DateBound) -> tuple[int, int]:
    """Return the start and the exclusive end, in epoch milliseconds, of the instants that a date bound matches."""
    match bound.prefix:
        case "gt" | "sa":
            return bound.high, LAST_INSTANT
        case "ge":
            return bound.low, LAST_INSTANT
        case "lt" | "eb":
            return FIRST_INSTANT, bound.low
        case "le":
            return FIRST_INSTANT, bound.high
        case "ne":
            return FIRST_INSTANT, LAST_INSTANT
        case _:
            return bound.low, bound.high
