"""The price of a Bundle's entry, which is charged before any is begun (`bundles.md`; ADR 38)."""

from typing import Final

from bundle_processor.bundle_request import Entry
from careconnect.fhir.interactions import Agent, Shape
from careconnect.storage.quota import UNITS_PER_EVENT
from careconnect.storage.read_charges import UNITS_PER_CALL
from record_writer.price import first_price

_OF_ONE: Final = frozenset({Shape.INSTANCE, Shape.VERSION})
_UNITS_OF_ONE: Final = UNITS_PER_CALL + UNITS_PER_EVENT
_UNITS_OF_A_PAGE: Final = 2 * UNITS_PER_CALL + 20 * UNITS_PER_EVENT


def is_read(entry: Entry) -> bool:
    """Return True if an entry reads or searches."""
    interaction = entry.interaction
    return entry.method in ("GET", "HEAD") or (interaction is not None and interaction.agent is Agent.READER)


def price_of(entry: Entry) -> int:
    """Return the usual price of a read, or the first price of a write; a dearer page or plan is charged later."""
    if is_read(entry):
        return _UNITS_OF_ONE if entry.parsed and entry.parsed.shape in _OF_ONE else _UNITS_OF_A_PAGE
    interaction = entry.interaction
    return first_price(entry.resource, conditional=interaction is not None and bool(interaction.condition))
