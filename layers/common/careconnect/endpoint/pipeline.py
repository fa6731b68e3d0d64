"""Turn a Lambda event into the answer of the function's endpoint, and log one line for each request.

The pipeline holds everything that the functions share: the event, preflights, expected and unexpected errors, ids,
metrics and CORS. The authorizer does not use it, since it answers with policies, not HTTP.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from careconnect.audit.recorder import EventRecorder
from careconnect.audit.store import AuditStore, EventNotStoredError
from careconnect.http.base_url import BaseUrl, base_url
from careconnect.http.errors import ApiError, Metric
from careconnect.http.messages import Cors, Request, Response, gateway_response, parse_request
from careconnect.http.origin import Origin
from careconnect.storage.quota import Bill, BundleShare

if TYPE_CHECKING:
    from careconnect.oauth.caller import Caller

PREFLIGHT: Final = "preflight"
"""The action of a CORS preflight, which a browser sends before another request and which accesses nothing."""

_GATEWAY_SECONDS: Final = 29.0
"""The time that API Gateway waits for a function."""


class Proofs(Protocol):
    """The judge of the proofs that come with tokens bound to a key."""

    def headers(self, request: Request, now: float) -> Mapping[str, str]:
        """Return the headers that every answer to a request has; never raises."""

    def require(self, context: "RequestContext", caller: "Caller") -> None:
        """Judge the proof of a request, and use it up; raises `ApiError`."""


@dataclass(slots=True)
class RequestContext:
    """One request and the details known of it so far.

    `now` is the time of its arrival, in epoch seconds. `action` is the interaction as the log names it, never a path.
    `client_id` is only set for an authenticated client. `metrics` are counted with the answer, and `headers` are in it,
    whatever its status. `recorder` writes the request's audit events. `share` is of the Bundle whose entry the request
    is, and so is its `bill` then. Without `proofs`, no request with a bound token is answered but such an entry.
    """

    request: Request
    base_url: BaseUrl
    now: float
    action: str = "unknown"
    client_id: str = ""
    metrics: list[Metric] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    recorder: EventRecorder = field(default_factory=EventRecorder)
    share: BundleShare | None = None
    bill: Bill = field(default_factory=Bill)
    proofs: Proofs | None = None

    @property
    def waited(self) -> float:
        """Seconds from the request's receipt by the gateway to its arrival here.

        0 if it cannot be so long ago, as of an event that is sent again, or of clocks that differ.
        """
        seconds = self.now - self.request.received_at
        return seconds if 0 < seconds < _GATEWAY_SECONDS else 0.0


@dataclass(frozen=True, slots=True)
class Errors:
    """The error format of an endpoint: a renderer, and a constructor for each error that the pipeline creates itself.

    `internal` is for an unexpected error (500), `bypassed_edge` for a request that did not come through the
    deployment's edge (403), `unavailable` for one whose event could not be stored (503, with a reason for the log), and
    `in_doubt` for such a one that has written.
    """

    render: Callable[[ApiError, Request], Response]
    internal: Callable[[], ApiError]
    bypassed_edge: Callable[[], ApiError]
    unavailable: Callable[[str], ApiError]
    in_doubt: Callable[[str], ApiError]


class Endpoint(ABC):
    """The part that differs between functions: the answer to a request, and the format of its errors."""

    __slots__ = ()
    errors: ClassVar[Errors]

    @abstractmethod
    def answer(self, context: RequestContext) -> Response:
        """Answer a request, and add the details that become known to its context; raises `ApiError`."""


class Observer(Protocol):
    """The log and the metrics of a function; `ids` are the names and values of a request's ids."""

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

    def count(self, name: Metric) -> None:
        """Add one to a metric."""


@dataclass(frozen=True, slots=True)
class Auditing:
    """The store of a function's audit events, the service name in them, and whether to answer if the store is down."""

    store: AuditStore
    service: str
    fails_open: bool = False


