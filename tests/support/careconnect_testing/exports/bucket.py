"""The exports' bucket in memory, and boto3's client of it: each call is a pause, and may fail."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect_testing.simulation.schedule.scheduler import Home
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.faults import Fault, client_error

BUCKET: Final = "exports"
_MOST_KEYS: Final = 1_000


@dataclass
class Bucket:
    """boto3's client of S3; `objects` are one bucket's, one version each."""

    objects: dict[str, bytes]

    def put_object(self, **request: Any) -> dict[str, Any]:
        """Put an object, in place of one that is there."""
        body = request["Body"]
        self.objects[request["Key"]] = body if isinstance(body, bytes) else body.read()
        return {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        """Return an object, or its `Range`; raises `NoSuchKey`."""
        key = request["Key"]
        if key not in self.objects:
            raise client_error("NoSuchKey", "GetObject")
        body = self.objects[key]
        if wanted := request.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            body = body[int(first) : int(last) + 1 if last else None]
        return {"Body": io.BytesIO(body), "ContentLength": len(body)}

    def delete_object(self, **request: Any) -> dict[str, Any]:
        """Delete an object, if it is there."""
        self.objects.pop(request["Key"], None)
        return {}

    def delete_objects(self, **request: Any) -> dict[str, Any]:
        """Delete up to 1,000 objects."""
        for each in request["Delete"]["Objects"]:
            self.objects.pop(each["Key"], None)
        return {}

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        """Return a page of keys in their order."""
        after = max(request.get("StartAfter", ""), request.get("ContinuationToken", ""))
        keys = sorted(key for key in self.objects if key.startswith(request.get("Prefix", "")) and key > after)
        page = keys[: min(request.get("MaxKeys", _MOST_KEYS), _MOST_KEYS)]
        answer: dict[str, Any] = {
            "KeyCount": len(page),
            "IsTruncated": len(page) < len(keys),
            "Contents": [{"Key": key, "Size": len(self.objects[key])} for key in page],
        }
        return {**answer, "NextContinuationToken": page[-1]} if len(page) < len(keys) else answer


class SimulatedBucket:
    """The client of a function's instance: others go on at each call, which may fail in each way."""

    def __init__(self, aws: Aws, home: Home, objects: dict[str, bytes]) -> None:
        self._aws = aws
        self._home = home
        self._bucket = Bucket(objects)

    def __getattr__(self, operation: str) -> Any:
        """Return an operation by boto3's name."""
        do = getattr(self._bucket, operation)

        def done(_fault: Fault, request: Mapping[str, Any]) -> Any:
            return do(**request)

        def call(**request: Any) -> Any:
            return self._aws.call(self._home, f"s3_{operation}", request, done)

        return call
