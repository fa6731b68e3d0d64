"""What every search needs beside its own question."""

from dataclasses import dataclass, field

from careconnect.access_record.access import Access
from careconnect.caller import Caller
from careconnect.rendering.views import View
from careconnect.searching.links import Links
from careconnect.searching.result_parameters import ResultParameters
from fhir_reader.budget import Budget
from fhir_reader.store.stored import ResourceStore


@dataclass(frozen=True, slots=True)
class SearchContext:
    """Where things are, who asks, how the answer is to look, and what it may cost.

    `store` is paid for from `budget`; `path` is what was asked, below the base. `sealed` says that the parameters came
    in a form, or within a link: then no `next` link shows them. `access` takes down of whom the answer tells.
    """

    store: ResourceStore
    budget: Budget
    caller: Caller
    result: ResultParameters
    fhir_base: str
    path: str
    sealed: bool = False
    access: Access = field(default_factory=Access)

    @property
    def view(self) -> View:
        """How the answer is to look."""
        return self.result.view

    @property
    def links(self) -> Links:
        """The links of the answer's pages."""
        return Links(self.fhir_base, self.path, self.caller, self.store.seal_key, self.sealed)
