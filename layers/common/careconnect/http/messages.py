"""Requests, read from API Gateway REST proxy events, and responses in the form that the gateway expects."""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from urllib.parse import parse_qsl

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}")
# Version, trace, parent and flags; version ff and ids of zeros alone are invalid (W3C Trace Context §3.2.2).
_TRACE: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
MAX_ANSWER_BYTES: Final = 5_500_000
"""The largest answer of a function: Lambda allows 6 MB of JSON, in which quotes and non-ASCII take more bytes."""

_LONGEST_ESCAPE: Final = 12
"""Bytes of the longest character in an answer's JSON: two escapes (`\\ud83d\\ude00`)."""

# What the gateway writes for bytes that are not UTF-8, and halves of surrogate pairs, which an event's JSON can hold.
_REPLACED: Final = re.compile("[\ufffd\ud800-\udfff]")

FORM: Final = "application/x-www-form-urlencoded"


class BodyFault(Enum):
    """The reasons to reject a request body."""

    MEDIA_TYPE = "media type"
    SIZE = "size"
    ENCODING = "encoding"
    CHARSET = "charset"
    FORM = "form"


class BodyError(ValueError):
    """A request body was rejected; `fault` is the reason, which the endpoint puts into words."""

    def __init__(self, fault: BodyFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as a function sees it.

    `headers` have lower-cased names, the values of a repeated one joined by commas (RFC 9110 §5.3); `query`
    holds decoded (name, value) pairs, each name's values together and in order. `stage`, `api_id`, `source_ip` and
    `received_at`, in epoch seconds, come from the gateway, not from the caller.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    query: tuple[tuple[str, str], ...]
    encoded_body: str
    is_base64: bool
    authorizer: Mapping[str, Any]
    api_id: str
    stage: str
    source_ip: str
    gateway_request_id: str
    received_at: float = 0.0

    @property
    def request_id(self) -> str:
        """The caller's X-Request-Id if it is a plain token, else the gateway's id."""
        given = self.headers.get("x-request-id", "")
        return given if _REQUEST_ID.fullmatch(given) else self.gateway_request_id

    @property
    def trace(self) -> str:
        """The caller's `traceparent`, empty unless it is well formed (W3C Trace Context §3.2)."""
        given = self.headers.get("traceparent", "")
        return given if _TRACE.fullmatch(given) else ""

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, lower-cased; empty if there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def takes_nothing_stale(self) -> bool:
        """Return True if the answer must include every write answered before (`no-cache`, RFC 9111 §5.2.1.4)."""
        directives = self.headers.get("cache-control", "").split(",")
        return "no-cache" in [directive.strip().lower() for directive in directives]

    def body(self) -> bytes:
        """Return the body as it was sent.

        Raises `BodyError` if the event declares base64 and the body is not, or if it has text that the gateway has
        replaced.
        """
        if not self.is_base64:
            if _REPLACED.search(self.encoded_body):
                raise BodyError(BodyFault.CHARSET)
            return self.encoded_body.encode()
        try:
            return base64.b64decode(self.encoded_body, validate=True)
        except (binascii.Error, ValueError):
            raise BodyError(BodyFault.ENCODING) from None

    def form(self, *, max_bytes: int, max_parameters: int) -> list[tuple[str, str]]:
        """Return the decoded (name, value) pairs of a form; none for an empty body.

        Raises `BodyError` for a body that is over `max_bytes`, holds more than `max_parameters`, or is not a form,
        or not in UTF-8 (WHATWG URL §5.1).
        """
        body = self.body()
        if len(body) > max_bytes:
            raise BodyError(BodyFault.SIZE)
        if self.media_type != FORM and (self.media_type or body):
            raise BodyError(BodyFault.MEDIA_TYPE)
        try:
            return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=max_parameters)
        except UnicodeDecodeError:
            raise BodyError(BodyFault.CHARSET) from None
        except ValueError:
            raise BodyError(BodyFault.FORM) from None


def last_value(pairs: Sequence[tuple[str, str]], name: str) -> str:
    """Return the last value given for a name, or an empty text; an empty value counts as not given."""
    return next((value for given, value in reversed(pairs) if given == name and value), "")


def is_utf8(query: Sequence[tuple[str, str]]) -> bool:
    """Return True if a query was valid UTF-8. The gateway decodes it, and replaces invalid bytes by U+FFFD.

    False also for a query with the replacement character itself, which looks the same.
    """
    return not any(_REPLACED.search(text) for pair in query for text in pair)


