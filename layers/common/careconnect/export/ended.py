"""Whether a bulk export has ended before its time (`export.md`, Who may export; ADR 17).

Each request and each step asks this. Who disables, removes, narrows or binds a client, or revokes a token, knows
nothing of jobs: what they store ends the token, and with it the jobs that it started.
"""

from typing import NamedTuple, Protocol

from careconnect.export.job import Job, State
from careconnect.fhir import outcomes
from careconnect.oauth.revocation import IssuedToken, RevocationsUnknownError
from careconnect.runtime.aws import SERVICE_ERRORS, error_code


class Revocations(Protocol):
    """The revoked tokens."""

    def is_revoked(self, token: IssuedToken) -> bool:
        """Return True if a token was revoked."""


class _StartedBy(NamedTuple):
    """The token that started a job; one that is bound to a patient starts none."""

    client_id: str
    issued_at: int
    jti: str
    patient: str = ""


def is_ended(job: Job, revocations: Revocations) -> bool:
    """Return True if a job was ended, or the token that started it was; raises the 503 outcome if that is unknown."""
    if job.state is State.ENDED:
        return True
    try:
        return revocations.is_revoked(_StartedBy(job.client_id, job.issued_at, job.jti))
    except (*SERVICE_ERRORS, RevocationsUnknownError) as error:
        raise outcomes.unavailable(error_code(error)) from error
