"""The price of a write in units of its client's quota, in two parts (`write.md`, Cost; ADR 38).

The first is known from the request: it is charged before anything is looked up. The second is that of the plan.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from careconnect.storage.quota import UNITS_PER_EVENT, UNITS_PER_WRITE_UNIT
from careconnect_records.items.reference_counts import literal_references
from careconnect_records.writes.cost import write_units
from careconnect_records.writes.plan import plan_holding
from record_writer.prepare import Prepared
from record_writer.request.write_request import Kind

UNITS_PER_ENTRY: Final = 60
"""The base price of a write: one call to read its target, and one event."""

UNITS_PER_LOOKUP: Final = 2 * UNITS_PER_WRITE_UNIT
"""The price of a look-up: that of the reference count which a reference has written."""


UNITS_PER_KILOBYTE: Final = 2 * UNITS_PER_WRITE_UNIT
"""The price of judging a kilobyte of a transaction that is not written: that of a kilobyte which is."""


def reading_price(size: int) -> int:
    """Return the price of judging a transaction of so many bytes that is refused before its look-ups."""
    return UNITS_PER_KILOBYTE * math.ceil(size / 1024)


def first_price(resource: Mapping[str, Any] | None, *, conditional: bool) -> int:
    """Return the base price of a write, and that of the look-ups which its condition and its references ask for."""
    references = {text for text in literal_references(resource or {}) if not text.startswith("#")}
    return UNITS_PER_ENTRY + UNITS_PER_LOOKUP * (len(references) + conditional)


def second_price(prepared: Prepared, paid: int, *, in_steps: bool) -> int:
    """Return the price of the changes and events of a prepared write, less the units `paid`."""
    patients = prepared.named
    # What a patched resource refers to is not known from the request.
    lookups = UNITS_PER_LOOKUP * len(prepared.referenced) if prepared.entry.request.kind is Kind.PATCH else 0
    if prepared.plan is not None:
        units = write_units(prepared.plan, max(1, len(patients)), in_steps=in_steps)
        return max(lookups, UNITS_PER_WRITE_UNIT * units - paid)
    # The first event is in the base price.
    units = lookups + UNITS_PER_EVENT * max(0, len(patients) - 1)
    if prepared.is_held:
        units += UNITS_PER_WRITE_UNIT * write_units(plan_holding(prepared.target), 0, in_steps=True)
    return units
