"""References between the entries of a transaction Bundle, and those by a condition (STU3 HTTP §3.1.0.11.2)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect_records.items.extract import ABSOLUTE_URI
from careconnect_records.items.reference_counts import literal_references
from careconnect_records.stu3.schema import Element, model_beside_primitive, model_of, shape_of

# Within one tag: a search from each `<a` to the text's end would take quadratic time.
_HREF: Final = re.compile(r"""(<a\s(?:[^<>]*?\s)?href\s*=\s*)("[^"]*"|'[^']*')""")
_CONDITION: Final = re.compile(r"([A-Z][A-Za-z]*)\?(.+)")


def is_condition(text: str) -> bool:
    """Return True if a reference's text is a condition."""
    return _CONDITION.fullmatch(text) is not None


def conditions_in(resource: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the conditional references of a resource (`Patient?identifier=…`): the text, its type and its query."""
    for text in literal_references(resource):
        if matched := _CONDITION.fullmatch(text):
            yield text, matched[1], matched[2]


def with_references(resource: dict[str, Any], names: Mapping[str, str], fhir_base: str) -> dict[str, Any]:
    """Return a resource in which each reference that is one of `names` is the key of its resource (`Patient/4`).

    So is each element of type uri that is one of the full URLs among them. The links of narratives become absolute
    URLs. What is not as its type defines it stays.
    """
    rewritten: dict[str, Any] = _Names(names, fhir_base).in_resource(resource)
    return rewritten


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of a transaction's resources, with their keys, and the FHIR base of this server."""

    keys: Mapping[str, str]
    fhir_base: str

    def in_resource(self, resource: Any) -> Any:
        name = resource.get("resourceType")
        model = model_of(name) if isinstance(name, str) else None
        return resource if model is None else self._in_object(resource, model)

    def _in_object(self, node: dict[str, Any], model: Any) -> dict[str, Any]:
        shape = shape_of(model)
        return {name: self._in_value(value, shape.get(name.removeprefix("_")), model) for name, value in node.items()}

    def _in_value(self, value: Any, element: Element | None, model: Any) -> Any:
        if element is None:
            return value
        if isinstance(value, list):
            return [self._in_value(each, element, model) for each in value]
        if isinstance(value, str):
            return self._in_text(value, element, model.__name__)
        if not isinstance(value, dict):
            return value
        if element.primitive:
            return self._in_object(value, model_beside_primitive())
        contains = element.type_class.__name__ == "Resource"
        return self.in_resource(value) if contains else self._in_object(value, element.type_class)

    def _in_text(self, text: str, element: Element, owner: str) -> str:
        match owner, element.name, element.primitive:
            case "Reference", "reference", _:
                return self._reference(text)
            case _, _, "xhtml":
                return _HREF.sub(self._link, text)
            case ("Extension", "url", _) | ("Meta", "profile", _) | (_, "system", _):
                # Names of definitions, and of sets of codes or identifiers.
                return text
            case _, _, "uri" if ABSOLUTE_URI.fullmatch(text):
                # Of the names only full URLs are absolute.
                return self.keys.get(text, text)
        return text

    def _reference(self, text: str) -> str:
        if text in self.keys:
            return self.keys[text]
        name, _, version = text.partition("/_history/")
        key = self.keys.get(name, "") if version else ""
        # Of a resource that is known by its own address, the version is one of this server's.
        return text if not key or f"{self.fhir_base}/{key}" in self.keys else key

    def _link(self, matched: re.Match[str]) -> str:
        quote, name = matched[2][0], matched[2][1:-1]
        return f"{matched[1]}{quote}{self.fhir_base}/{self.keys[name]}{quote}" if name in self.keys else matched[0]
