"""REST proxy events (payload format 1.0), built as API Gateway builds them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"

Pairs = Sequence[tuple[str, str]]


def rest_event(
    method: str,
    path: str,
    *,
    query: Pairs = (),
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    source_ip: str = "203.0.113.7",
    request_id: str = "req-1",
    authorizer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the event of one request."""
    given = dict(headers or {})
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": given or None,
        "multiValueHeaders": {name: [value] for name, value in given.items()} or None,
        "queryStringParameters": {name: several[-1] for name, several in values.items()} or None,
        "multiValueQueryStringParameters": values or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "apiId": "abc123",
            "stage": "live",
            "httpMethod": method,
            "path": f"/live{path}",
            "requestId": request_id,
            "identity": {"sourceIp": source_ip},
            **({"authorizer": dict(authorizer)} if authorizer is not None else {}),
        },
        "body": body,
        "isBase64Encoded": False,
    }


def form_event(
    path: str,
    form: Pairs | Mapping[str, str],
    *,
    query: Pairs = (),
    headers: Mapping[str, str] | None = None,
    source_ip: str = "203.0.113.7",
) -> dict[str, Any]:
    """Build the event of a form post."""
    pairs = list(form.items()) if isinstance(form, Mapping) else list(form)
    return rest_event(
        "POST",
        path,
        query=query,
        headers={"Content-Type": FORM, **(headers or {})},
        body=urlencode(pairs),
        source_ip=source_ip,
    )
