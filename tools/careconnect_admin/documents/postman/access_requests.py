"""The requests that are refused, and the access of each of the page's clients."""

from careconnect.fhir.resource_types import AUDIT_EVENT, RESOURCE_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.scopes import Letter, grants_of
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.documents.postman.items import NO_AUTH, Json, bearer, folder, request
from careconnect_admin.documents.postman.oauth_requests import token_request
from careconnect_admin.documents.postman.scripts import by_gateway, header, outcome, refused, status
from careconnect_admin.documents.search_examples import PATIENT_ID


def refusals() -> list[Json]:
    """Return a request for each kind of error."""
    patient = f"{FHIR_PATH}/Patient/{PATIENT_ID}"
    challenge = "WWW-Authenticate"
    return [
        request(
            "No token",
            patient,
            [*status(401), *by_gateway(*outcome("login"), *header(challenge, 'error="invalid_token"'))],
            auth=NO_AUTH,
        ),
        request(
            "Not a token",
            patient,
            [
                *refused(),
                *by_gateway(*status(401), *outcome("login"), *header(challenge, 'error="invalid_token"')),
            ],
            headers=(("Authorization", "Bearer not.a.token"),),
            auth=NO_AUTH,
        ),
        request("No such patient", f"{FHIR_PATH}/Patient/no-such-patient", [*status(404), *outcome("not-found")]),
        request(
            "A malformed date",
            f"{FHIR_PATH}/Patient",
            [*status(400), *outcome("value")],
            query=(("_lastUpdated", "x"),),
        ),
        request("An unknown format", patient, status(406), query=(("_format", "turtle"),)),
        request(
            "Who saw a patient, by who may read everything else",
            f"{FHIR_PATH}/{AUDIT_EVENT.name}",
            [*status(403), *by_gateway(*header(challenge, "insufficient_scope"))],
            query=(("patient", PATIENT_ID),),
        ),
        request(
            "Delete a patient, by who may only read",
            patient,
            [*status(403), *by_gateway(*header(challenge, "insufficient_scope"))],
            method="DELETE",
        ),
    ]


def access_folder(prefix: str, client: DemoClient) -> Json:
    """Return the folder of one client of the page: its token, and a search of every type, allowed or refused."""
    grants = grants_of(" ".join(client.scopes))
    variable = f"{prefix}Token"
    requests = [token_request("Token", prefix, variable)]
    for served in RESOURCE_TYPES:
        allowed = grants.permits(served.name, Letter.SEARCH)
        requests.append(
            request(
                f"{served.name}: {'yes' if allowed else 'no'}",
                f"{FHIR_PATH}/{served.name}",
                status(200)
                if allowed
                else [*status(403), *by_gateway(*header("WWW-Authenticate", "insufficient_scope"))],
                query=(("_count", "1"),),
            )
        )
    return folder(client.name, requests, bearer(variable))
