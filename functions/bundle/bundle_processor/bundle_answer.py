"""The answer to a Bundle: a response Bundle with an entry for each, within the size of an answer (`bundles.md`)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bundle_processor import refusals
from bundle_processor.bundle_request import Entry
from bundle_processor.entry_response import entry_of, full_url_of, refused, without_body
from careconnect.fhir.rendering.bundle import BUNDLE_BYTES, Bundle, BundleType, bytes_of, entry_text
from careconnect.fhir.rendering.views import View
from careconnect.http.messages import Response

_LEAST_BYTES: Final = 500
"""Bytes of an entry without a resource and an outcome: its status and its location."""


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """The answer to a Bundle, in which each entry's response has its place."""

    fhir_base: str
    view: View
    type: BundleType

    def text(self, entries: Sequence[Entry], responses: Iterable[Response]) -> str:
        """Return the text of the answer, with the response to each entry."""
        room = BUNDLE_BYTES
        texts = []
        versions: set[tuple[str, str]] = set()
        for number, (entry, response) in enumerate(zip(entries, responses, strict=True)):
            # The entries that follow have room for their least.
            text = self._entry(entry, response, room - _LEAST_BYTES * (len(entries) - 1 - number), versions)
            room -= bytes_of(text)
            texts.append(text)
        return Bundle(None, (), texts, self.type).text(self.view)

    def _entry(self, entry: Entry, response: Response, room: int, versions: set[tuple[str, str]]) -> str:
        """Return the entry of a response; without room, a refusal in place of a read, or a write without its body.

        `versions` are those that entries before it show: a full URL with the same version would be there twice
        (STU3 `bdl-7`).
        """
        full_url = full_url_of(entry, response, self.fhir_base)
        version = full_url, response.headers.get("ETag", "")
        text = entry_text(entry_of(response, "" if version in versions else full_url), self.view)
        if bytes_of(text) <= room:
            versions.add(version)
            return text
        is_lost = entry.method == "GET" and response.status < 400
        left = refused(refusals.no_room_left()) if is_lost else without_body(response)
        return entry_text(entry_of(left), self.view)
