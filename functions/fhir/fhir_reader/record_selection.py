"""The part of a patient's record that `$everything` is asked for: by type, date and change (`fhir.md`, Everything)."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import LAST_UPDATED, ResourceType
from careconnect.search.criteria import parse_instant
from careconnect.search.values import FIRST_INSTANT, LAST_INSTANT, SearchValueError, SearchValues, date_range
from fhir_reader.search.parse import SINCE, SearchQuery
from fhir_reader.store.stored import Entry


@dataclass(frozen=True, slots=True)
class RecordSelection:
    """The resources of `types`, by their names, that overlap a time and were last changed at or after `since`.

    Times are in epoch milliseconds, `end` is exclusive. The patient overlaps any time, and so does a resource without a
    date.
    """

    types: Collection[str]
    start: int = FIRST_INSTANT
    end: int = LAST_INSTANT
    since: int = FIRST_INSTANT

    def holds(self, entry: Entry) -> bool:
        """Return True if the resource of an index entry is selected."""
        if entry.type.name not in self.types:
            return False
        if (self.start, self.end, self.since) == (FIRST_INSTANT, LAST_INSTANT, FIRST_INSTANT):
            return True
        values = entry.values
        return bool(values[LAST_UPDATED.name][0][0] >= self.since) and self._overlaps(entry.type, values)

    def _overlaps(self, type_: ResourceType, values: SearchValues) -> bool:
        ranges = () if type_.is_patient or not type_.order_by else values.get(type_.order_by, ())
        return not ranges or any(low < self.end and high > self.start for low, high in ranges)


def selection_of(query: SearchQuery) -> RecordSelection:
    """Return the selection by the parameters of `$everything`; raises the 400 outcomes of malformed ones.

    The last of several counts, but all types that are named.
    """
    offered = (query.type.name, *query.type.members)
    selection = RecordSelection(offered)
    named: list[str] = []
    for name, text in query.used:
        match name:
            case "start":
                selection = replace(selection, start=_range(name, text)[0])
            case "end":
                selection = replace(selection, end=_range(name, text)[1])
            case "_type":
                named += text.split(",")
            case _ if name == SINCE:
                selection = replace(selection, since=parse_instant(name, text))
    if not set(named) <= set(offered):
        raise outcomes.invalid_parameter("_type", f"takes {', '.join(offered)}, separated by commas.")
    return replace(selection, types=frozenset(named)) if named else selection


def _range(name: str, text: str) -> tuple[int, int]:
    try:
        return date_range(text)
    except SearchValueError:
        raise outcomes.invalid_parameter(name, "takes a date such as 2017, 2017-10 or 2017-10-19.") from None
