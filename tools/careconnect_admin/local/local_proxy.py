"""The local stack's public port: a reverse proxy that gives the emulated API the paths of a deployed one.

It takes the place of API Gateway's edge and behaves like it in everything that clients can see: requests over its
limits are refused, slow responses are cut off, `X-Forwarded-For` names the caller. Path and query are passed on
unchanged. So for a path like `//Patient/1` or `Patient%2F1` the authorizer decides locally about the path that the
client sent.

One difference is intended: API Gateway refuses a raw `|` in a query (400), which FHIR clients send in every
`identifier=system|value`. The proxy passes it on as `%7C`, the same value, so that a request pasted from the FHIR
specification works. A client that is to work with a deployment has to encode it.

It is aiohttp's server, which accepts any request. `aiohttp.web.Application` routes by a parsed path (ADR 1).
"""

import asyncio
import json
import threading
from collections.abc import Iterable
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aiohttp
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict
from yarl import URL

from careconnect.http.origin import SECRET_HEADER, VIEWER_HEADER
from careconnect_admin.local import demo_list
from careconnect_admin.local.edge_compression import compressed

HOST: Final = "127.0.0.1"
# API Gateway's limits: REST API payload, request line and headers, integration time-out.
MAX_BODY: Final = 10 * 1024 * 1024
MAX_HEAD: Final = 10_240
TIMEOUT_SECONDS: Final = 29.0
# Requests in flight at the emulator; further requests wait in the proxy. The emulator starts one Python process per
# function and concurrent request, so a burst would be answered late, after dozens of cold starts.
MAX_IN_FLIGHT: Final = 8
# The same for one caller, by its Authorization header. One caller must not delay the others: Lambda would start more
# functions for them.
MAX_OF_ONE_CALLER: Final = 4
# The parser's limit for a line, above MAX_HEAD so that clients get this proxy's error.
_PARSER_LIMIT: Final = 64 * 1024

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# Headers that are never passed on from the client; the proxy sets its own.
_NOT_FORWARDED: Final = _HOP_BY_HOP | {
    "content-length",
    "expect",
    "forwarded",
    "host",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
}
_ISSUE_CODES: Final = {400: "invalid", 413: "too-long", 502: "transient", 503: "transient", 504: "timeout"}
_OF_AN_ANSWER: Final = "X-Correlation-Id"
"""A header of each answer of a function, and of each response that the template gives the gateway."""


class _RefusalError(Exception):
    """An error response by the proxy itself."""

    def __init__(self, status: int, diagnostics: str) -> None:
        super().__init__(diagnostics)
        self.status = status
        self.diagnostics = diagnostics


class _Connection(RequestHandler):  # type: ignore[misc,type-arg,unused-ignore]
    """A client's connection; a request that cannot be parsed gets an OperationOutcome too."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the response to a request that could not be read (aiohttp's text would repeat parts of it)."""
        del request, message
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log_exception("The front failed", exc_info=exc)
            answer = _outcome(502, "The local API cannot be reached.")
        else:
            answer = _outcome(400, "The request is malformed.")
        answer.force_close()
        return answer


