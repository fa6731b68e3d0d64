"""Replace references by their display."""

from collections.abc import Collection
from typing import Any, Final

from careconnect_records.items.reference_counts import local_target

NO_DISPLAY: Final = "erased"
"""The display of a reference that had none: an element needs some value."""

_LEADS_THERE: Final = ("reference", "_reference", "identifier")


def unlinked(node: Any, targets: Collection[str], *, base_url: str) -> Any:
    """Return a resource, or a part of one, in which each reference to one of `targets` is its display alone."""
    if isinstance(node, list):
        return [unlinked(each, targets, base_url=base_url) for each in node]
    if not isinstance(node, dict):
        return node
    text = node.get("reference")
    if isinstance(text, str) and "resourceType" not in node and local_target(text, base_url=base_url) in targets:
        kept = {name: value for name, value in node.items() if name not in _LEADS_THERE}
        return kept if "display" in kept else {**kept, "display": NO_DISPLAY}
    return {name: unlinked(value, targets, base_url=base_url) for name, value in node.items()}
