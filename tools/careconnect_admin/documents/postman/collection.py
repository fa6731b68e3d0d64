"""The collection and its environment, assembled from all requests."""

from typing import Final

from careconnect_admin.clients.demo import LIMITED_ACCESS, MEDICATION_ACCESS, PATIENT_ACCESS, DemoClient
from careconnect_admin.documents.postman.access_requests import access_folder, refusals
from careconnect_admin.documents.postman.audit_requests import audit_folder
from careconnect_admin.documents.postman.discovery_requests import discovery_requests
from careconnect_admin.documents.postman.export_requests import export_folder
from careconnect_admin.documents.postman.items import Json, client_credentials, folder
from careconnect_admin.documents.postman.oauth_requests import (
    first_token_request,
    refused_token_request,
    token_management_requests,
)
from careconnect_admin.documents.postman.scripts import GATEWAY
from careconnect_admin.documents.postman.type_requests import type_requests
from careconnect_admin.documents.postman.write_requests import write_folder
from careconnect_admin.documents.search_examples import search_examples

_SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# The page's clients, each with the prefix of its variables in the environment.
_PAGE_CLIENTS: Final[tuple[tuple[str, DemoClient], ...]] = (
    ("patientAccess", PATIENT_ACCESS),
    ("medicationAccess", MEDICATION_ACCESS),
    ("limitedAccess", LIMITED_ACCESS),
)


def postman_environment() -> Json:
    """Return the environment for `make run` and `sam local start-api`: the base URL and the demo clients."""
    values = [
        _value("base", "http://127.0.0.1:3000"),
        # `no` for `sam local start-api`, which has no gateway responses.
        _value(GATEWAY, "yes"),
        _value("clientId", "explorer"),
        _secret("clientSecret", ""),
        _value("editorId", "editor"),
        _secret("editorSecret", ""),
        _value("auditorId", "auditor"),
        _secret("auditorSecret", ""),
    ]
    for prefix, client in _PAGE_CLIENTS:
        values += [_value(f"{prefix}Id", client.client_id), _secret(f"{prefix}Secret", client.secret)]
    return {"name": "Care Connect, local", "values": values, "_postman_variable_scope": "environment"}


def postman_collection() -> Json:
    """Return the collection: tokens, discovery, every type's reads, errors, access, an export, writes, audit trail."""
    of_types = list(search_examples())
    patient = next(each for each in of_types if each.type.is_patient)
    nhs_number = next(value for parameter, value in patient.searches if parameter is patient.type.parameters[0])
    return {
        "info": {
            "name": "Care Connect, serverless",
            "schema": _SCHEMA,
            "description": "Runs from top to bottom against the project's sample, and leaves it as it was. Put the "
            "secrets of the clients `explorer`, `editor` and `auditor`, which `make run` prints, into the "
            "environment's `clientSecret`, `editorSecret` and `auditorSecret` first. Without the first, or with "
            "another client's, the run ends at the first request; without another where the folder Writing or "
            "Access record begins. The examples' values are those of the sample. With `sam local start-api` set "
            "`gatewayResponses` to `no`: it answers a missing token or scope in its own words.",
        },
        "auth": client_credentials(),
        "item": [
            folder("Token", [first_token_request(), refused_token_request()]),
            folder("Discovery", discovery_requests()),
            *(folder(examples.type.name, type_requests(examples, nhs_number)) for examples in of_types),
            folder("Refusals", refusals()),
            folder("Access", [access_folder(prefix, client) for prefix, client in _PAGE_CLIENTS]),
            export_folder(),
            folder("Introspection and revocation", token_management_requests()),
            # Last: a run without the secrets of these two clients ends here.
            write_folder(),
            audit_folder(),
        ],
    }


def _value(key: str, value: str) -> Json:
    return {"key": key, "value": value, "type": "default", "enabled": True}


def _secret(key: str, value: str) -> Json:
    return {"key": key, "value": value, "type": "secret", "enabled": True}
