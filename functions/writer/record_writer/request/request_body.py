"""Read the body of a write in JSON, XML or JSON Patch, within its maximum size (`write.md`, What is refused)."""

from collections.abc import Callable
from typing import Any, Final

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.rendering.formats import Format, body_format
from careconnect.fhir.resource_types import ResourceType
from careconnect.http.messages import BodyError, BodyFault, Request
from careconnect_records.items.resource_items import LARGEST_BODY
from careconnect_records.parsing.faults import UnreadableBodyError
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.stu3.xml_source import parse_xml_body
from record_writer import refusals
from record_writer.request.patch_resource import Operation, parse_patch

JSON_PATCH: Final = "application/json-patch+json"

LARGEST_SENT: Final = 3 * LARGEST_BODY
"""The maximum bytes of a resource as it is sent. White space and escapes, which are not stored, may triple it."""

_PARSE: Final = {Format.JSON: parse_json_body, Format.XML: parse_xml_body}


def resource_in(request: Request, type_: ResourceType) -> dict[str, Any]:
    """Return the resource in a request's body, not yet validated.

    Raises the outcomes 415 for another media type, 413 for a body over the limit, and 400 for a body that is no
    resource of the path's type.
    """
    resource = any_resource_in(request, LARGEST_SENT, refusals.too_large)
    if resource.get("resourceType") != type_.name:
        raise refusals.another_type()
    return resource


def any_resource_in(request: Request, limit: int, too_large: Callable[[], OutcomeError]) -> dict[str, Any]:
    """Return the resource of any type in a request's body of at most `limit` bytes, not yet validated.

    Raises `too_large`, and the outcomes 415 and 400.
    """
    format_ = body_format(request.headers.get("content-type", ""))
    if format_ is None or _is_encoded(request):
        raise refusals.unsupported_body()
    data = _body(request, limit, too_large)
    try:
        return _PARSE[format_](data)
    except UnreadableBodyError as error:
        raise refusals.unreadable(str(error)) from None


def patch_in(request: Request) -> list[Operation]:
    """Return the operations of the JSON Patch in a request's body; raises the outcomes 415, 413 and 400."""
    if request.media_type != JSON_PATCH or _is_encoded(request):
        raise refusals.unsupported_patch()
    return parse_patch(_body(request, LARGEST_BODY, refusals.too_large))


def _is_encoded(request: Request) -> bool:
    """Return True if a body has a content encoding, which the server does not decode (RFC 9110 §8.4)."""
    return request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")


def _body(request: Request, limit: int, too_large: Callable[[], OutcomeError]) -> bytes:
    # Checked before decoding: four letters of base64 are three bytes.
    if len(request.encoded_body) > (limit // 3 + 1) * 4:
        raise too_large()
    try:
        data = request.body()
    except BodyError as error:
        text = "the body is not UTF-8" if error.fault is BodyFault.CHARSET else "the body is not valid base64"
        raise refusals.unreadable(text) from None
    if len(data) > limit:
        raise too_large()
    return data
