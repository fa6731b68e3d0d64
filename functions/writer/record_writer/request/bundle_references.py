"""References between the entries of a transaction Bundle, and those by a condition (STU3 HTTP §3.1.0.11.2)."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from careconnect_records.items.reference_counts import literal_references

# Within one tag: a search from each `<a` to the text's end would take quadratic time.
_HREF: Final = re.compile(r"""(<a\s(?:[^<>]*?\s)?href\s*=\s*)("[^"]*"|'[^']*')""")
_CONDITION: Final = re.compile(r"([A-Z][A-Za-z]*)\?(.+)")


def conditions_in(resource: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the conditional references of a resource (`Patient?identifier=…`): the text, its type and its query."""
    for text in literal_references(resource):
        if matched := _CONDITION.fullmatch(text):
            yield text, matched[1], matched[2]


def with_references(resource: dict[str, Any], names: Mapping[str, str], fhir_base: str) -> dict[str, Any]:
    """Return a resource in which each reference that is one of `names` is the key of its resource (`Patient/4`).

    So are the links of narratives, as absolute URLs.
    """

    def link(matched: re.Match[str]) -> str:
        quote, name = matched[2][0], matched[2][1:-1]
        return f"{matched[1]}{quote}{fhir_base}/{names[name]}{quote}" if name in names else matched[0]

    def narrative(text: str) -> str:
        return _HREF.sub(link, text)

    rewritten: dict[str, Any] = _rewritten(resource, names, narrative)
    return rewritten


def _rewritten(node: Any, names: Mapping[str, str], narrative: Callable[[str], str]) -> Any:
    if isinstance(node, list):
        return [_rewritten(each, names, narrative) for each in node]
    if not isinstance(node, dict):
        return node
    changed = {name: _rewritten(value, names, narrative) for name, value in node.items()}
    text = changed.get("reference")
    if isinstance(text, str) and "resourceType" not in changed:
        changed["reference"] = names.get(text, text)
    if isinstance(changed.get("div"), str):
        changed["div"] = narrative(changed["div"])
    return changed
