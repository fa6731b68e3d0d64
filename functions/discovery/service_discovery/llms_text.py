"""The service's own addresses for language models, in the format of llmstxt.org."""

from typing import Final

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.http.base_url import BaseUrl
from service_discovery.built_documents import METADATA_PATH, OPENAPI_PATH
from service_discovery.server_metadata import JWKS_PATH, SERVER_METADATA_PATH, SMART_PATH

LLMS_PATH: Final = "/llms.txt"


def llms_text(base: BaseUrl) -> str:
    """Return the text for the service at `base`."""
    types = ", ".join(served.name for served in SERVED_TYPES)
    return f"""\
# Care Connect, serverless

> A FHIR STU3 (3.0.1) API for Care Connect records, and its OAuth 2.0 token issuer (client credentials).

A call of the FHIR API, metadata aside, needs `Authorization: Bearer <access token>`. It answers with JSON or XML, and
with an OperationOutcome for an error. Types: {types}.

## Calls

- [Token endpoint]({base.token_endpoint}): POST `grant_type=client_credentials`, client id and secret as Basic
- [FHIR base]({base.fhir}): read `Patient/4`, search `Observation?patient=4`; create, update, patch and delete

## Descriptions

- [OpenAPI]({base.root}{OPENAPI_PATH}): every operation with its parameters, schemas, scopes and errors
- [CapabilityStatement]({base.root}{METADATA_PATH}): types, search parameters and operations, in FHIR's own form
- [Reference]({base.root}/docs): the OpenAPI document as a page to try calls on

## Optional

- [Server metadata]({base.root}{SERVER_METADATA_PATH}): the token issuer's addresses and methods (RFC 8414)
- [SMART configuration]({base.root}{SMART_PATH}): the same for SMART apps
- [Signing keys]({base.root}{JWKS_PATH}): to verify access tokens by
"""
