"""Which resources of a type a job exports, beside its instants and patients: filters, and what the scopes open."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from careconnect.export.job import Job
from careconnect.fhir.resource_types import ResourceType
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter, grants_of
from careconnect.search.criteria import Criterion, criterion_of
from careconnect.search.limits import limiting_values, limits_on
from careconnect.search.stored_values import IndexEntry, predicate_of, stored_values
from careconnect.search.values import SearchValues, order_key
from careconnect_records.items.extract import search_values
from careconnect_records.parsing.exact_json import parse_json

_LETTERS: Final = (Letter.READ, Letter.SEARCH)

Predicate = Callable[[IndexEntry], bool]


@dataclass(frozen=True, slots=True)
class _Entry:
    id: str
    stored: str


class Selected:
    """Tells which resources of a type a job exports, by their search values or their bodies."""

    def __init__(self, job: Job, type_: ResourceType) -> None:
        self._type = type_
        self._base_url = job.fhir_base.removesuffix(FHIR_PATH)
        caller = Caller(job.client_id, job.scope, grants_of(job.scope))
        self._limits = [limits for letter in _LETTERS if (limits := limits_on(caller, type_, letter))]
        filters = [
            [
                criterion
                for name, text in each.criteria
                if (criterion := criterion_of(type_, name, text, fhir_base=job.fhir_base, now=job.at))
            ]
            for each in job.selection.filters_of(type_.name)
        ]
        limiting = [[limit.criteria for limit in limits] for limits in self._limits]
        alternatives: list[Sequence[Sequence[Criterion]]] = [filters, *limiting]
        self._tests = [self._any_of(criteria) for criteria in alternatives if criteria]

    @property
    def is_all(self) -> bool:
        """Whether all resources are exported, so that nobody needs their search values."""
        return not self._tests

    @property
    def is_limited(self) -> bool:
        """Whether the scopes open only some resources of the type."""
        return bool(self._limits)

    def holds(self, resource_id: str, stored: str) -> bool:
        """Return True if a resource with the text of such stored search values is exported."""
        entry = _Entry(resource_id, stored)
        return all(test(entry) for test in self._tests)

    def holds_of(self, resource_id: str, body: str) -> bool:
        """Return True if a resource with such a body is exported."""
        if self.is_all:
            return True
        stored = stored_values(self._type, self._values(body))
        return self.holds(resource_id, json.dumps(stored, ensure_ascii=False))

    def opens(self, body: str) -> bool:
        """Return True if the scopes open a resource with such a body, whatever the filters say."""
        values = limiting_values(self._type, json.loads(body)) if self._limits else {}
        return all(any(limit.holds(values) for limit in limits) for limits in self._limits)

    def order_of(self, body: str) -> str:
        """Return the order key of a resource with such a body: of its entries in the index."""
        return order_key(self._values(body), self._type.order_by)

    def _values(self, body: str) -> SearchValues:
        resource: Any = parse_json(body)
        return search_values(resource, base_url=self._base_url)

    def _any_of(self, alternatives: Sequence[Sequence[Criterion]]) -> Predicate:
        tests = [predicate_of(self._type, criteria) for criteria in alternatives]
        return tests[0] if len(tests) == 1 else lambda entry: any(test(entry) for test in tests)
