"""The promise of every answer: a status and a body of the contract, and nothing of the input in a log line."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from careconnect.fhir.rendering.xml_writer import FHIR
from careconnect_testing.fuzzing.services import CLIENT, KEY_CLIENT, SECRET, Services

_READS: Final = frozenset((200, 204, 304, 400, 403, 404, 405, 406, 410, 413, 415))
STATUSES: Final[Mapping[str, frozenset[int]]] = {
    "issuer": frozenset((200, 204, 400, 401, 405)),
    "reader": _READS,
    "auditor": _READS,
    "writer": frozenset((200, 201, 204, 400, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422)),
    "bundles": frozenset((200, 204, 400, 403, 404, 405, 406, 409, 412, 413, 415, 422)),
    "keeper": frozenset((202, 204, 400, 403, 404, 405, 406, 413, 415, 422)),
    "discovery": frozenset((200, 204, 404, 405, 406)),
    "console": frozenset((200, 204, 304, 404, 405)),
}
"""The statuses of each function (docs/contract) while what it stands on works."""

CANARIES: Final = (SECRET, "9658218873", "965 821 8873", "Kanfeld", "kanfeld", "eyJ")
"""Texts of the seeds that no log line may hold: a secret, a patient's number and name, the beginning of any token."""

_CONFIDENTIAL: Final = re.compile(rf"{re.escape(SECRET)}|eyJ[\w-]*\.")
"""The secret, or a token up to its first dot: a cursor, which an event's query holds, may have `eyJ` by chance."""

_IN_HEADERS: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_CODES: Final = frozenset(
    (
        *(
            "value",
            "not-supported",
            "invalid",
            "invariant",
            "too-costly",
            "too-long",
            "forbidden",
            "not-found",
            "structure",
        ),
        *("conflict", "required", "duplicate", "code-invalid", "processing", "business-rule", "login", "expired"),
    )
)
_LOGGED: Final = re.compile(r"[A-Za-z0-9 .,:;'()_$/+-]{0,100}")


class BrokenPromiseError(AssertionError):
    """An answer, a log line or an audit event is not as the contract has it."""


def check_answer(kind: str, method: str, answer: Mapping[str, Any], services: Services) -> None:
    """Raise `BrokenPromiseError` unless the answer of a function of a kind is as promised, and so are its traces."""
    if services.observer.failures:
        raise services.observer.failures[0]
    status, body = answer["statusCode"], answer["body"]
    _require(status in STATUSES[kind], f"{kind}: status {status}")
    for name, value in answer["headers"].items():
        _require(isinstance(value, str) and bool(_IN_HEADERS.fullmatch(value)), f"{kind}: header {name}")
    _require(_is_unicode(body), f"{kind}: a body that is not Unicode")
    if status in (204, 304) or method == "HEAD":
        _require(not body, f"{kind}: a body with {status}")
    elif kind == "issuer":
        _check_oauth(status, json.loads(body))
    elif status >= 400 or kind in ("reader", "writer", "auditor", "bundles"):
        _check_fhir(kind, status, str(answer["headers"].get("Content-Type")), body)
    check_traces(services)


def check_traces(services: Services) -> None:
    """Raise `BrokenPromiseError` if a log line or an audit event holds what it must not."""
    for line in services.observer.lines:
        logged = {name: value for name, value in line.items() if name != "ids"}
        for name in ("client_id", "claimed_client_id"):
            _require(logged.get(name, "") in ("", CLIENT, KEY_CLIENT), f"log: {name}")
        for name in ("action", "reason"):
            _require(bool(_LOGGED.fullmatch(logged.get(name, ""))), f"log: {name}")
        _require(not any(canary in str(logged) for canary in CANARIES), "log: a confidential text")
    events = repr(services.events())
    for line in services.observer.lines:
        # A caller chooses its request's id (docs/contract/README.md, Headers of every answer).
        events = events.replace(line["ids"]["request_id"], "")
    _require(not _CONFIDENTIAL.search(events), "audit event: a confidential text")


def _check_oauth(status: int, body: Any) -> None:
    if status == 200:
        _require(body == {} or "active" in body or body.get("token_type") in ("Bearer", "DPoP"), "issuer: success")
        return
    _require(set(body) == {"error", "error_description"}, "issuer: members of an error")
    _require(not any(canary in str(body) for canary in CANARIES), "issuer: a confidential text")


def _check_fhir(kind: str, status: int, content_type: str, body: str) -> None:
    if not body:
        _require(kind == "writer" and status in (200, 201), f"{kind}: an empty body with {status}")
        return
    if content_type.startswith("application/fhir+xml"):
        root = ET.fromstring(body.encode())  # noqa: S314 - our own answer
        name = root.tag.removeprefix(f"{{{FHIR}}}")
        codes = [str(one.get("value")) for one in root.iterfind(f"{{{FHIR}}}issue/{{{FHIR}}}code")]
    else:
        _require(content_type.startswith("application/fhir+json"), f"{kind}: content type {content_type}")
        resource = json.loads(body)
        name = resource["resourceType"]
        codes = [issue["code"] for issue in resource.get("issue", ())] if status >= 400 else []
    if status >= 400:
        _require(name == "OperationOutcome" and bool(codes), f"{kind}: {status} without an outcome")
        _require(set(codes) <= _CODES, f"{kind}: issue codes {codes}")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _require(holds: bool, promise: str) -> None:
    if not holds:
        raise BrokenPromiseError(promise)
