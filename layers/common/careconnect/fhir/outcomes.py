"""Errors as OperationOutcomes: one named constructor per case, one status per constructor.

The caller sees fixed text. A second field (`reason`) is for the log only. No constructor takes free text from a
request: only a parameter's name is echoed, and only if it has the form of one.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from careconnect.http.base_url import REALM
from careconnect.http.errors import ApiError, Metric


@dataclass(frozen=True, slots=True)
class Issue:
    """One `OperationOutcome.issue` with a code of the STU3 value set `issue-type`."""

    code: str
    diagnostics: str
    severity: str = "error"
    expression: str = ""


class OutcomeError(ApiError):
    """An error that is answered with an OperationOutcome.

    `code` is of the value set `issue-type`, `where` its `expression`. An error with several `issues` answers with all
    of them; `code`, the text and `where` are then the first issue's.
    """

    issues: tuple[Issue, ...] = ()


_PARAMETER_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_.:-]{0,127}")


def safe_name(name: str) -> str:
    """Return a parameter's name if it is safe to echo, else a placeholder."""
    return name if _PARAMETER_NAME.fullmatch(name) else "(name withheld)"


def login_required() -> OutcomeError:
    """Return the 401 without a token (RFC 6750 §3: no error attribute)."""
    return OutcomeError(
        401,
        "login",
        "An access token is required: send it as a Bearer Authorization header.",
        {"WWW-Authenticate": f'Bearer realm="{REALM}"'},
    )


def expired_token(*, reason: str = "") -> OutcomeError:
    """Return the 401 for a token that has expired since it was verified (RFC 6750 §3.1)."""
    challenge = f'Bearer realm="{REALM}", error="invalid_token"'
    text = "The access token has expired: obtain a new one."
    return OutcomeError(401, "expired", text, {"WWW-Authenticate": challenge}, reason=reason)


def insufficient_scope(needed: str, advice: str = "") -> OutcomeError:
    """Return the 403 for insufficient scopes; `needed` is the scope that would suffice (RFC 6750 §3, §3.1).

    `advice` is a fixed sentence.
    """
    return OutcomeError(
        403,
        "forbidden",
        f"The access token's scopes do not allow this request: {needed} is needed. {advice}".strip(),
        {"WWW-Authenticate": f'Bearer realm="{REALM}", error="insufficient_scope", scope="{needed}"'},
    )


def not_found(patients: tuple[str, ...] = ()) -> OutcomeError:
    """Return the 404 for a resource that does not exist; `patients` are those it belonged to, for the audit trail."""
    return OutcomeError(404, "not-found", "No such resource.", patients=patients)


def out_of_compartment(patients: tuple[str, ...]) -> OutcomeError:
    """Return the 404 for a resource of `patients` outside the token's compartment, as if it did not exist."""
    return OutcomeError(404, "not-found", "No such resource.", why="compartment", patients=patients)


def out_of_scope(patients: tuple[str, ...]) -> OutcomeError:
    """Return the 404 for a resource of `patients` that no scope of the token opens, as if it did not exist."""
    return OutcomeError(404, "not-found", "No such resource.", why="scope", patients=patients)


def not_supported(cause: str = "This server does not offer that.") -> OutcomeError:
    """Return the 404 for a type, operation or path that the server does not offer; `cause` is fixed text."""
    return OutcomeError(404, "not-supported", f"{cause} What is offered is listed by metadata, below the FHIR base.")


def gone(patients: tuple[str, ...] = ()) -> OutcomeError:
    """Return the 410 for a deleted resource; `patients` are those it belonged to, for the audit trail."""
    return OutcomeError(410, "not-found", "The resource was deleted.", patients=patients)


def invalid_id() -> OutcomeError:
    """Return the 400 for an id outside the STU3 `id` syntax."""
    return OutcomeError(400, "value", "An id is 1 to 64 of the characters A-Z a-z 0-9 - and '.'.")


def invalid_parameter(name: str, why: str, *, code: str = "value") -> OutcomeError:
    """Return the 400 for a search parameter that cannot be honoured; `why` is fixed text, never input."""
    name = safe_name(name)
    return OutcomeError(400, code, f"{name}: {why}", where=f"http.{name}")


def too_costly(name: str, why: str) -> OutcomeError:
    """Return the 400 for a request over its budget, caused by the parameter `name`; `why` is fixed text."""
    advice = _ADVICE.get(name, "") + "add a patient, an identifier or another criterion."
    return invalid_parameter(name, f"{why}, which is too much for one request: {advice}", code="too-costly")


def too_many_patients() -> OutcomeError:
    """Return the 400 for a request that names or returns more patients than one request may."""
    return OutcomeError(
        400,
        "too-costly",
        "One request names at most 100 patients or identifiers, and tells of at most 100 patients: send it in parts.",
    )


_ADVICE: Final = {
    "_sort": "leave it out, since pages of the default order cost themselves alone, or ",
    "_total": "ask for pages without a total, or ",
}
"""Advice to leave a parameter out, which precedes the advice to add a criterion."""


def invalid_request(diagnostics: str) -> OutcomeError:
    """Return the 400 for a request that is malformed as a whole; `diagnostics` is fixed text."""
    return OutcomeError(400, "invalid", diagnostics)


def too_many_parameters() -> OutcomeError:
    """Return the 400 for a request with more parameters than one may have."""
    return invalid_request("There are too many parameters: send the search in parts.")


def not_utf8(part: str) -> OutcomeError:
    """Return the 400 for a query or a form that is not UTF-8; `part` is one of the two."""
    return invalid_request(f"The {part} is not UTF-8: send it percent-encoded in UTF-8.")


