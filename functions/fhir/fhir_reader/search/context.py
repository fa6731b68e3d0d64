"""What every search needs beside its own question."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from fhir_reader.budget import Budget
from fhir_reader.caller import Caller
from fhir_reader.rendering.views import View
from fhir_reader.search.next_link import Cursor, seal, unseal
from fhir_reader.search.query import CURSOR
from fhir_reader.search.result_parameters import ResultParameters
from fhir_reader.store.stored import ResourceStore

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class SearchContext:
    """Where things are, who asks, how the answer is to look, and what it may cost.

    `store` is paid for from `budget`; `path` is what was asked, below the base.
    """

    store: ResourceStore
    budget: Budget
    caller: Caller
    result: ResultParameters
    fhir_base: str
    path: str

    @property
    def view(self) -> View:
        """How the answer is to look."""
        return self.result.view

    def url(self, parameters: Parameters) -> str:
        """Return the absolute URL of this search with some parameters."""
        query = urlencode(list(parameters), quote_via=quote, safe=":/,.-_~$")
        return f"{self.fhir_base}/{self.path}" + (f"?{query}" if query else "")

    def next_url(self, used: Parameters, cursor: Cursor) -> str:
        """Return the URL of the page that begins after a place."""
        sealed = seal(cursor, self.store.seal_key(), self._bound_to(used))
        return self.url([*used, (CURSOR, sealed)])

    def open_cursor(self, used: Parameters, text: str) -> Cursor:
        """Open the cursor of a `next` link; raises the 400 outcome if it was not given for this search."""
        return unseal(text, self.store.seal_key(), self._bound_to(used))

    def _bound_to(self, used: Parameters) -> str:
        # A total counts what one access may see: the link is of no use to another.
        caller = self.caller
        return json.dumps([self.path, list(used), caller.client_id, caller.scope, caller.patient])
