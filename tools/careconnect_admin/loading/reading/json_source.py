"""Read one JSON text: a resource, or the entries of a Bundle with their lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect.fhir.resource_types import ID_PATTERN, valid_id
from careconnect_admin.loading.reading.found import Deletion, Found, Place, Problem, Skipped, Transaction, Upsert
from careconnect_records.parsing.exact_json import DECODER, JsonError, parse_json

_TRANSACTION: Final = "transaction"
_STORED: Final = frozenset(("collection", "searchset"))
_CHANGING: Final = frozenset((_TRANSACTION, "batch"))
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_LAST_SEGMENTS: Final = re.compile(rf"(?:.*/)?([A-Z][A-Za-z]+)/({ID_PATTERN})")


def read_text(content: bytes, place: Place) -> Iterator[Found | Transaction]:
    """Yield the resources, deletions, skipped places and problems of one JSON text that begins at `place`.

    Those of a transaction Bundle come together.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Problem(_further(place, content.count(b"\n", 0, error.start)), "not UTF-8")
        return
    try:
        members, entries = _members(text)
    except JsonError as error:
        yield Problem(_further(place, error.line - 1), str(error))
        return
    if members.get("resourceType") != "Bundle":
        yield Upsert(place, members, len(content))
        return
    if not entries:
        yield Skipped(place, "Bundle without an entry")
    lines = _lines_at(text, [entry.offset for entry in entries], place)
    yield from _read_bundle(members, list(zip(entries, lines, strict=True)), place)


def _further(place: Place, lines: int) -> Place:
    return Place(place.file, place.line + lines)


@dataclass(frozen=True, slots=True)
class _Entry:
    value: Any
    offset: int
    size: int


def _members(text: str) -> tuple[dict[str, Any], list[_Entry]]:
    """Parse an object, the items of its member `entry` with the offsets at which they begin."""
    start = _after_space(text, 0)
    if text[start : start + 1] != "{":
        parse_json(text)
        raise JsonError("not a JSON object", 1 + text.count("\n", 0, start))
    opening = _entry_array(text, start)
    members = parse_json(text)
    entries: list[_Entry] = []
    if opening is None or not isinstance(members.get("entry"), list):
        return members, entries
    offset = _after_space(text, opening + 1)
    for value in members["entry"]:
        _, end = DECODER.raw_decode(text, offset)
        entries.append(_Entry(value, offset, end - offset))
        offset = _after_space(text, _after_space(text, end) + 1)
    return members, entries


def _entry_array(text: str, start: int) -> int | None:
    """Return the offset of the top-level `entry` array, None if there is none or the text is no JSON."""
    offset = _after_space(text, start + 1)
    try:
        while text[offset] == '"':
            name, end = DECODER.raw_decode(text, offset)
            offset = _after_space(text, _after_space(text, end) + 1)
            if name == "entry":
                return offset if text[offset] == "[" else None
            _, end = DECODER.raw_decode(text, offset)
            offset = _after_space(text, _after_space(text, end) + 1)
    except (IndexError, ValueError, RecursionError):
        # Parsing the whole text gives the better error.
        return None
    return None


def _after_space(text: str, offset: int) -> int:
    match = _SPACE.match(text, offset)
    return match.end() if match else offset


def _lines_at(text: str, offsets: list[int], place: Place) -> list[int]:
    lines: list[int] = []
    line, before = place.line, 0
    for offset in offsets:
        line += text.count("\n", before, offset)
        before = offset
        lines.append(line)
    return lines


@dataclass
class _Bundle:
    type_name: str
    links: dict[str, str] = field(default_factory=dict)
    """The reference that replaces each entry's `fullUrl` (STU3 Bundle §2.36.4; transaction §2.21.0.17.2)."""


def _read_bundle(
    members: dict[str, Any], entries: list[tuple[_Entry, int]], place: Place
) -> Iterator[Found | Transaction]:
    kind = members.get("type")
    if kind not in _STORED | _CHANGING:
        yield Problem(place, "a Bundle that is no collection, searchset, transaction or batch")
        return
    bundle = _Bundle(kind)
    # All entries are read first, since an entry may refer to a later one.
    found = tuple(_read_entry(entry, bundle, Place(place.file, line)) for entry, line in entries)
    for each in found:
        if isinstance(each, Upsert) and bundle.links:
            _relink(each.resource, bundle.links)
    if kind == _TRANSACTION:
        yield Transaction(place, found)
    else:
        yield from found


def _read_entry(entry: _Entry, bundle: _Bundle, place: Place) -> Found:
    value = entry.value
    if not isinstance(value, dict):
        return Problem(place, "an entry that is not an object")
    if bundle.type_name in _CHANGING:
        request = value.get("request")
        if not isinstance(request, dict) or not isinstance(request.get("url"), str):
            return Problem(place, f"an entry of a {bundle.type_name} without request.method and request.url")
        return _read_request(entry, request.get("method"), request, bundle, place)
    search = value.get("search")
    if isinstance(search, dict) and search.get("mode") == "outcome":
        return Skipped(place, "outcome in a search's answer")
    return _read_resource(entry, bundle, place)


def _read_request(entry: _Entry, method: Any, request: dict[str, Any], bundle: _Bundle, place: Place) -> Found:
    url: str = request["url"]
    if method not in ("PUT", "POST", "DELETE"):
        return Problem(place, "an entry whose request is no PUT, POST or DELETE")
    if "?" in url or any(name in request for name in ("ifNoneExist", "ifMatch")):
        return Problem(place, "conditional requests cannot be loaded")
    if method == "POST":
        return _read_resource(entry, bundle, place)
    target = _LAST_SEGMENTS.fullmatch(url)
    if target is None:
        return Problem(place, f"a {method} whose request.url is no Type/id")
    if method == "DELETE":
        return Deletion(place, target[1], target[2], entry.size)
    resource = entry.value.get("resource")
    if isinstance(resource, dict) and (resource.get("resourceType"), resource.get("id")) != target.groups():
        return Problem(place, "a PUT whose request.url names another resource than it holds")
    return _read_resource(entry, bundle, place)


def _read_resource(entry: _Entry, bundle: _Bundle, place: Place) -> Found:
    resource = entry.value.get("resource")
    if not isinstance(resource, dict):
        return Problem(place, "an entry without a resource")
    type_name, full_url = resource.get("resourceType"), entry.value.get("fullUrl")
    if not isinstance(full_url, str):
        return Upsert(place, resource, entry.size)
    if "id" not in resource and valid_id(full_url.removeprefix("urn:uuid:")):
        # The server chooses the id of a new resource. This choice is the same at every load.
        resource = {"resourceType": type_name, "id": full_url.removeprefix("urn:uuid:"), **resource}
    if isinstance(type_name, str) and (full_url.startswith("urn:") or bundle.type_name in _CHANGING):
        bundle.links[full_url] = f"{type_name}/{resource.get('id')}"
    return Upsert(place, resource, entry.size)


def _relink(node: Any, links: dict[str, str]) -> None:
    """Replace the references to entries' full URLs, at any depth of `node`."""
    if isinstance(node, list):
        for item in node:
            _relink(item, links)
    elif isinstance(node, dict):
        reference = node.get("reference")
        if isinstance(reference, str) and reference in links:
            node["reference"] = links[reference]
        for child in node.values():
            if isinstance(child, dict | list):
                _relink(child, links)
