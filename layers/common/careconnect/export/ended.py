"""Whether a bulk export has ended before its time (`export.md`, Who may export; ADR 17).

Each request and each step asks this. Who disables, removes, narrows or binds a client, or revokes a token, knows
nothing of jobs: what they store ends the token, and with it the jobs that it started.
"""

from typing import NamedTuple, Protocol

from careconnect.export.job import Job, State
from careconnect.oauth.revocation import IssuedToken


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
    """Return True if a job was ended, or the token that started it was; errors of `revocations` pass through."""
    return job.state is State.ENDED or revocations.is_revoked(_StartedBy(job.client_id, job.issued_at, job.jti))
