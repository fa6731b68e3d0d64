"""The error that ends a request, independent of the format in which its endpoint renders it."""

from collections.abc import Mapping
from typing import Literal

Metric = Literal[
    "AuditArchiveStopped",
    "AuditEventNotWritten",
    "AuditTrailBroken",
    "AuthorizerFailed",
    "ClientOverAllowance",
    "ClientRefused",
    "ClientThrottled",
    "DpopDowngraded",
    "DpopReplayed",
    "ExportFailed",
    "FormatMismatch",
    "IssuerUnavailable",
    "RequestMalformed",
    "ResourceInvalid",
    "SigningFailed",
    "TokenIssued",
    "TokenRefused",
    "Unavailable",
    "WriteConflict",
    "WriteRefused",
]
"""What the functions count, by the names in CloudWatch (`docs/operate.md`, Metrics)."""


class ApiError(Exception):
    """A request that ends in an error.

    `status`, `code`, `text` and `headers` are for the caller, and all are fixed texts. So is `where`, the part of the
    request at fault. `reason` is for the log alone. So is `claimed_client_id`, the id of a registered client that the
    caller claimed to be without proof; it is never any other id. `metrics` are counted. `why` and `patients` are for
    the audit trail alone: the fixed word for the reason, empty where the status says enough, and the ids of the
    patients that the caller was refused access to.
    """

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        headers: Mapping[str, str] | None = None,
        *,
        where: str = "",
        reason: str = "",
        claimed_client_id: str = "",
        metrics: tuple[Metric, ...] = (),
        why: str = "",
        patients: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason or text)
        self.status = status
        self.code = code
        self.text = text
        self.headers = dict(headers or {})
        self.where = where
        self.reason = reason
        self.claimed_client_id = claimed_client_id
        self.metrics = metrics
        self.why = why
        self.patients = patients
