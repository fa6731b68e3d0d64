"""What every search needs beside its own question."""

from dataclasses import dataclass, field

from careconnect.audit.trail import AuditTrail
from careconnect.fhir.rendering.views import View
from careconnect.oauth.caller import Caller
from careconnect.search.links import Links
from careconnect.search.result_parameters import ResultParameters
from fhir_reader.request_budget import RequestBudget
from fhir_reader.store.stored import ResourceStore


@dataclass(frozen=True, slots=True)
class SearchContext:
    """Where things are, who asks, how the answer is to look, and what it may cost.

    `store` is paid for from `budget`; `path` is what was asked, below the base. `sealed` says that the parameters came
    in a form, or within a link: then no `next` link shows them. `trail` writes the audit events of the
    request, which names patients by their ids (`named`) and by `identifiers`, which are looked up in the
    `unmetered` store.
    """

    store: ResourceStore
    budget: RequestBudget
    caller: Caller
    result: ResultParameters
    fhir_base: str
    path: str
    sealed: bool = False
    trail: AuditTrail = field(default_factory=AuditTrail)
    named: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    unmetered: ResourceStore | None = None

    @property
    def view(self) -> View:
        """How the answer is to look."""
        return self.result.view

    @property
    def links(self) -> Links:
        """The links of the answer's pages."""
        return Links(self.fhir_base, self.path, self.caller, self.store.seal_key, self.sealed)
