"""Replace a resource's references to one patient by references to another."""

from collections.abc import Iterator
from typing import Any, Final

from careconnect_records.items.reference_counts import local_target
from careconnect_records.items.references import references_of

_OF_THE_FORMER: Final = ("_reference", "display", "_display", "identifier")
"""What else a Reference may have that names the patient whom it led to."""


def refiled(node: Any, former: str, patient: str, *, base_url: str) -> Any:
    """Return a resource, or a part of one, with each reference to `former` (`Patient/5`) to `patient` instead.

    Display and identifier of such a reference name the former patient, and go.
    """
    if isinstance(node, list):
        return [refiled(each, former, patient, base_url=base_url) for each in node]
    if not isinstance(node, dict):
        return node
    text = node.get("reference")
    if isinstance(text, str) and "resourceType" not in node and local_target(text, base_url=base_url) == former:
        node = {name: value for name, value in node.items() if name not in _OF_THE_FORMER} | {"reference": patient}
    return {name: refiled(value, former, patient, base_url=base_url) for name, value in node.items()}


def elements_referring(resource: dict[str, Any], target: str, *, base_url: str) -> Iterator[str]:
    """Yield the elements of a resource that refer to `target`, without the type (`subject`, `performer[0]`)."""
    for reference in references_of(resource):
        if local_target(reference.text, base_url=base_url) == target:
            yield reference.expression.partition(".")[2]
