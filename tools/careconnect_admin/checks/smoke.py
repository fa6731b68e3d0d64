"""Smoke checks of any deployed root URL from outside, in the order of a client's requests.

Each check is a function that raises `CheckError` with a description of the response. It does not depend on where the
service runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

import jwt

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.oauth.access_token import ALGORITHMS
from careconnect.oauth.scopes import READING, Letter
from careconnect_admin.checks.expectations import (
    CheckError,
    LimitError,
    SkippedError,
    expect,
    expect_challenge,
    expect_outcome,
    json_of,
)
from careconnect_admin.checks.service import FORM, Service
from careconnect_admin.checks.writing import write_and_delete


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `edge` is True if only a real deployment has the part that it checks."""

    name: str
    run: Callable[[Service], None]
    edge: str = ""


class Result(StrEnum):
    """The result of a check; a limit is a known failure that is documented in docs/deploy.md."""

    OK = "ok"
    LIMIT = "limit"
    SKIPPED = "skipped"
    FAILED = "FAILED"


def run_check(check: Check, service: Service) -> tuple[Result, str]:
    """Run a check on the service and return its result, with the reason if it failed."""
    try:
        check.run(service)
    except LimitError as error:
        return Result.LIMIT, str(error)
    except SkippedError as error:
        return Result.SKIPPED, str(error)
    except CheckError as error:
        return Result.FAILED, str(error)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        # The response lacks a member that every response of the service has.
        return Result.FAILED, f"an answer of an unexpected form ({type(error).__name__})"
    return Result.OK, ""


def _server_metadata(service: Service) -> None:
    answer = service.call(f"{service.base}/.well-known/oauth-authorization-server")
    expect(answer, 200)
    metadata = json_of(answer)
    if metadata["issuer"] != service.base:
        raise CheckError(f"the issuer is {metadata['issuer']}: BASE must be that URL, to the letter")
    if metadata["token_endpoint"] != f"{service.base}/token":
        raise CheckError(f"the token endpoint is {metadata['token_endpoint']}")


def _smart_configuration(service: Service) -> None:
    answer = service.call(f"{service.fhir}/.well-known/smart-configuration")
    expect(answer, 200)
    if json_of(answer)["token_endpoint"] != f"{service.base}/token":
        raise CheckError("it names another token endpoint")


def _capability_statement(service: Service) -> None:
    answer = service.call(f"{service.fhir}/metadata")
    expect(answer, 200)
    statement = json_of(answer)
    if statement["resourceType"] != "CapabilityStatement" or not statement["fhirVersion"].startswith("3.0"):
        raise CheckError("it is no STU3 CapabilityStatement")


def _page_call(service: Service) -> None:
    query = urlencode({"grant_type": "client_credentials", "client_id": service.client_id})
    answer = service.call(
        f"{service.base}/token?{query}",
        method="POST",
        headers={"Accept": "application/json", "Content-Type": FORM},
        auth=service.basic(),
    )
    expect(answer, 200)
    if not {"access_token", "token_type", "expires_in", "scope"} <= json_of(answer).keys():
        raise CheckError("a member is missing")
    if answer.headers.get("Cache-Control") != "no-store":
        raise CheckError(f"Cache-Control is {answer.headers.get('Cache-Control')}")


def _token_verifies(service: Service) -> None:
    keys = service.call(f"{service.base}/.well-known/jwks.json")
    expect(keys, 200)
    if "max-age=" not in keys.headers.get("Cache-Control", ""):
        raise CheckError("the keys are published without max-age")
    try:
        key = jwt.PyJWKSet.from_dict(json_of(keys))[jwt.get_unverified_header(service.token)["kid"]]
        jwt.decode(service.token, key.key, algorithms=list(ALGORITHMS), audience=service.fhir, issuer=service.base)
    except (jwt.PyJWTError, KeyError) as error:
        raise CheckError(f"it does not ({error})") from None


def _tokens_differ(service: Service) -> None:
    if service.new_token() == service.new_token():
        raise CheckError("two calls got the same token: an answer of /token is cached")


def _read_and_search(service: Service) -> None:
    answer = service.call(f"{service.fhir}/Organization?_count=1", headers=service.authorization())
    expect(answer, 200)
    bundle = json_of(answer)
    if not bundle.get("entry"):
        raise LimitError("there is no Organization yet: load data first")
    url = bundle["entry"][0]["fullUrl"]
    if not url.startswith(f"{service.fhir}/"):
        raise CheckError(f"fullUrl is {url}")
    read = service.call(url, headers={"Accept": "application/fhir+xml", **service.authorization()})
    expect(read, 200)
    if (
        not read.headers.get("Content-Type", "").startswith("application/fhir+xml")
        or b"<Organization" not in read.content
    ):
        raise CheckError("it is not answered as XML")
    again = service.call(url, headers={"If-None-Match": read.headers.get("ETag", ""), **service.authorization()})
    expect(again, 304)


def _patient_reads(service: Service) -> None:
    answer = service.call(f"{service.fhir}/Patient?_count=1", headers=service.authorization())
    expect(answer, 200 if service.grants.permits("Patient", Letter.SEARCH) else 403)


def _missing_scope(service: Service) -> None:
    closed = next((each.name for each in SERVED_TYPES if not service.grants.letters[each.name] & READING), None)
    if closed is None:
        raise LimitError("this client may read or search every type: run it with a narrower one, too")
    answer = service.call(f"{service.fhir}/{closed}?_count=1", headers=service.authorization())
    expect_outcome(answer, 403, "forbidden")
    expect_challenge(answer, "Bearer", "insufficient_scope")


