"""The context that all stages of a search share."""

from dataclasses import dataclass, field

from careconnect.audit.disclosures import Disclosures
from careconnect.oauth.caller import Caller
from careconnect.search.links import Links
from careconnect.search.result_parameters import ResultParameters
from fhir_reader.budget import RequestBudget
from fhir_reader.store.resource_store import ResourceStore
from fhir_reader.store.stored import Entry


@dataclass(frozen=True, slots=True)
class SearchContext:
    """The store, the caller, the budget, and the form of the answer.

    `store` is charged to `budget`. The request names patients by their ids (`named`) and by `identifiers`, which are
    looked up in the `uncharged` store for the audit trail alone. The stages add to `found` of whom the answer tells.
    If a criterion names persons, `places` are kept among the patients of whom the request may tell, for those of the
    match that makes a difference, and `met` holds the resources through which chains lead, by condition and by key.
    """

    store: ResourceStore
    uncharged: ResourceStore
    budget: RequestBudget
    caller: Caller
    result: ResultParameters
    fhir_base: str
    links: Links
    found: Disclosures = field(default_factory=Disclosures)
    named: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    places: int = 0
    met: dict[int, dict[str, dict[str, Entry]]] | None = None
