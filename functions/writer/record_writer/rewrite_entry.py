"""Rewrite the references of a transaction's entry to the resources of other entries (`bundles.md`, Transaction)."""

from collections.abc import Mapping
from dataclasses import replace

from careconnect_records.items.references import fhir_base_of
from record_writer.checks.compartment import patients_in_body
from record_writer.request.bundle_references import with_references
from record_writer.request.write_entry import WriteEntry
from record_writer.request.write_request import WriteRequest


def rewritten(entry: WriteEntry, names: Mapping[str, str]) -> WriteRequest:
    """Return an entry's request with the references of its resource as they will be stored; `names` are of all."""
    request = entry.request
    if not request.resource:
        return request
    resource = with_references(request.resource, _names_for(entry, names), fhir_base_of(request.root))
    return replace(request, resource=resource, patients=patients_in_body(request.type, resource, request.root))


def _names_for(entry: WriteEntry, names: Mapping[str, str]) -> Mapping[str, str]:
    """Return the names by which an entry refers to others: relative ones belong to the base of its own full URL."""
    if not entry.base:
        return names
    base = f"{entry.base}/"
    return {**names, **{name.removeprefix(base): key for name, key in names.items() if name.startswith(base)}}
