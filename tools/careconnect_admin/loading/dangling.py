"""Find the dangling references of a load: their targets are neither in the load nor in the tables."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from careconnect.fhir.resource_types import resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_records.items.extract import LITERAL_REFERENCE
from careconnect_records.writes.target import Target


@dataclass(slots=True)
class Dangling:
    """An absent target, the number of references that lead to it, and one of the resources that refer to it."""

    target: str
    count: int
    source: str


class References:
    """Collects the references of a load to this server, whose root URL is `base_url`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._fhir_base = f"{base_url.rstrip('/')}{FHIR_PATH}" if base_url else ""
        self._found: dict[str, Dangling] = {}

    def note(self, request: LoadRequest) -> None:
        """Collect the references of a resource."""
        for text in _references(request.resource):
            target = self._target(text)
            if target:
                self._found.setdefault(target, Dangling(target, 0, request.target.key)).count += 1

    def dangling(
        self, loaded: Collection[str], present: Callable[[Sequence[Target]], Collection[str]]
    ) -> list[Dangling]:
        """Return the absent targets, that with the most references first.

        `loaded` are the keys that the load itself has stored; `present` returns those of targets in the tables.
        """
        missing = [each for each in self._found.values() if each.target not in loaded]
        asked = []
        for each in missing:
            type_name, _, resource_id = each.target.partition("/")
            if served := resource_type(type_name):
                asked.append(Target(served, resource_id))
        there = present(asked)
        return sorted((each for each in missing if each.target not in there), key=lambda each: -each.count)

    def _target(self, text: str) -> str:
        """Return the target of a reference: `Type/id`, a URN, `Type?…` for a condition; `""` on another server.

        The values of a condition (`Patient?identifier=…`) identify people.
        """
        literal = LITERAL_REFERENCE.fullmatch(text)
        if literal is None:
            # A URN that its Bundle resolves was replaced by then (STU3 Bundle §2.36.4).
            condition = text.partition("?")
            if condition[1] and resource_type(condition[0]):
                return f"{condition[0]}?…"
            return text if text.startswith("urn:") else ""
        return f"{literal['type']}/{literal['id']}" if literal["base"] in (None, self._fhir_base) else ""


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        reference = node.get("reference")
        if isinstance(reference, str):
            yield reference
        for child in node.values():
            if isinstance(child, dict | list):
                yield from _references(child)
