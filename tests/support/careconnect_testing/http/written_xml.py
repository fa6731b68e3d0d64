"""A parsed resource as the server returns it in XML."""

from typing import Any

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.stu3.element_order import in_order


def xml_text(resource: dict[str, Any], *, pretty: bool = False) -> str:
    """Return a valid resource as XML, by way of its stored JSON."""
    return resource_xml(json_text(in_order(resource)), pretty=pretty)