def method_not_allowed(allowed: str, advice: str = "") -> OutcomeError:
    """Return the 405 with `Allow` (RFC 9110 §15.5.6); `advice` is fixed text, without it the methods are named."""
    text = f"The method is not offered here: {advice or f'the path takes {allowed}'}."
    return OutcomeError(405, "not-supported", text, {"Allow": allowed})


def not_acceptable() -> OutcomeError:
    """Return the 406 when neither JSON nor XML is acceptable."""
    return OutcomeError(
        406,
        "not-supported",
        "Answers are application/fhir+json or application/fhir+xml: name one in Accept or _format.",
    )


def other_fhir_version() -> OutcomeError:
    """Return the 406 when only another version of FHIR is acceptable."""
    return OutcomeError(406, "not-supported", "Answers are of FHIR STU3: ask for fhirVersion=3.0, or leave it out.")


def too_large() -> OutcomeError:
    """Return the 413 for a request body over the limit."""
    return OutcomeError(413, "too-long", "The form is over the limit: send the search in parts.")


def too_many_requests(retry_after: int, *, quota: int, owed: int = 0, cost: int = 0) -> OutcomeError:
    """Return the 429 for a costly request of a client over its quota (RFC 6585 §4).

    `retry_after` are the seconds until it has quota again, `quota` the units of a minute, `owed` those of the minutes
    to come that it has used, `cost` those that the request is known to cost, 0 if it is not.
    """
    text = f"This client has used its quota of the minute, {quota:,} units"
    if owed:
        text += f", and owes {owed:,} units of the next"
    text += f": try again in {retry_after} seconds."
    if cost:
        text += f" The request costs {cost:,} units or more."
    return OutcomeError(
        429,
        "throttled",
        text,
        {"Retry-After": str(retry_after)},
        reason="over its allowance",
        metrics=("ClientOverAllowance",),
    )


def next_link_too_long() -> OutcomeError:
    """Return the 400 for a paged search with parameters that do not fit into the link to its next page."""
    return OutcomeError(
        400,
        "too-long",
        "The search is too long for a link to its next page: send fewer or shorter parameters, or a greater _count.",
    )


def unsupported_media_type() -> OutcomeError:
    """Return the 415 for a `_search` body that is not a form."""
    return OutcomeError(415, "not-supported", "POST _search takes application/x-www-form-urlencoded.")


def unsupported_parameters() -> OutcomeError:
    """Return the 415 for a body of an operation that reads in another format than FHIR's."""
    return OutcomeError(
        415, "not-supported", "Parameters are sent as application/fhir+json or application/fhir+xml, in UTF-8."
    )


def invalid_resource(issues: Sequence[Issue]) -> OutcomeError:
    """Return the 422 for an invalid resource with at least one issue, or the 400 of those that are `structure`.

    The texts hold no input but names that FHIR gives.
    """
    structural = [issue for issue in issues if issue.code == "structure"]
    status, issues = (400, structural) if structural else (422, issues)
    first = issues[0]
    error = OutcomeError(
        status, first.code, first.diagnostics, where=first.expression, reason="invalid", metrics=("ResourceInvalid",)
    )
    error.issues = tuple(issues)
    return error


def unavailable(
    reason: str, *metrics: Metric, text: str = "Temporarily unavailable: try again shortly."
) -> OutcomeError:
    """Return the 503 when a backing service throttles or is down; `metrics` are counted besides `Unavailable`."""
    return OutcomeError(
        503,
        "transient",
        text,
        {"Retry-After": "2"},
        reason=reason,
        metrics=("Unavailable", *metrics),
    )


def in_doubt(reason: str) -> OutcomeError:
    """Return 503 for a write of which it is not told whether it is done; `reason` is for the log."""
    text = "It may have been written, which is not known: read it before you send it again."
    return unavailable(reason, text=text)


def other_format() -> OutcomeError:
    """Return the 503 while the tables have another format than this release, until they are reindexed (ADR 31)."""
    return OutcomeError(
        503,
        "transient",
        "The stored records are being reindexed: try again later.",
        {"Retry-After": "60"},
        reason="another format",
        metrics=("FormatMismatch",),
    )


def bypassed_edge() -> OutcomeError:
    """Return the 403 for a request that did not come through the deployment's edge (ADR 10)."""
    return OutcomeError(
        403,
        "forbidden",
        "This address takes no requests: use the service's own.",
        reason="bypassed the edge",
        why="front",
    )


def internal() -> OutcomeError:
    """Return the 500 for an unexpected error, with a fixed text."""
    return OutcomeError(500, "exception", "An internal error occurred.")


@dataclass(frozen=True, slots=True)
class OperationOutcome:
    """An OperationOutcome, with its elements in the order of their definition."""

    issues: tuple[Issue, ...] = field(default_factory=tuple)

    def json(self) -> str:
        """Render as compact JSON."""
        issues = [
            {"severity": issue.severity, "code": issue.code, "diagnostics": issue.diagnostics}
            | ({"expression": [issue.expression]} if issue.expression else {})
            for issue in self.issues
        ]
        resource = {"resourceType": "OperationOutcome", "issue": issues}
        return json.dumps(resource, ensure_ascii=False, separators=(",", ":"))


def outcome_of(error: ApiError) -> OperationOutcome:
    """Return the OperationOutcome of an error, as its caller sees it."""
    several = error.issues if isinstance(error, OutcomeError) else ()
    return OperationOutcome(several or (Issue(error.code, error.text, expression=error.where),))
