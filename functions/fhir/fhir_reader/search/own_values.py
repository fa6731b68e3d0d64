"""What an entry's own values say: whether the criteria on them hold, and whether the caller may see it at all."""

from collections.abc import Iterator, Sequence

from careconnect.fhir.resource_types import ID_PARAMETER, ResourceType
from careconnect.oauth.caller import Caller
from careconnect.search.criteria import Criterion, Token
from careconnect.storage.keys import resource_key
from fhir_reader.request_budget import COMPARISONS_PER_ENTRY
from fhir_reader.search.context import SearchContext
from fhir_reader.search.referrers import is_visible
from fhir_reader.store.stored import Entry


class OwnValues:
    """Compares the values of entries with criteria, and accounts for that."""

    def __init__(self, criteria: Sequence[Criterion], context: SearchContext) -> None:
        self._context = context
        self._matchers = [criterion.matcher() for criterion in criteria]
        self._extra = sum(criterion.comparisons for criterion in criteria) // COMPARISONS_PER_ENTRY

    def match(self, entry: Entry) -> bool:
        """Say whether an entry is in sight and its own values match."""
        return self.matching(entry) is not None

    def matching(self, entry: Entry) -> Entry | None:
        """Return an entry with its values at hand if it is in sight and these match, else None."""
        if not is_visible(entry, self._context):
            return None
        if not self._matchers:
            return entry
        if self._extra:
            self._context.budget.examine(self._extra)
        values = entry.values
        for matches in self._matchers:
            if not matches(values):
                return None
        return entry.holding(values)


def compartment_criterion(type_: ResourceType, caller: Caller) -> Iterator[Criterion]:
    """Yield what a bound caller's search is limited to, so that its way begins there too."""
    if not caller.patient:
        return
    if type_.is_patient:
        yield Criterion(ID_PARAMETER, "", (Token(None, caller.patient),))
    elif (reference := type_.patient_parameter) is not None:
        yield Criterion(reference, "", tuple(resource_key(target, caller.patient) for target in reference.targets))
