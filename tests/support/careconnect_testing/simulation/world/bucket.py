"""The archive's bucket in memory, as the verifier reads it."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Bucket:
    """boto3's client of S3 for reading; `objects` are the bucket's, one version each."""

    objects: Mapping[str, bytes]

    def get_paginator(self, _operation: str) -> "Bucket":
        """Return the paginator of the object versions."""
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield one page of versions."""
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        yield {"Versions": [{"Key": key, "VersionId": "1"} for key in keys]}

    def get_object(self, **request: Any) -> dict[str, Any]:
        """Return an object."""
        return {"Body": io.BytesIO(self.objects[request["Key"]])}
