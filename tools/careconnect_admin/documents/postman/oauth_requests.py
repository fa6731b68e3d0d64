"""The requests for tokens: obtained, refused, introspected, revoked."""

import json
from collections.abc import Iterable

from careconnect_admin.clients.demo import EXPLORER
from careconnect_admin.documents.postman.items import FORM, NO_AUTH, Json, basic, request
from careconnect_admin.documents.postman.scripts import header, status, stop_unless, stop_without, test


def first_token_request() -> Json:
    """Return the request for the token of all other requests."""
    return needed_token_request("Explorer", "client", "accessToken", EXPLORER, "reads every type", r"/\*\.(r|cr|\*)")


def needed_token_request(name: str, prefix: str, variable: str, client_id: str, does: str, scope: str) -> Json:
    """Return a token request that ends the run, with a sentence, unless its client is one that can do what follows.

    Its secret has to be set and taken, and its scope to match `scope`, a regular expression that says what it `does`.
    """
    secret = f"{prefix}Secret"
    advice = f"{secret} in the environment is the secret of {prefix}Id, {client_id} unless you name another that {does}"
    able = f"pm.response.code === 200 && new RegExp({json.dumps(scope)}).test(pm.response.json().scope)"
    # No other part of the answer, which may be a token.
    found = "`/token answered ${pm.response.code}${pm.response.code === 200 ? ', with another scope' : ''}`"
    return token_request(
        name,
        prefix,
        variable,
        tests=stop_unless(able, advice, found, _token_tests(variable)),
        before=stop_without(
            secret, f"set {secret} in the environment: make run prints it, as the secret of {client_id}"
        ),
    )


def token_request(
    name: str, prefix: str, variable: str, *, tests: Iterable[str] = (), before: Iterable[str] = ()
) -> Json:
    """Return the page's request for a token: parameters in the query, the secret in a header, no body."""
    return request(
        name,
        "/token",
        tests or _token_tests(variable),
        query=(("grant_type", "client_credentials"), ("client_id", f"{{{{{prefix}Id}}}}")),
        method="POST",
        accept="application/json",
        headers=(("Content-Type", FORM),),
        auth=basic(prefix),
        before=before,
    )


def _token_tests(variable: str) -> list[str]:
    """Return the tests of a token's answer, which keep the token in a variable."""
    return [
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
    ]


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
