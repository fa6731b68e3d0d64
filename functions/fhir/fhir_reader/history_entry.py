"""An entry of a history: a version, and the request that created it (STU3 RESTful API: history)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Final

from fhir_reader.store.stored import StoredResource

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def history_entry(body: str, version: StoredResource, fhir_base: str, url: str) -> str:
    """Return the JSON history entry of a version of the resource at `url`; `body` is empty for a deletion."""
    resource = f'"resource":{body},' if body else ""
    # A create posts to the type: the resource has no id yet.
    asked = url.partition("/")[0] if version.method == "POST" else url
    request = _json({"method": version.method, "url": asked})
    etag, changed = f'W/"{version.version}"', _instant(version.updated)
    response = _json({"status": str(version.status), "etag": etag, "lastModified": changed})
    return f'{{"fullUrl":{_json(f"{fhir_base}/{url}")},{resource}"request":{request},"response":{response}}}'


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _instant(milliseconds: int) -> str:
    instant = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
