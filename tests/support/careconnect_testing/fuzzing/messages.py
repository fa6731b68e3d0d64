"""HTTP messages as text, and the events that API Gateway makes of them."""

import base64
from typing import Any, Final
from urllib.parse import parse_qsl

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.events import BINARY, Event, event

_SENT: Final = event("patient-record-read")
_CONTEXT: Final = _SENT["requestContext"]


def message_event(message: bytes, authorizer: dict[str, Any] | None, *, is_encoded: bool = False) -> Event:
    """Return the event of an HTTP message: a line of method and target, lines of headers, an empty line, the body.

    A target without a slash at its start is below the FHIR base. The gateway decodes the query, writes U+FFFD for bytes
    that are not UTF-8, and base64 for the body of some types; if `is_encoded`, the body is declared as base64 as it is.
    """
    head, _, body = message.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.decode(errors="replace").partition(" ")
    path, _, query = target.partition("?")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.decode(errors="replace").partition(":")
        headers.setdefault(name.strip(), []).append(value.strip())
    values: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        values.setdefault(name, []).append(value)
    full = path if path.startswith("/") else f"{FHIR_PATH}/{path}"
    text, is_base64 = _body(body, headers, is_encoded=is_encoded)
    return {
        **_SENT,
        "resource": full,
        "httpMethod": method,
        "path": full,
        "headers": {name: several[-1] for name, several in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: several[-1] for name, several in values.items()} or None,
        "multiValueQueryStringParameters": values or None,
        "requestContext": {**_CONTEXT, "httpMethod": method, "path": f"/live{full}", "authorizer": authorizer},
        "body": text,
        "isBase64Encoded": is_base64,
    }


def _body(body: bytes, headers: dict[str, list[str]], *, is_encoded: bool) -> tuple[str | None, bool]:
    if is_encoded:
        return body.decode(errors="replace"), True
    if not body:
        return None, False
    types = next((values for name, values in headers.items() if name.lower() == "content-type"), [""])
    if types[-1].partition(";")[0].strip().lower() in BINARY:
        return base64.b64encode(body).decode(), True
    return body.decode(errors="replace"), False
