"""Bundles, joined from the texts of their entries."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.formats import Format, render
from careconnect.fhir.rendering.indentation import pretty_json
from careconnect.fhir.rendering.views import View, show
from careconnect.fhir.rendering.xml_writer import element_xml
from careconnect.fhir.resource_types import ResourceType
from careconnect.http.messages import MAX_ANSWER_BYTES

BUNDLE_BYTES: Final = MAX_ANSWER_BYTES - 100_000
"""Bytes for a Bundle's entries: the rest is for its own text, its links and the gateway's envelope."""

_SEPARATOR_BYTES: Final = 8
"""Bytes between two entries: a comma, and a new line with its indentation."""

_DEPTH_OF_ENTRY: Final = 2
"""The depth of an entry in a Bundle's JSON: inside the object, and inside its array."""

_AROUND_ENTRIES: Final = {
    (Format.JSON, False): ("}", ',"entry":[', ",", "]}"),
    (Format.JSON, True): ("\n}", ',\n  "entry": [\n    ', ",\n    ", "\n  ]\n}"),
    (Format.XML, False): ("</Bundle>", "", "", "</Bundle>"),
    (Format.XML, True): ("\n</Bundle>", "", "", "\n</Bundle>"),
}
"""The end of a Bundle without entries; and the texts before, between and after entries that replace it."""


class BundleType(StrEnum):
    """The type of a Bundle (STU3 value set `bundle-type`)."""

    SEARCHSET = "searchset"
    HISTORY = "history"
    BATCH_RESPONSE = "batch-response"
    TRANSACTION_RESPONSE = "transaction-response"


def search_entry(body: str, mode: str, full_url: str, view: View) -> str:
    """Return an entry of a searchset: a resource's JSON text and its search mode (`match`, `include`, `outcome`)."""
    url = f'"fullUrl":{json.dumps(full_url)},' if full_url else ""
    return entry_text(f'{{{url}"resource":{body},"search":{{"mode":"{mode}"}}}}', view)


@dataclass(frozen=True, slots=True)
class RenderedEntry:
    """The text of an entry, and its size in bytes within the function's JSON answer."""

    text: str
    size: int


def search_entries(
    resources: Iterable[tuple[ResourceType, str, str]], mode: str, fhir_base: str, view: View
) -> list[RenderedEntry]:
    """Return the entries of resources, given as (type, id, JSON text), in the part of each that `view` asks for."""
    is_whole = view.summary in ("false", "count") and not view.elements
    entries = []
    for type_, resource_id, body in resources:
        shown = body if is_whole else show(body, type_, view)
        text = search_entry(shown, mode, f"{fhir_base}/{type_.name}/{resource_id}", view)
        entries.append(RenderedEntry(text, bytes_of(text)))
    return entries


def bytes_of(entry: str) -> int:
    """Return the size of an entry's text inside the function's JSON answer."""
    return len(json.dumps(entry)) + _SEPARATOR_BYTES


def outcome_entry(outcome: OperationOutcome, view: View) -> str:
    """Return the entry with the warnings about the search itself."""
    return search_entry(outcome.json(), "outcome", "", view)


def entry_text(text: str, view: View) -> str:
    """Return an entry's JSON text in the format and layout of the response."""
    if view.format is Format.XML:
        return element_xml("entry", text, "\n  " if view.pretty else "")
    return pretty_json(text, _DEPTH_OF_ENTRY) if view.pretty else text


@dataclass(frozen=True, slots=True)
class Bundle:
    """A page of results. `links` are (relation, absolute URL) pairs; `total` is None if it is not known.

    `entries` are texts that `entry_text` returned.
    """

    total: int | None
    links: Sequence[tuple[str, str]]
    entries: Sequence[str]
    type: BundleType = BundleType.SEARCHSET

    def text(self, view: View) -> str:
        """Return the Bundle's text; `view` is the one that the entries were rendered with."""
        head: dict[str, Any] = {"resourceType": "Bundle", "type": self.type}
        if self.total is not None:
            head["total"] = self.total
        if self.links:
            head["link"] = [{"relation": relation, "url": url} for relation, url in self.links]
        text = json.dumps(head, separators=(",", ":"), ensure_ascii=False)
        text = render(text, view.format, pretty=view.pretty)
        if not self.entries:
            return text
        end, first, between, last = _AROUND_ENTRIES[view.format, view.pretty]
        return text.removesuffix(end) + first + between.join(self.entries) + last
