"""API Gateway before the functions: routes, authorizers, and their answers kept for a minute."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from careconnect.fhir.resource_types import AUDIT_EVENT, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.token_verification import TokenRefusedError
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import authorizer_event, rest_event
from careconnect_testing.simulation.world.system import AUDITOR, AUTHORIZER, BUNDLE, READER, TOKEN, WRITER, System

AUTHORIZED_SECONDS: Final = 60.0
"""How long the gateway keeps an authorizer's answer (`authorizerResultTtlInSeconds`)."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Sent:
    """A request of a client. `token` is empty at the token endpoints."""

    method: str
    path: str
    query: Pairs = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    token: str = ""


@dataclass
class Gateway:
    """Passes requests on to the functions; `reached` are the ids of those that a function has seen."""

    system: System
    reached: dict[str, Sent] = field(default_factory=dict)
    _allowed: dict[tuple[str, str], tuple[float, Mapping[str, Any]]] = field(default_factory=dict)

    def send(self, sent: Sent, request_id: str) -> Answer | None:
        """Return the answer to a request, None if none came."""
        context = None
        if self.system.is_stopped and function_of(sent).startswith((WRITER, BUNDLE)):
            return Answer(503, {}, "")
        if sent.token:
            granted = self._authorize(sent)
            if isinstance(granted, int):
                return Answer(granted, {}, "")
            context = granted
        event = rest_event(
            sent.method,
            sent.path,
            sent.query,
            headers=dict(sent.headers),
            body=sent.body,
            source_ip="203.0.113.7",
            request_id=request_id,
            authorizer=context,
        )
        self.reached[request_id] = sent
        response = self.system.invoke(function_of(sent), event)
        return None if response is None else Answer.of(response)

    def _authorize(self, sent: Sent) -> Mapping[str, Any] | int:
        """Return the caller's context, or the status with which the gateway refuses."""
        function, now = f"{AUTHORIZER}-{'read' if is_read(sent) else 'write'}", self.system.scheduler.now
        ends_at, result = self._allowed.get((function, sent.token), (0.0, {}))
        event = authorizer_event(f"Bearer {sent.token}", sent.method, sent.path)
        if now >= ends_at:
            try:
                result = self.system.invoke(function, event)
            except TokenRefusedError:
                return 401
            except Exception:  # noqa: BLE001 - the handler turns any other error into one that denies
                return 503
            if result is None:
                return 503
            self._allowed[function, sent.token] = (now + AUTHORIZED_SECONDS, result)
        if not _allows(tuple(result["policyDocument"]["Statement"][0]["Resource"]), event["methodArn"]):
            return 403
        context: Mapping[str, Any] = result["context"]
        return context


def is_read(sent: Sent) -> bool:
    """Return True for the routes of the reading authorizer."""
    return sent.method in ("GET", "HEAD") or sent.path.endswith("/_search")


def function_of(sent: Sent) -> str:
    """Return the function of a request's route."""
    if not sent.path.startswith(FHIR_PATH):
        return TOKEN
    if sent.path == FHIR_PATH:
        return BUNDLE
    name = sent.path.removeprefix(FHIR_PATH + "/").partition("/")[0]
    if name == AUDIT_EVENT.name:
        return AUDITOR
    type_ = resource_type(name)
    assert type_ is not None, sent.path
    return f"{READER if is_read(sent) else WRITER}-{type_.table.value}"


@lru_cache(maxsize=64)
def _pattern(resources: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(each).replace(r"\*", ".*") for each in resources))


def _allows(resources: tuple[str, ...], arn: str) -> bool:
    return _pattern(resources).fullmatch(arn) is not None
