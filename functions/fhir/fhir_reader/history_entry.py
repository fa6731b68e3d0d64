"""An entry of a history: a version, and the request that made it (STU3 RESTful API: history)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import quoteattr

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One version: its rendered text, empty for a deletion, its `method` on `url`, and what was answered.

    `updated` is in epoch milliseconds.
    """

    body: str
    full_url: str
    method: str
    url: str
    status: int
    version: int
    updated: int

    def json(self) -> str:
        """Render as JSON around the resource's own text."""
        resource = f'"resource":{self.body},' if self.body else ""
        request = json.dumps({"method": self.method, "url": self.url}, separators=(",", ":"))
        response = json.dumps(
            {"status": str(self.status), "etag": self._etag, "lastModified": _instant(self.updated)},
            separators=(",", ":"),
        )
        return f'{{"fullUrl":{json.dumps(self.full_url)},{resource}"request":{request},"response":{response}}}'

    def xml(self) -> str:
        """Render as XML around the resource's own text."""
        return (
            f"<entry><fullUrl value={quoteattr(self.full_url)}/>"
            + (f"<resource>{self.body}</resource>" if self.body else "")
            + f"<request><method value={quoteattr(self.method)}/><url value={quoteattr(self.url)}/></request>"
            f'<response><status value="{self.status}"/><etag value={quoteattr(self._etag)}/>'
            f'<lastModified value="{_instant(self.updated)}"/></response></entry>'
        )

    @property
    def _etag(self) -> str:
        return f'W/"{self.version}"'


def _instant(milliseconds: int) -> str:
    instant = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
