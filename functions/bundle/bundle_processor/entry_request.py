"""The request that an entry stands for, as if it had come alone (STU3 HTTP §3.1.0.11)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from bundle_processor.bundle_request import Entry
from careconnect.fhir.rendering.formats import Format
from careconnect.http.messages import Request
from careconnect_records.parsing.exact_json import json_text

_PASSED_ON: Final = ("cache-control", "prefer", "x-request-id", "traceparent")
"""The headers of the whole request that hold for each entry."""

_OF_THE_WHOLE: Final = ("_format", "_pretty")


def _http_date(instant: str) -> str:
    """Return a FHIR instant as a header has it; a text that is none stays as it is."""
    try:
        return format_datetime(datetime.fromisoformat(instant).astimezone(UTC), usegmt=True)
    except (ValueError, OverflowError):
        # In its own zone, an instant may be before the first year.
        return instant


_HEADERS: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = {
    "ifMatch": ("if-match", str),
    "ifNoneMatch": ("if-none-match", str),
    "ifModifiedSince": ("if-modified-since", _http_date),
    "ifNoneExist": ("if-none-exist", str),
}


def nothing_stale(whole: Request) -> Request:
    """Return the request with `Cache-Control: no-cache`: the reads of a transaction see all that it wrote."""
    return replace(whole, headers={**whole.headers, "cache-control": "no-cache"})


def request_of(entry: Entry, whole: Request) -> Request:
    """Return the request of an entry of the `whole` one: its caller, address and ids are those of the whole."""
    headers = {name: whole.headers[name] for name in _PASSED_ON if name in whole.headers}
    headers |= {"accept": Format.JSON.value, "content-type": Format.JSON.value}
    for element, (header, convert) in _HEADERS.items():
        if element in entry.conditions:
            headers[header] = convert(entry.conditions[element])
    return replace(
        whole,
        method=entry.method,
        path=entry.path,
        headers=headers,
        # The answer to the whole is in one format.
        query=tuple(pair for pair in entry.query if pair[0] not in _OF_THE_WHOLE),
        encoded_body="" if entry.resource is None else json_text(entry.resource),
        is_base64=False,
    )
