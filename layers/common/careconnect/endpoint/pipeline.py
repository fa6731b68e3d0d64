"""Every function's HTTP: an event in, the answer of the function's endpoint out, one line in the log.

What the functions have in common stands here once: the event, preflights, refusals, unexpected errors, ids,
metrics and CORS. The authorizer answers policies, not HTTP, and stays apart.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from careconnect.audit.store import AuditStore, EventNotStoredError
from careconnect.audit.trail import AuditTrail
from careconnect.http.base_url import BaseUrl, base_url
from careconnect.http.errors import RefusalError
from careconnect.http.messages import Cors, Request, Response, gateway_response, parse_request
from careconnect.http.origin import Origin
from careconnect.runtime.pin_to_cpu import one_processor

PREFLIGHT: Final = "preflight"
"""The action of a request that a browser makes before another, which is no access."""


@dataclass(slots=True)
class Call:
    """One request and what is known of it so far.

    `now` is when it came in, in epoch seconds. `action` is the interaction as the log names it, never a path;
    `client_id` only that of a proven client. `metrics` are counted with the answer. `trail` writes the request's audit
    events.
    """

    request: Request
    base_url: BaseUrl
    now: float
    action: str = "unknown"
    client_id: str = ""
    metrics: list[str] = field(default_factory=list)
    trail: AuditTrail = field(default_factory=AuditTrail)


@dataclass(frozen=True, slots=True)
class Errors:
    """How an endpoint words its errors: a renderer, and a constructor for each refusal that the shell makes itself.

    `internal` is for what should never happen (500), `around_the_front` for a request that did not come through the
    deployment's front (403), `unavailable` for one whose event could not be kept (503, with a reason for the log).
    """

    render: Callable[[RefusalError, Request], Response]
    internal: Callable[[], RefusalError]
    around_the_front: Callable[[], RefusalError]
    unavailable: Callable[[str], RefusalError]


class Endpoint(ABC):
    """The part of a function that is its own: the answer to a call, and the words of its errors."""

    __slots__ = ()
    errors: ClassVar[Errors]

    @abstractmethod
    def answer(self, call: Call) -> Response:
        """Answer a call, saying in it what becomes known; raises `RefusalError`."""


class Observer(Protocol):
    """Where a function says what it did; `ids` are the names and values of a request's ids."""

    def request(
        self,
        action: str,
        status: int,
        *,
        ids: Mapping[str, str],
        client_id: str,
        claimed_client_id: str,
        reason: str,
        milliseconds: int,
    ) -> None:
        """Log one answered request."""

    def failure(self, action: str, error: BaseException, *, ids: Mapping[str, str]) -> None:
        """Log an unexpected error."""

    def count(self, name: str) -> None:
        """Add one to a metric."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Where a function's events are kept, in whose name, and whether it answers while the store is down."""

    store: AuditStore
    service: str
    fails_open: bool = False


@dataclass(frozen=True, slots=True)
class Shell:
    """A function from a REST proxy event to the gateway's answer; it raises nothing. `clock` gives epoch seconds.

    With a `recording` no answer leaves before the events of its request are kept (`audit.md`, Before the answer
    leaves).
    """

    endpoint: Endpoint
    configured_base_url: str
    region: str
    cors: Cors
    observer: Observer
    clock: Callable[[], float]
    origin: Origin = field(default_factory=Origin)
    recording: Recording | None = None

    def __call__(self, event: Mapping[str, Any], context: Any = None) -> dict[str, Any]:
        """Answer an event; of Lambda's `context` only the request id is looked at."""
        function_request_id = str(getattr(context, "aws_request_id", ""))
        try:
            with one_processor():
                return self._respond(event, function_request_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a fixed 500
            self.observer.failure("unreadable event", error, ids={"function_request_id": function_request_id})
            call = self._call(parse_request({}))
            return gateway_response(self._rendered(self.endpoint.errors.internal(), call), call.request, self.cors)

    def _respond(self, event: Mapping[str, Any], function_request_id: str) -> dict[str, Any]:
        call = self._call(self.origin.seen_by(parse_request(event)))
        request = call.request
        # The caller's ids stand beside the two that nobody outside can choose, and never for them.
        ids = {
            "request_id": request.request_id,
            "gateway_request_id": request.gateway_request_id,
            "function_request_id": function_request_id,
        }
        if request.trace:
            ids["traceparent"] = request.trace
        response, refusal = self._answer(call, ids)
        for metric in call.metrics:
            self.observer.count(metric)
        self.observer.request(
            call.action,
            response.status,
            ids=ids,
            client_id=call.client_id,
            claimed_client_id=refusal.claimed_client_id if refusal else "",
            reason=refusal.reason if refusal else "",
            milliseconds=round((self.clock() - call.now) * 1000),
        )
        return gateway_response(response, request, self.cors)

    def _call(self, request: Request) -> Call:
        root = base_url(self.configured_base_url, api_id=request.api_id, stage=request.stage, region=self.region)
        return Call(request, root, self.clock(), trail=self._trail(request))

    def _trail(self, request: Request) -> AuditTrail:
        if (recording := self.recording) is None:
            return AuditTrail()
        return AuditTrail(
            recording.store,
            clock=self.clock,
            service=recording.service,
            request=request,
            fails_open=recording.fails_open,
        )

    def _answer(self, call: Call, ids: Mapping[str, str]) -> tuple[Response, RefusalError | None]:
        """Return the response, and the refusal if it is one."""
        response, refusal = self._attempt(call, ids)
        if refusal is not None:
            response = self._refused(refusal, call)
        if unkept := self._unkept(response.status, refusal, call, ids):
            return self._refused(unkept, call), unkept
        return response, refusal

    def _attempt(self, call: Call, ids: Mapping[str, str]) -> tuple[Response, RefusalError | None]:
        try:
            return self._admitted(call), None
        except RefusalError as error:
            return Response(error.status), error
        except Exception as error:  # noqa: BLE001 - as above, here with what is known of the request
            self.observer.failure(call.action, error, ids=ids)
            return Response(500), self.endpoint.errors.internal()

    def _refused(self, refusal: RefusalError, call: Call) -> Response:
        call.metrics += refusal.metrics
        return self._rendered(refusal, call)

    def _rendered(self, refusal: RefusalError, call: Call) -> Response:
        return self.endpoint.errors.render(refusal, call.request)

    def _unkept(
        self, status: int, refusal: RefusalError | None, call: Call, ids: Mapping[str, str]
    ) -> RefusalError | None:
        """Keep the events of a request, and return its refusal where they cannot be kept and have to be."""
        if self.recording is None or call.action == PREFLIGHT:
            return None
        try:
            call.trail.finish(status, refusal)
        except RefusalError as error:
            # What was looked up beside the work, to know whose it is.
            return error
        except EventNotStoredError as error:
            call.metrics.append("AccessRecordNotKept")
            # Open is for a store that is down, and not for an event that cannot be kept for what was asked.
            if self.recording.fails_open and error.is_down:
                return None
            return self.endpoint.errors.unavailable(f"no event: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, there is no event
            self.observer.failure(call.action, error, ids=ids)
            call.metrics.append("AccessRecordNotKept")
            return self.endpoint.errors.unavailable(f"no event: {type(error).__name__}")
        return None

    def _admitted(self, call: Call) -> Response:
        if not self.origin.admits(call.request):
            raise self.endpoint.errors.around_the_front()
        if call.request.method == "OPTIONS":
            call.action = PREFLIGHT
            return self.cors.preflight()
        return self.endpoint.answer(call)