@dataclass(frozen=True, slots=True)
class RequestPipeline:
    """Turns a REST proxy event into API Gateway's response format; never raises. `clock` returns epoch seconds.

    With `auditing`, no answer leaves before the events of its request are stored (`audit.md`, Before the answer
    leaves). `proofs` judge the requests with bound tokens. `limit_calls` limits the calls of AWS within a request that
    has waited for some seconds.
    """

    endpoint: Endpoint
    configured_base_url: str
    region: str
    cors: Cors
    observer: Observer
    clock: Callable[[], float]
    origin: Origin = field(default_factory=Origin)
    auditing: Auditing | None = None
    proofs: Proofs | None = None
    limit_calls: Callable[[float], AbstractContextManager[None]] = lambda _waited: nullcontext()

    def __call__(self, event: Mapping[str, Any], lambda_context: Any = None) -> dict[str, Any]:
        """Answer an event; only the request id of `lambda_context` is read."""
        try:
            with pinned_to_cpu():
                request = parse_request(event)
                if self.origin.secret:
                    request = self.origin.seen_by(request)
                context = self._context(request)
                with self.limit_calls(context.waited):
                    return self._rendered(self._response(context), context)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a fixed 500
            function_request_id = str(getattr(lambda_context, "aws_request_id", ""))
            self.observer.failure("unreadable event", error, ids={"function_request_id": function_request_id})
            context = self._context(parse_request({}))
            internal = self.endpoint.errors.internal()
            return self._rendered(self._render(internal, context), context)

    def respond(self, request: Request, share: BundleShare) -> Response:
        """Answer a request that came within a Bundle: it is audited, counted and logged like any."""
        context = self._context(request)
        context.share, context.bill = share, share.bill
        return self._response(context)

    def _response(self, context: RequestContext) -> Response:
        request = context.request
        ids = {"request_id": request.request_id}
        if request.request_id != request.gateway_request_id:
            # A caller may send the id of another's request: the gateway's own is in the line too.
            ids["gateway_request_id"] = request.gateway_request_id
        if request.trace:
            ids["traceparent"] = request.trace
        error: ApiError | None = None
        try:
            response = self._answer(context)
        except ApiError as refused:
            error = refused
            response = self._refuse(error, context)
        except Exception as failed:  # noqa: BLE001 - as above, here with what is known of the request
            self.observer.failure(context.action, failed, ids=ids)
            error = self.endpoint.errors.internal()
            response = self._refuse(error, context)
        if not_audited := self._finish_audit(response.status, error, context, ids):
            # An answer that is unavailable already may say what became of a write.
            if not (error and error.status == not_audited.status):
                response = self._refuse(not_audited, context)
            error = not_audited
        for metric in context.metrics:
            self.observer.count(metric)
        self.observer.request(
            context.action,
            response.status,
            ids=ids,
            client_id=context.client_id,
            claimed_client_id=error.claimed_client_id if error else "",
            reason=error.reason if error else "",
            milliseconds=round((self.clock() - context.now) * 1000),
        )
        return response

    def _answer(self, context: RequestContext) -> Response:
        if self.proofs is not None and context.share is None:
            context.headers |= self.proofs.headers(context.request, context.now)
        if self.origin.secret and not self.origin.admits(context.request):
            raise self.endpoint.errors.bypassed_edge()
        # An entry of a Bundle comes from no browser.
        if context.request.method == "OPTIONS" and context.share is None:
            context.action = PREFLIGHT
            return self.cors.preflight()
        return self.endpoint.answer(context)

    def _context(self, request: Request) -> RequestContext:
        root = base_url(self.configured_base_url, api_id=request.api_id, stage=request.stage, region=self.region)
        return RequestContext(request, root, self.clock(), recorder=self._recorder(request), proofs=self.proofs)

    def _recorder(self, request: Request) -> EventRecorder:
        if (auditing := self.auditing) is None:
            return EventRecorder()
        return EventRecorder(
            auditing.store,
            clock=self.clock,
            service=auditing.service,
            request=request,
            fails_open=auditing.fails_open,
        )

    def _refuse(self, error: ApiError, context: RequestContext) -> Response:
        context.metrics += error.metrics
        return self._render(error, context)

    def _render(self, error: ApiError, context: RequestContext) -> Response:
        return self.endpoint.errors.render(error, context.request)

    def _rendered(self, response: Response, context: RequestContext) -> dict[str, Any]:
        is_https = context.base_url.root.startswith("https:")
        if context.headers:
            response = replace(response, headers={**context.headers, **response.headers})
        return gateway_response(response, context.request, self.cors, is_https=is_https)

    def _finish_audit(
        self, status: int, error: ApiError | None, context: RequestContext, ids: Mapping[str, str]
    ) -> ApiError | None:
        """Write the request's remaining audit events; return an error if they are required and cannot be written."""
        if self.auditing is None or context.action == PREFLIGHT:
            return None
        try:
            context.recorder.finish(status, error)
        except ApiError as found:
            # A lookup for the audit trail, which runs concurrently with the request's own work, was refused.
            return found
        except EventNotStoredError as missing:
            context.metrics.append("AuditEventNotWritten")
            # `fails_open` covers a store that is down, not an event that the store refuses.
            if self.auditing.fails_open and missing.is_down:
                return None
            return self._not_recorded(context, str(missing))
        except Exception as failed:  # noqa: BLE001 - whatever it is, there is no event
            self.observer.failure(context.action, failed, ids=ids)
            context.metrics.append("AuditEventNotWritten")
            return self._not_recorded(context, type(failed).__name__)
        return None

    def _not_recorded(self, context: RequestContext, reason: str) -> ApiError:
        """Return the error of a request without its events. Those that follow a write cannot undo it."""
        errors = self.endpoint.errors
        return (errors.in_doubt if context.recorder.has_written else errors.unavailable)(f"no event: {reason}")


@contextmanager
def pinned_to_cpu() -> Iterator[None]:
    """Pin the calling thread, and the threads that it starts, to one of its allowed processors (ADR 29).

    Python runs one thread at a time. With several processors, a waiting thread is woken on another one. Each such
    hand-over costs more than the work that is handed over, and two concurrent AWS requests take a dozen of them.

    The thread may use all of them again afterwards; the threads that it started stay pinned. Several processes do not
    all choose the same processor. Nothing happens where the system does not support pinning, or forbids it.
    """
    try:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {sorted(allowed)[os.getpid() % len(allowed)]})
    except (AttributeError, OSError):
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
