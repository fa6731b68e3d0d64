"""The requests for the discovery documents."""

import json

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.documents.postman.items import FHIR_JSON, NO_AUTH, Json, request
from careconnect_admin.documents.postman.scripts import media_type, status, test


def discovery_requests() -> list[Json]:
    """Return a request for each document, without a token."""
    documents = (
        (
            "Signing keys",
            "/.well-known/jwks.json",
            "pm.expect(pm.response.json().keys).to.be.an('array').and.not.empty;",
        ),
        (
            "Authorization server metadata",
            "/.well-known/oauth-authorization-server",
            "pm.expect(pm.response.json().token_endpoint).to.match(/\\/token$/);",
        ),
        (
            "SMART configuration",
            f"{FHIR_PATH}/.well-known/smart-configuration",
            "pm.expect(pm.response.json().capabilities).to.be.an('array');",
        ),
        ("OpenAPI document", "/openapi.json", "pm.expect(pm.response.json().openapi).to.match(/^3\\./);"),
    )
    return [
        *(
            request(
                name,
                path,
                [*status(200), *test("is the document", statement)],
                accept="application/json",
                auth=NO_AUTH,
            )
            for name, path, statement in documents
        ),
        request(
            "CapabilityStatement",
            f"{FHIR_PATH}/metadata",
            [
                *status(200),
                *media_type(FHIR_JSON),
                *test(
                    "lists every type",
                    "const types = pm.response.json().rest[0].resource.map(each => each.type);",
                    f"pm.expect(types).to.have.members({json.dumps([served.name for served in SERVED_TYPES])});",
                ),
            ],
            auth=NO_AUTH,
        ),
    ]
