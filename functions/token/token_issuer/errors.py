"""The issuer's errors, one named constructor per case (RFC 6749 §5.2; `oauth.md`, Answers of /token).

The client reads fixed text. `reason` goes only to the log; it is fixed text or a service's error code.
"""

from collections.abc import Mapping
from typing import Final

from careconnect.http.base_url import REALM
from careconnect.http.errors import ApiError, Metric
from careconnect.oauth.dpop.proof import NONCE_HEADER, ProofFault

BASIC_CHALLENGE: Final = f'Basic realm="{REALM}"'


class OAuthError(ApiError):
    """An error response: `code` is the body's `error`, `text` its `error_description`."""


def answer(error: ApiError) -> Mapping[str, str]:
    """Return the body of an error response (RFC 6749 §5.2)."""
    return {"error": error.code, "error_description": error.text}


CLIENT_NOT_PROVEN: Final = "Client authentication failed."
ASSERTION_NOT_PROVEN: Final = (
    "Client authentication failed: the assertion has to be signed by a key that the client in its sub has registered, "
    "or publishes at a registered jwks_uri that this server can reach, and its kid is the id of that key."
)
"""The error texts for a client that is not authenticated, by the kind of its credentials; no text says why."""


_AUTHENTICATION: Final = "client authentication"
"""The audit trail's reason for the rejection of an unauthenticated client."""

_MALFORMED: Final[tuple[Metric, ...]] = ("RequestMalformed",)
"""The metric of malformed requests: all of one minute and network together are one audit event (`audit.md`)."""


class ClientRefusedError(Exception):
    """Client authentication failed; `reason` is fixed text for the log, `told` the text for the caller.

    Empty, that is the same text for every cause. Another one is about the form of what was sent, or for a caller that
    has proven to hold the client's private key.
    """

    def __init__(self, reason: str, told: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.told = told


class KeySetUnreachableError(Exception):
    """No JWK Set could be fetched from the address that a client registered."""


def invalid_request(description: str, *, reason: str = "malformed request") -> OAuthError:
    """400 for a malformed request, from any client; `description` is fixed text."""
    return OAuthError(400, "invalid_request", description, reason=reason, metrics=_MALFORMED)


def no_client_authentication() -> OAuthError:
    """401 for a request without client authentication."""
    return OAuthError(
        401,
        "invalid_client",
        "Client authentication is required: by Basic, client_secret or client_assertion.",
        {"WWW-Authenticate": BASIC_CHALLENGE},
        reason="no client authentication",
        metrics=("ClientRefused",),
        why=_AUTHENTICATION,
    )


def invalid_client(reason: str, told: str = CLIENT_NOT_PROVEN, *, claimed: str = "") -> OAuthError:
    """401 for a client that fails to authenticate, for any cause; `told` is fixed text.

    `claimed` is the id of the registered client that the caller claims to be, for the log. The challenge is sent for
    every method: a 401 must have one (RFC 9110 §15.5.2).
    """
    return OAuthError(
        401,
        "invalid_client",
        told,
        {"WWW-Authenticate": BASIC_CHALLENGE},
        reason=reason,
        claimed_client_id=claimed,
        metrics=("ClientRefused",),
        why=_AUTHENTICATION,
    )


def unsupported_grant_type() -> OAuthError:
    """400 for a grant type that the server does not offer."""
    return OAuthError(400, "unsupported_grant_type", "The grant type must be client_credentials.", reason="grant type")


def unauthorized_client() -> OAuthError:
    """400 for a client that is not registered for the grant."""
    return OAuthError(
        400, "unauthorized_client", "The client may not use this grant type.", reason="grant not registered"
    )


def proof_refused(fault: ProofFault, nonce: str = "") -> OAuthError:
    """400 for a DPoP proof that is missing or not accepted (RFC 9449 §5); `nonce` is for a proof that needs one."""
    return OAuthError(
        400,
        fault.code,
        fault.value,
        {NONCE_HEADER: nonce} if nonce else {},
        reason=f"proof: {fault.name.replace('_', ' ').lower()}",
        metrics=("DpopReplayed",) if fault is ProofFault.USED else (),
        why="proof",
    )


def invalid_scope(description: str, *, reason: str) -> OAuthError:
    """400 for a scope that is malformed, unknown or beyond the registration (texts: `scope_refusals.py`)."""
    return OAuthError(400, "invalid_scope", description, reason=reason, why="scope")


def too_many_failures(retry_after: int, *, claimed: str = "") -> OAuthError:
    """429 for a client id with too many failed authentications from one address (RFC 6585 §4).

    `claimed` is that id if it is a registered client's, for the log.
    """
    return OAuthError(
        429,
        "temporarily_unavailable",
        "Too many failed attempts: try again later.",
        {"Retry-After": str(retry_after)},
        reason="throttled",
        claimed_client_id=claimed,
        metrics=("ClientThrottled",),
    )


def method_not_allowed() -> OAuthError:
    """405 for anything but POST (RFC 9110 §15.5.6)."""
    headers = {"Allow": "POST, OPTIONS"}
    return OAuthError(405, "invalid_request", "The method must be POST.", headers, reason="method", metrics=_MALFORMED)


def unknown_endpoint() -> OAuthError:
    """404 for a path that the gateway should not route to this function."""
    return OAuthError(404, "invalid_request", "There is no such endpoint.", reason="path", metrics=_MALFORMED)


def unavailable(reason: str, *metrics: Metric) -> OAuthError:
    """503 if a store, KMS or a key set throttles, rejects a call or is down: nothing was issued.

    `reason` is a service's error code; `metrics` are counted in addition to `IssuerUnavailable`.
    """
    return OAuthError(
        503,
        "temporarily_unavailable",
        "The service is temporarily unavailable: try again shortly.",
        {"Retry-After": "2"},
        reason=reason,
        metrics=("IssuerUnavailable", *metrics),
    )


def bypassed_edge() -> OAuthError:
    """403 for a request that bypassed the deployment's edge, CloudFront (ADR 10)."""
    text = "This address takes no requests: use the service's own."
    return OAuthError(403, "access_denied", text, reason="bypassed the edge", why="front")


def internal() -> OAuthError:
    """500 with a fixed text, for an unexpected error."""
    return OAuthError(500, "server_error", "An internal error occurred.")
