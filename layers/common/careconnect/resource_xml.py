"""A FHIR resource in its XML form (STU3 XML §2.6.2)."""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr


def resource_xml(resource: Mapping[str, Any]) -> str:
    """Render a resource whose members are in the order of its definition; only extensions' `url` is an attribute."""
    members = {name: value for name, value in resource.items() if name != "resourceType"}
    name = resource["resourceType"]
    return f'<{name} xmlns="http://hl7.org/fhir">{_elements(members)}</{name}>'


def _elements(members: Mapping[str, Any]) -> str:
    return "".join(
        _element(name, each)
        for name, value in members.items()
        for each in (value if isinstance(value, list) else [value])
    )


def _element(name: str, value: Any) -> str:
    if not isinstance(value, Mapping):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f"<{name} value={quoteattr(text)}/>"
    if name != "extension":
        return f"<{name}>{_elements(value)}</{name}>"
    rest = {member: each for member, each in value.items() if member != "url"}
    return f"<extension url={quoteattr(value['url'])}>{_elements(rest)}</extension>"