class _Server(web.Server):  # type: ignore[misc,type-arg,unused-ignore]
    def __call__(self) -> RequestHandler:  # type: ignore[type-arg,unused-ignore]
        """Return a handler for a new connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)


class Front:
    """The local proxy: serves one upstream on one loopback port, in a thread with an event loop of its own.

    With `origin_secret` it also acts as CloudFront does for a deployment: it authenticates itself to the functions and
    sends the client's address. It serves a non-empty `demo_list` itself, to the page of this machine. Use as a context
    manager; the port is bound when `__enter__` returns.

    Raises:
        OSError: the port cannot be bound.
    """

    def __init__(self, port: int, upstream: str = "", origin_secret: str = "") -> None:
        self.port = port
        self._origin_secret = origin_secret
        self.upstream = upstream
        self.demo_list = b""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="front")
        self._runner: web.ServerRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(MAX_IN_FLIGHT)
        self._callers: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=10)
        self._end_loop()

    @property
    def base_url(self) -> str:
        """The root URL that clients use, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    async def _open(self) -> None:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            auto_decompress=False,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        server = _Server(
            self._answer,
            access_log=None,
            max_line_size=_PARSER_LIMIT,
            max_field_size=_PARSER_LIMIT,
            auto_decompress=False,
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
        try:
            await self._runner.setup()
            # No SO_REUSEPORT: a second server on the port must fail, not share it.
            await web.TCPSite(self._runner, HOST, self.port, reuse_address=True, reuse_port=False).start()
        except BaseException:
            await self._close()
            raise

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        if not self._loop.is_running():
            self._loop.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            target = _target(request.raw_path)
            _check_head(request)
            body = await _body(request)
            listed = demo_list.answer(self.demo_list, target, request, self.port)
            return listed or await self._forward(request, target, body)
        except _RefusalError as refusal:
            answer = _outcome(refusal.status, refusal.diagnostics)
            if not request.content.is_eof():
                # The unread rest of a refused body would be parsed as the next request.
                answer.force_close()
            return answer

    async def _forward(self, request: web.BaseRequest, target: str, body: bytes) -> web.StreamResponse:
        if self._client is None or not self.upstream:
            raise _RefusalError(502, "The local API is not ready yet.")
        headers = _forwarded(request.headers.items())
        headers["X-Forwarded-For"] = request.remote or HOST
        headers["X-Forwarded-Proto"] = "http"
        headers["X-Forwarded-Port"] = str(self.port)
        if self._origin_secret:
            headers[SECRET_HEADER] = self._origin_secret
            headers[VIEWER_HEADER] = request.remote or HOST
        caller = request.headers.get("Authorization", "")
        slots_of_caller = self._callers.setdefault(caller, asyncio.Semaphore(MAX_OF_ONE_CALLER))
        try:
            async with (
                slots_of_caller,
                self._slots,
                self._client.request(
                    request.method,
                    URL(self.upstream + target, encoded=True),
                    headers=headers,
                    data=body or None,
                    allow_redirects=False,
                ) as upstream,
            ):
                content = await upstream.read()
                status, reason, received = upstream.status, upstream.reason, upstream.headers
        except TimeoutError:
            raise _RefusalError(504, "The request took too long.") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise _RefusalError(502, "The local API cannot be reached.") from None
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and _OF_AN_ANSWER not in received:
            # The emulator says in words of its own that a function was killed, or took too long (INTEGRATION_FAILURE).
            raise _RefusalError(503, "Temporarily unavailable: try again shortly.")
        # Content-Length is passed on too: for HEAD it is the size of the GET response.
        passed = CIMultiDict((k, v) for k, v in received.items() if k.lower() not in _HOP_BY_HOP)
        content = compressed(passed, content, request.headers.get("Accept-Encoding", ""))
        return web.Response(
            status=status, reason=reason, headers=passed, body=None if request.method == "HEAD" else content
        )


def _target(raw: str) -> str:
    """Return the upstream path and query: `raw` without the host of an absolute form, and with `|` encoded."""
    if not raw.startswith("/"):
        parts = urlsplit(raw)
        if parts.scheme not in {"http", "https"}:
            raise _RefusalError(400, "The request target is malformed.")
        # The absolute form (RFC 9112 §3.2.2).
        raw = "/" + raw.split("://", 1)[1].partition("/")[2]
    if "#" in raw or not raw.isascii() or not raw.isprintable():
        raise _RefusalError(400, "The request target is malformed.")
    path, mark, query = raw.partition("?")
    # The emulator decodes a path before it routes and authorises, so that an encoded slash would become a separator.
    # With one more encoding, routes, policy and function get the path as the client sent it, as on API Gateway.
    return path.replace("%", "%25") + mark + query.replace("|", "%7C")


def _check_head(request: web.BaseRequest) -> None:
    # Refused rather than removed: no token, encoded secret or media type has such a byte.
    if not all(name.isascii() and value.isascii() for name, value in request.raw_headers):
        raise _RefusalError(400, "A header holds a byte that is not ASCII.")
    size = len(request.method) + len(request.raw_path)
    size += sum(len(name) + len(value) for name, value in request.raw_headers)
    if size > MAX_HEAD:
        raise _RefusalError(400, f"The request line and headers are over {MAX_HEAD} bytes.")


async def _body(request: web.BaseRequest) -> bytes:
    too_long = _RefusalError(413, f"The request body is over {MAX_BODY} bytes.")
    if (request.content_length or 0) > MAX_BODY:
        raise too_long
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY:
            raise too_long
    return bytes(body)


def _forwarded(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """Return the headers to pass on: not hop-by-hop, not named in Connection, not set by the proxy.

    One that was sent several times is passed on once, with all values (RFC 9110 §5.3), as the functions see it behind
    API Gateway. The emulator would keep the last.
    """
    kept = list(headers)
    named = {
        token.strip().lower() for name, value in kept if name.lower() == "connection" for token in value.split(",")
    }
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in kept:
        if name.lower() not in _NOT_FORWARDED | named:
            passed[name] = f"{passed[name]},{value}" if name in passed else value
    return passed


def _outcome(status: int, diagnostics: str) -> web.Response:
    body: dict[str, Any] = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": _ISSUE_CODES[status], "diagnostics": diagnostics}],
    }
    headers = {"Content-Type": "application/fhir+json", "Access-Control-Allow-Origin": "*"}
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT):
        headers["Retry-After"] = "2"
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers)
