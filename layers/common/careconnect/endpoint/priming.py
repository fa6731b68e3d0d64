"""A request that nobody sent, answered before a snapshot is taken, so that the first one finds all that it needs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.http.origin import Origin
from careconnect.runtime.snapshot import NOTHING

_ANYBODY: Final[Mapping[str, str]] = {
    "client_id": NOTHING,
    "scope": "system/*.cruds system/AuditEvent.read",
    "expires_at": "99999999999",
}
"""What the gateway would say of a caller who may do anything; nobody can send it."""


class PrimingError(Exception):
    """A rehearsed request was answered with a 5xx, so what it asks for did not answer."""


class _Nobody:
    """An observer of what is no request."""

    def request(self, action: str, status: int, **_: Any) -> None:
        pass

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        pass

    def count(self, name: str) -> None:
        pass


def prime_request(
    pipeline: RequestPipeline, method: str, path: str, body: str = "", **headers: str
) -> Callable[[], None]:
    """Return what answers a request as `shell` would, recorded, logged and counted nowhere.

    Raises `PrimingError`, of which the log tells no more than that.
    """
    # Whether a request comes through the front is another question.
    silent = replace(pipeline, observer=_Nobody(), auditing=None, origin=Origin())
    event = {
        "httpMethod": method,
        "path": path,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "body": body,
        "requestContext": {"authorizer": _ANYBODY},
    }

    def prime() -> None:
        if silent(event)["statusCode"] >= 500:
            raise PrimingError

    return prime