def parse_request(event: Mapping[str, Any]) -> Request:
    """Read a REST proxy event (payload format 1.0); only `Request.body` and `Request.form` decode its body."""
    context: Mapping[str, Any] = event.get("requestContext") or {}
    identity: Mapping[str, Any] = context.get("identity") or {}
    return Request(
        method=str(event.get("httpMethod", "")),
        path=str(event.get("path", "")),
        headers=_headers(event),
        query=_query(event),
        encoded_body=str(event.get("body") or ""),
        is_base64=bool(event.get("isBase64Encoded")),
        authorizer=context.get("authorizer") or {},
        api_id=str(context.get("apiId", "")),
        stage=str(context.get("stage", "")),
        source_ip=str(identity.get("sourceIp", "")),
        gateway_request_id=str(context.get("requestId", "")),
        received_at=int(context.get("requestTimeEpoch") or 0) / 1000,
    )


def _headers(event: Mapping[str, Any]) -> dict[str, str]:
    several: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    single: Mapping[str, str] = event.get("headers") or {}
    headers: dict[str, list[str]] = {}
    # Names that differ in case alone are one header, which was sent more than once.
    for name, values in several.items():
        if values:
            headers.setdefault(name.lower(), []).extend(map(str, values))
    known = frozenset(headers)
    for name, value in single.items():
        if name.lower() not in known:
            headers.setdefault(name.lower(), []).append(str(value))
    return {name: ",".join(values) for name, values in headers.items()}


def _query(event: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    several: Mapping[str, list[str]] = event.get("multiValueQueryStringParameters") or {}
    if several:
        return tuple((name, str(value)) for name, values in several.items() for value in values)
    single: Mapping[str, str] = event.get("queryStringParameters") or {}
    return tuple((name, str(value)) for name, value in single.items())


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; `body` is text, since the server has no binary answers."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def fits_answer(body: str) -> bool:
    """Return True if a body is no larger than an answer may be."""
    # Nearly every body is so small that the first test spares its serialization.
    return len(body) * _LONGEST_ESCAPE <= MAX_ANSWER_BYTES or len(json.dumps(body)) <= MAX_ANSWER_BYTES


_EXPOSED: Final = (
    "ETag, Last-Modified, Location, Content-Location, Retry-After, X-Progress, Expires, WWW-Authenticate, DPoP-Nonce, "
    "X-Request-Id, X-Correlation-Id, traceparent"
)
_METHODS: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_ACCEPTED: Final = (
    "Authorization, DPoP, Content-Type, Accept, Cache-Control, Prefer, If-Match, If-None-Match, If-Modified-Since, "
    "If-None-Exist, X-Request-Id, X-Correlation-Id, X-Requested-With, traceparent"
)


@dataclass(frozen=True, slots=True)
class Cors:
    """The browser origins that may read answers (`*`: any; cookies are never used)."""

    origins: tuple[str, ...]

    def headers(self, request: Request) -> dict[str, str]:
        """Return the CORS headers of an answer to `request` (Fetch §3.2)."""
        if "*" in self.origins:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
        origin = request.headers.get("origin", "")
        if origin not in self.origins:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }

    def preflight(self) -> Response:
        """Answer an OPTIONS request (Fetch §3.2.2); `gateway_response` adds the origin, as to every answer."""
        return Response(
            204,
            headers={
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Allow-Headers": _ACCEPTED,
                "Access-Control-Max-Age": "600",
            },
        )


def gateway_response(response: Response, request: Request, cors: Cors, *, is_https: bool = False) -> dict[str, Any]:
    """Render `response` for the gateway, with CORS and correlation headers; `is_https` of the service's address."""
    cors_headers = cors.headers(request)
    headers = {
        "X-Request-Id": request.request_id,
        "X-Correlation-Id": request.request_id,
        **({"traceparent": request.trace} if request.trace else {}),
        "X-Content-Type-Options": "nosniff",
        # Never over http (RFC 6797 §7.2), so not in a local run.
        **({"Strict-Transport-Security": "max-age=31536000"} if is_https else {}),
        **cors_headers,
        **response.headers,
    }
    if request.method == "HEAD" and response.body:
        # The length for GET (RFC 9110 §8.6); without it a server counts the empty body.
        headers["Content-Length"] = str(len(response.body.encode()))
    if "Vary" in response.headers and "Vary" in cors_headers:
        headers["Vary"] = f"{response.headers['Vary']}, {cors_headers['Vary']}"
    return {
        "statusCode": response.status,
        "headers": headers,
        "body": "" if request.method == "HEAD" else response.body,
        "isBase64Encoded": False,
    }
