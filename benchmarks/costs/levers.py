"""Compute the dollars that changes which are not made would save (`docs/savings.md`, Not done)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.costs import prices
from benchmarks.costs.bill import NOW, Settings, bill_of, changed_trail
from benchmarks.costs.request_cost import cost_of, event_units
from benchmarks.costs.sizes import SIZES, Size
from benchmarks.measurements.write_items import WrittenItem, write_items


@dataclass(frozen=True, slots=True)
class Lever:
    """A change of the deployment that would lower its bill, and what it would take away.

    `change` returns the settings of the bill with it.
    """

    name: str
    takes: str
    change: Callable[[Settings], Settings]


LEVERS: Final = (
    Lever(
        "the audit table in the class Standard-IA",
        "requests cost more, a month less; its price in London is unverified",
        lambda now: replace(now, infrequent_events=True),
    ),
    Lever(
        "one item for the events of a page of patients",
        "the one form of events: two for ever, in table, archive and reports",
        lambda now: replace(now, trail=changed_trail(now, shared=True)),
    ),
    Lever(
        "`AccessLogs=off`",
        "the gateway's line of each request, and the alarm `Denied`",
        lambda now: replace(now, access_log=False),
    ),
    Lever(
        "no id twice in an event: the request's, the client's",
        "whether there was no subject; two forms of events for ever",
        lambda now: replace(now, trail=changed_trail(now, ids_once=True)),
    ),
    Lever(
        "attribute names of one letter in events",
        "names that a reader of the archive understands; two forms for ever",
        lambda now: replace(now, trail=changed_trail(now, short_names=True)),
    ),
    Lever(
        "arm64",
        "nothing known; its speed was not measured",
        lambda now: replace(now, arm=True),
    ),
    Lever(
        "provisioned units, of which 70 % are used",
        "answers: what comes faster than the capacity grows is 503",
        lambda now: replace(now, provisioned=True),
    ),
    Lever(
        "an HTTP API in place of the REST API",
        "refusals in FHIR's form",
        lambda now: replace(now, http_api=True),
    ),
    Lever(
        "log groups of the class Infrequent Access",
        "metrics, so alarms",
        lambda now: replace(now, infrequent_logs=True),
    ),
)
"""In the order in which they are applied one after the other."""


def alone(size: Size, lever: Lever) -> float:
    """Return the dollars of a lever on the bill of a new stack: negative, as it saves."""
    return bill_of(size, lever.change(NOW)).total - bill_of(size).total


def in_turn(size: Size) -> Iterator[float]:
    """Yield the bill that is left after each lever and all before it."""
    settings = NOW
    for lever in LEVERS:
        settings = lever.change(settings)
        yield bill_of(size, settings).total


def rows() -> list[tuple[str, ...]]:
    """Return a row for each lever: dollars that it saves at each size, and a region's bill after it and all before."""
    region = SIZES["a region"]
    found = [("**now**", *[""] * len(SIZES), f"{bill_of(region).total:,.0f}", "")]
    for lever, left in zip(LEVERS, in_turn(region), strict=True):
        saved = (f"{alone(size, lever):+,.2f}" for size in SIZES.values())
        found.append((lever.name, *saved, f"{left:,.0f}", lever.takes))
    return found


def write_rows() -> list[tuple[str, ...]]:
    """Return a row for each item of a write: bytes, write units, and the dollars of a million writes without it."""
    whole = cost_of("write: `POST` of an Observation").total

    def row(what: str, size: str, units: float, saved: float, purpose: str) -> tuple[str, ...]:
        dollars = prices.WRITE_UNIT.of(prices.MILLION * saved)
        return (what, size, f"{units:g}", f"{whole - dollars:.2f}", purpose)

    def charged(item: WrittenItem, units: float) -> float:
        return event_units(units) if item.is_event else units

    items = write_items()
    units, alone = (sum(getattr(item, kind) for item in items) for kind in ("units", "alone"))
    saved = sum(charged(item, item.units - item.alone) for item in items)
    return [
        *(row(item.what, f"{item.bytes or ''}", item.units, charged(item, item.units), item.purpose) for item in items),
        row("**all**", "", units, 0, ""),
        row("all, each by itself", "", alone, saved, "fewer units, and no write that is all or nothing"),
    ]
