"""The requests for tokens: obtained, refused, introspected, revoked."""

from collections.abc import Iterable
from typing import Final

from careconnect_admin.documents.postman.items import FORM, NO_AUTH, Json, basic, request
from careconnect_admin.documents.postman.scripts import header, status, stop_without, test

_SET_SECRET: Final = "set clientSecret in the environment: make run prints it, as the secret of explorer"


def first_token_request() -> Json:
    """Return the request for the token of all other requests; without a secret the run ends here."""
    return token_request("Explorer", "client", "accessToken", before=stop_without("clientSecret", _SET_SECRET))


def token_request(name: str, prefix: str, variable: str, *, before: Iterable[str] = ()) -> Json:
    """Return the page's request for a token: parameters in the query, the secret in a header, no body."""
    return request(
        name,
        "/token",
        [
            *status(200),
            *header("Cache-Control", "no-store"),
            *test(
                "is a Bearer token with its scope",
                "const answer = pm.response.json();",
                "pm.expect(answer.token_type).to.equal('Bearer');",
                "pm.expect(answer.expires_in).to.be.a('number').within(60, 5400);",
                "pm.expect(answer.scope).to.be.a('string').and.not.empty;",
                f"pm.collectionVariables.set('{variable}', answer.access_token);",
            ),
        ],
        query=(("grant_type", "client_credentials"), ("client_id", f"{{{{{prefix}Id}}}}")),
        method="POST",
        accept="application/json",
        headers=(("Content-Type", FORM),),
        auth=basic(prefix),
        before=before,
    )


def refused_token_request() -> Json:
    """Return a token request without a secret."""
    return request(
        "Without a secret",
        "/token",
        [
            *status(401),
            *test("is invalid_client", "pm.expect(pm.response.json().error).to.equal('invalid_client');"),
        ],
        method="POST",
        accept="application/json",
        form=(("grant_type", "client_credentials"),),
        auth=NO_AUTH,
    )


def token_management_requests() -> list[Json]:
    """Return the requests that introspect a token, revoke it and introspect it again."""
    token = (("token", "{{patientAccessToken}}"),)
    return [
        request(
            name,
            path,
            [*status(200), *tests],
            method="POST",
            accept="application/json",
            form=token,
            auth=basic("patientAccess"),
        )
        for name, path, tests in (
            (
                "Introspect a token",
                "/introspect",
                test(
                    "is active",
                    "const answer = pm.response.json();",
                    "pm.expect(answer.active).to.equal(true);",
                    "pm.expect(answer.client_id).to.equal(pm.environment.get('patientAccessId'));",
                ),
            ),
            ("Revoke it", "/revoke", []),
            (
                "Introspect it again",
                "/introspect",
                test("is exactly inactive", "pm.expect(pm.response.json()).to.eql({ active: false });"),
            ),
        )
    ]
