"""Find the patients of the resources between a match and the end of a chain or `_has` (`audit.md`, Whose)."""

from collections.abc import Iterable, Iterator
from itertools import islice

from careconnect.storage.keys import resource_key
from fhir_reader.search.chains.criteria import Chain, ChainedCondition, Has, SearchCondition
from fhir_reader.search.context import SearchContext
from fhir_reader.store.stored import Entry, PageEntry


def note_met(condition: ChainedCondition, met: Iterable[Entry], context: SearchContext) -> None:
    """Keep the targets that met a chain's condition, or the referrers that met that of a `_has`, if it matters."""
    if context.met is None:
        return
    # By identity, since the query keeps its conditions: the hash of one would be that of all its parameters.
    by_key = context.met.setdefault(id(condition), {})
    for entry in met:
        key = resource_key(entry.type.name, entry.id)
        for each in (key,) if isinstance(condition, Chain) else entry.values.get(condition.reference.name, ()):
            by_key.setdefault(each, {})[key] = entry


def led_through(
    conditions: Iterable[SearchCondition], match: Entry | PageEntry, context: SearchContext
) -> Iterator[str]:
    """Yield the patients of the resources through which conditions led to a match, of one resource for each reference.

    If several led there, the match does not depend on any of them: the first is enough.
    """
    for condition in conditions:
        if context.met is None or not isinstance(condition, Chain | Has):
            continue
        own = [resource_key(match.type.name, match.id)]
        keys = match.values.get(condition.reference.name, ()) if isinstance(condition, Chain) else own
        by_key = context.met.get(id(condition), {})
        for through in islice((entry for key in keys for entry in by_key.get(key, {}).values()), 1):
            yield from through.patients
            yield from led_through(_behind(condition, through), through, context)


def _behind(condition: ChainedCondition, through: Entry) -> Iterator[SearchCondition]:
    """Yield the conditions that a resource behind a chain or `_has` has met."""
    if isinstance(condition, Has):
        yield condition.inner
    else:
        yield from (branch.condition for branch in condition.branches if branch.type is through.type)
