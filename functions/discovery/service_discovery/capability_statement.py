"""The CapabilityStatement, made from the one table of types and search parameters (STU3 CapabilityStatement)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from careconnect import __version__
from careconnect.base_url import BaseUrl
from careconnect.formats import Format
from careconnect.resource_types import (
    COMMON_PARAMETERS,
    FHIR_PATH,
    FHIR_VERSION,
    RESOURCE_TYPES,
    ResourceType,
    SearchParameter,
)

METADATA_PATH: Final = f"{FHIR_PATH}/metadata"

_PUBLISHED: Final = "2026-11-01"
_SECURITY_SERVICES: Final = "http://hl7.org/fhir/restful-security-service"
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def capability_statement(base_url: BaseUrl) -> Mapping[str, Any]:
    """Return the CapabilityStatement of the service at `base_url`, its members in the order that XML needs."""
    return {
        "resourceType": "CapabilityStatement",
        "version": __version__,
        "name": "CareConnect",
        "title": "Care Connect API",
        "status": "active",
        "date": _PUBLISHED,
        "publisher": "Care Connect",
        "description": "Read access to Care Connect patient records and their directory.",
        "kind": "instance",
        "software": {"name": "Care Connect", "version": __version__},
        "implementation": {"description": "Care Connect API", "url": base_url.fhir},
        "fhirVersion": FHIR_VERSION,
        "acceptUnknown": "extensions",
        "format": [*(each.value for each in Format), "json", "xml"],
        "rest": [
            {
                "mode": "server",
                "documentation": " ".join(("Every interaction but this one needs a SMART access token.", *_below())),
                "security": _security(base_url),
                "resource": [_resource(each) for each in RESOURCE_TYPES],
                "operation": [_operation(each, name) for each in RESOURCE_TYPES for name in each.operations],
            }
        ],
    }


def _below() -> Iterator[str]:
    for owner in RESOURCE_TYPES:
        if owner.members:
            listed = ", ".join(owner.members)
            yield f"Below {owner.name}/[id] its own record is searched, as {owner.name}/[id]/[type]: {listed}."


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
        "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "conditionalRead": "full-support",
        **({"searchInclude": list(resource_type.includes)} if resource_type.includes else {}),
        **({"searchRevInclude": list(resource_type.reverse_includes)} if resource_type.reverse_includes else {}),
        "searchParam": [_parameter(each) for each in (*COMMON_PARAMETERS, *resource_type.searchable)],
    }


def _operation(resource_type: ResourceType, name: str) -> Mapping[str, Any]:
    name = name.removeprefix("$")
    definition = f"http://hl7.org/fhir/OperationDefinition/{resource_type.name}-{name}"
    return {"name": name, "definition": {"reference": definition}}


def _parameter(parameter: SearchParameter) -> Mapping[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.type.value,
        "documentation": f"{', '.join(parameter.paths)}: {parameter.description}",
    }
