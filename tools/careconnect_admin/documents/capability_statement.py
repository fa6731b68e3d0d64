"""The CapabilityStatement, generated from the table of types and search parameters (STU3 CapabilityStatement)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from careconnect import __version__
from careconnect.fhir.interactions import (
    CONDITIONAL_CREATE,
    CONDITIONAL_DELETE,
    CONDITIONAL_UPDATE,
    PATIENT_KICK_OFF,
    UPDATE,
    conditional_interactions_of,
    interactions_of,
    operations_of,
)
from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.request import BASE, MAX_BUNDLE_ENTRIES, MAX_BUNDLE_MEGABYTES
from careconnect.fhir.resource_types import FHIR_VERSION, SERVED_TYPES, ResourceType, SearchParameter
from careconnect.http.base_url import BaseUrl
from service_discovery.built_documents import BULK_DATA

CONDITION: Final = "identifier=system|value"
"""The condition of a conditional write, as a client writes it (`write.md`, Conditions)."""
JSON_PATCH: Final = "application/json-patch+json"
"""The media type of a patch (RFC 6902 §6)."""

_BY_NAME_ONLY: Final = "The access record: who saw what. A scope opens it that names it, and no `*`."
_BUNDLES: Final = (
    f"A Bundle has at most {MAX_BUNDLE_ENTRIES} entries and {MAX_BUNDLE_MEGABYTES} MB. A transaction is about at most "
    "98 patients, and stores at most 6,000 items and 20 MB with its index."
)
_PUBLISHED: Final = "2026-11-29"
_SECURITY_SERVICES: Final = "http://hl7.org/fhir/restful-security-service"
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def capability_statement(base_url: BaseUrl) -> Mapping[str, Any]:
    """Return the CapabilityStatement of the service at `base_url`, with its members in the order that XML requires."""
    return {
        "resourceType": "CapabilityStatement",
        "version": __version__,
        "name": "CareConnect",
        "title": "Care Connect API",
        "status": "active",
        "date": _PUBLISHED,
        "publisher": "Care Connect",
        "description": "Read and write access to Care Connect patient records and their directory.",
        "kind": "instance",
        "instantiates": [f"{BULK_DATA}/CapabilityStatement/bulk-data"],
        "software": {"name": "Care Connect", "version": __version__},
        "implementation": {"description": "Care Connect API", "url": base_url.fhir},
        "fhirVersion": FHIR_VERSION,
        "acceptUnknown": "extensions",
        "format": [*(each.value for each in Format), "json", "xml"],
        "patchFormat": [JSON_PATCH],
        "rest": [
            {
                "mode": "server",
                "documentation": " ".join(
                    ("Every interaction but this one needs a SMART access token.", *_below(), *_writes(), _BUNDLES)
                ),
                "security": _security(base_url),
                "resource": [_resource(each) for each in SERVED_TYPES],
                "interaction": [{"code": each.code} for each in BASE.interactions],
                "operation": list(_operations()),
            }
        ],
    }


def _below() -> Iterator[str]:
    for owner in SERVED_TYPES:
        if owner.members:
            listed = ", ".join(owner.members)
            yield f"Below {owner.name}/[id] its own record is searched, as {owner.name}/[id]/[type]: {listed}."


def _writes() -> Iterator[str]:
    if any(each.writable for each in SERVED_TYPES):
        yield "A write is one transaction, and refused whole with an OperationOutcome that says where it is at fault."
        yield f"A condition is one {CONDITION}; If-Match may hold any write of an existing resource to a version."


def _security(base_url: BaseUrl) -> Mapping[str, Any]:
    return {
        "extension": [
            {
                "url": _OAUTH_URIS,
                "extension": [
                    {"url": "token", "valueUri": base_url.token_endpoint},
                    {"url": "introspect", "valueUri": f"{base_url.root}/introspect"},
                    {"url": "revoke", "valueUri": f"{base_url.root}/revoke"},
                ],
            }
        ],
        "cors": True,
        "service": [
            {
                "coding": [{"system": _SECURITY_SERVICES, "code": "SMART-on-FHIR", "display": "SMART-on-FHIR"}],
                "text": "OAuth 2.0 client credentials with SMART scopes",
            }
        ],
        "description": "Obtain a token for a registered client at the token endpoint and send it as a Bearer header.",
    }


def _resource(resource_type: ResourceType) -> Mapping[str, Any]:
    return {
        "type": resource_type.name,
        **({"documentation": _BY_NAME_ONLY} if resource_type.by_name_only else {}),
        "interaction": [{"code": each} for each in _interactions(resource_type)],
        # `versioned-update` would mean that an update without If-Match fails.
        "versioning": "versioned",
        "readHistory": resource_type.versioned,
        **_writing(resource_type),
        **({"searchInclude": with_all(resource_type.includes)} if resource_type.includes else {}),
        **({"searchRevInclude": with_all(resource_type.reverse_includes)} if resource_type.reverse_includes else {}),
        "searchParam": [_parameter(each) for each in (*resource_type.common, *resource_type.searchable)],
    }


def with_all(includes: Sequence[str]) -> list[str]:
    """Return the values of `_include` or `_revinclude`, and after them `Type:*` for each type among them."""
    return [*includes, *dict.fromkeys(f"{each.partition(':')[0]}:*" for each in includes)]


def _interactions(resource_type: ResourceType) -> Iterable[str]:
    """Return the codes of a type's interactions, each once."""
    return dict.fromkeys(each.code for each in interactions_of(resource_type) if not each.operation)


def _writing(resource_type: ResourceType) -> Mapping[str, Any]:
    conditional = conditional_interactions_of(resource_type)
    return {
        "updateCreate": UPDATE in interactions_of(resource_type),
        "conditionalCreate": CONDITIONAL_CREATE in conditional,
        "conditionalRead": "full-support",
        "conditionalUpdate": CONDITIONAL_UPDATE in conditional,
        "conditionalDelete": "single" if CONDITIONAL_DELETE in conditional else "not-supported",
        # References to other servers are stored unchanged, so the policy is not `local`.
        **({"referencePolicy": ["literal", "logical", "enforced"]} if resource_type.writable else {}),
    }


def _operations() -> Iterator[Mapping[str, Any]]:
    """Yield the operations, each once: HL7 defines one of many types for Resource, and those of exports in a guide."""
    rows = {row.operation: row for each in SERVED_TYPES for row in operations_of(each) if row is not PATIENT_KICK_OFF}
    for row in rows.values():
        types = [each.name for each in SERVED_TYPES if row in operations_of(each)]
        name, of = row.operation.removeprefix("$"), types[0] if len(types) == 1 else "Resource"
        definition = f"http://hl7.org/fhir/OperationDefinition/{of}-{name}"
        yield {"name": name, "definition": {"reference": definition}}
    # STU3 has no operations of a type: these are of the whole.
    for name in ("export", "patient-export"):
        yield {"name": name, "definition": {"reference": f"{BULK_DATA}/OperationDefinition/{name}"}}


def _parameter(parameter: SearchParameter) -> Mapping[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.type.value,
        "documentation": f"{', '.join(parameter.paths)}: {parameter.description}",
    }
