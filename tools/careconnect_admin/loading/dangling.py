"""Find the references of a load that lead nowhere: to what neither the load nor the tables hold."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from careconnect.fhir.resource_types import resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect_records.items.extract import LITERAL_REFERENCE
from careconnect_records.items.record import NewVersion, deleted_version


@dataclass(slots=True)
class Dangling:
    """What is pointed at and not there: how many references lead to it, and one of the resources that they are in."""

    target: str
    count: int
    source: str


class References:
    """What the resources of a load point at on this server, whose root URL is `base_url`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._fhir_base = f"{base_url.rstrip('/')}{FHIR_PATH}" if base_url else ""
        self._found: dict[str, Dangling] = {}

    def note(self, content: NewVersion) -> None:
        """Take down what a resource points at."""
        for text in _references(content.resource):
            target = self._target(text)
            if target:
                self._found.setdefault(target, Dangling(target, 0, content.key)).count += 1

    def dangling(
        self, loaded: Collection[str], present: Callable[[Sequence[NewVersion]], Collection[str]]
    ) -> list[Dangling]:
        """Return what is not there, most pointed at first.

        `loaded` are the keys that the load itself has brought; `present` returns those that are in the tables.
        """
        missing = [each for each in self._found.values() if each.target not in loaded]
        asked = []
        for each in missing:
            type_name, _, resource_id = each.target.partition("/")
            if served := resource_type(type_name):
                asked.append(deleted_version(served, resource_id))
        there = present(asked)
        return sorted((each for each in missing if each.target not in there), key=lambda each: -each.count)

    def _target(self, text: str) -> str:
        """Return `Type/id`, or a URN, which can be no resource here; `""` for another server's."""
        literal = LITERAL_REFERENCE.fullmatch(text)
        if literal is None:
            # Within its Bundle it would have been resolved (STU3 Bundle §2.36.4).
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