def _wrong_secret(service: Service) -> None:
    form = {"grant_type": "client_credentials"}
    wrong = service.call(f"{service.base}/token", auth=service.basic("wrong"), form=form)
    expect(wrong, 401)
    if json_of(wrong).get("error") != "invalid_client":
        raise CheckError("the error is not invalid_client")
    expect_challenge(wrong, "Basic")


def _no_get_token(service: Service) -> None:
    answer = service.call(f"{service.base}/token", auth=service.basic())
    expect(answer, 405)
    if "POST" not in answer.headers.get("Allow", ""):
        raise CheckError("Allow does not name POST")


def _no_token(service: Service) -> None:
    answer = service.call(f"{service.fhir}/Patient/4")
    expect_outcome(answer, 401, "login")
    expect_challenge(answer, "Bearer", "invalid_token")


def _forged_token(service: Service) -> None:
    head, claims, signature = service.token.split(".")
    forged = ".".join((head, claims, signature[::-1]))
    answer = service.call(f"{service.fhir}/Organization", headers=service.authorization(forged))
    expect_outcome(answer, 401, "login")
    expect_challenge(answer, "Bearer", "invalid_token")


def _unknown_path(service: Service) -> None:
    expect_outcome(service.call(f"{service.base}/nowhere"), 404, "not-supported")


def _odd_paths(service: Service) -> None:
    for path in ("//Patient/4", "/patient/4", "/Patient%2F4", "/Nothing/1"):
        answer = service.call(service.fhir + path, headers=service.authorization())
        if answer.status_code not in (400, 403, 404):
            raise CheckError(f"{answer.status_code} for {path}")


def _revocation(service: Service) -> None:
    token = service.new_token()
    introspect = f"{service.base}/introspect"
    if json_of(service.call(introspect, auth=service.basic(), form={"token": token})).get("active") is not True:
        raise CheckError("a new token is not active")
    expect(service.call(f"{service.base}/revoke", auth=service.basic(), form={"token": token}), 200)
    if json_of(service.call(introspect, auth=service.basic(), form={"token": token})) != {"active": False}:
        raise CheckError("a revoked token is still active")
    expect(service.call(f"{service.fhir}/Organization", headers=service.authorization(token)), 401)


def _bound_token_as_bearer(service: Service) -> None:
    answer = service.call(f"{service.fhir}/Organization", headers={"Authorization": f"Bearer {service.token}"})
    expect_outcome(answer, 401, "login")
    expect_challenge(answer, "Bearer", "invalid_token")


def _proof_again(service: Service) -> None:
    url = f"{service.fhir}/Organization?_count=1"
    answer = service.call(url, headers=service.authorization())
    expect(answer, 200)
    proof = answer.request.headers["DPoP"]
    again = service.call(url, headers={**service.authorization(), "DPoP": proof})
    expect_outcome(again, 401, "login")
    expect_challenge(again, "DPoP", "invalid_dpop_proof")


def _preflight(service: Service) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answer = service.call(f"{service.fhir}/Patient/4", method="OPTIONS", headers=headers)
    if answer.status_code not in (200, 204) or "GET" not in answer.headers.get("Access-Control-Allow-Methods", ""):
        raise CheckError(f"{answer.status_code} without Access-Control-Allow-Methods")


def _plain_http(service: Service) -> None:
    if not service.base.startswith("https://"):
        raise LimitError("BASE is plain HTTP")
    plain = "http://" + service.base.removeprefix("https://")
    try:
        answer = service.call(f"{plain}/.well-known/jwks.json")
    except CheckError:
        return
    if answer.status_code < 300:
        raise CheckError("plain HTTP is served")


CHECKS: Final = (
    Check("server metadata names BASE as the issuer", _server_metadata, "the custom domain, or the stage's URL"),
    Check("smart-configuration answers", _smart_configuration),
    Check("metadata is a CapabilityStatement of STU3", _capability_statement),
    Check("the page's token call answers", _page_call),
    Check("a token verifies against the published keys", _token_verifies, "the KMS key"),
    Check("no token is answered twice", _tokens_differ, "caches in front"),
    Check("an Organization is found, read as XML and not modified", _read_and_search),
    Check("patients open by scope alone", _patient_reads),
    Check("a missing scope is 403 insufficient_scope", _missing_scope, "the gateway's own 403"),
    Check("no token is 401 invalid_token", _no_token, "the gateway's own 401"),
    Check("a forged token is the same", _forged_token, "the gateway's answer to its authorizer"),
    Check("a wrong secret is 401 invalid_client with a challenge", _wrong_secret, "WWW-Authenticate on /token"),
    Check("GET /token is 405", _no_get_token),
    Check("an unknown path is a 404 OperationOutcome", _unknown_path, "the gateway's own 404"),
    Check("odd paths open nothing", _odd_paths, "how the gateway decodes paths"),
    Check("a revoked token is refused", _revocation),
    Check("a browser's preflight is answered", _preflight),
    Check("plain HTTP is not served", _plain_http, "TLS"),
    Check("a resource is created, read, updated and deleted", write_and_delete, "the writers' roles and tables"),
)

BOUND_CHECKS: Final = (
    Check("a bound token is refused as a Bearer token", _bound_token_as_bearer),
    Check("a DPoP proof is taken once", _proof_again, "the readers' right to the table of used proofs"),
)
"""The further checks of a client whose tokens are bound to a key."""
