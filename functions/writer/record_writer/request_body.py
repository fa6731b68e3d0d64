"""The body of a write: which format it is in, how large it may be, and what it holds (`write.md`, What is refused)."""

from typing import Any, Final

from careconnect.fhir.rendering.formats import Format, body_format
from careconnect.fhir.resource_types import ResourceType
from careconnect.http.messages import BodyError, Request
from careconnect_records.items.record import LARGEST_BODY
from careconnect_records.parsing.faults import UnreadableBodyError
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.stu3.xml_source import parse_xml_body
from record_writer import refusals
from record_writer.patch_resource import Operation, parse_patch

JSON_PATCH: Final = "application/json-patch+json"

LARGEST_SENT: Final = 3 * LARGEST_BODY
"""Bytes of a resource as it is sent: white space and escapes, which are not stored, may treble it."""

_PARSE: Final = {Format.JSON: parse_json_body, Format.XML: parse_xml_body}


def resource_in(request: Request, type_: ResourceType) -> dict[str, Any]:
    """Return the resource that a request brings, of the type of its path, not yet validated.

    Raises the outcomes 415 for another media type, 413 for a body over the limit, and 400 for what is no resource of
    that type.
    """
    format_ = body_format(request.headers.get("content-type", ""))
    if format_ is None or _is_encoded(request):
        raise refusals.unsupported_body()
    data = _body(request, LARGEST_SENT)
    try:
        resource = _PARSE[format_](data)
    except UnreadableBodyError as error:
        raise refusals.unreadable(str(error)) from None
    if resource.get("resourceType") != type_.name:
        raise refusals.another_type()
    return resource


def patch_in(request: Request) -> list[Operation]:
    """Return the operations that a request brings; raises the outcomes 415, 413 and 400."""
    if request.media_type != JSON_PATCH or _is_encoded(request):
        raise refusals.unsupported_patch()
    return parse_patch(_body(request, LARGEST_BODY))


def _is_encoded(request: Request) -> bool:
    """Say whether a body is compressed, which the server does not undo (RFC 9110 §8.4)."""
    return request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")


def _body(request: Request, most: int) -> bytes:
    # Four letters of base64 are three bytes.
    if len(request.encoded_body) > (most // 3 + 1) * 4:
        raise refusals.too_large()
    try:
        data = request.body()
    except BodyError:
        raise refusals.unreadable("the body is not valid base64") from None
    if len(data) > most:
        raise refusals.too_large()
    return data
