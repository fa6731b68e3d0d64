"""The archive's bucket in memory, as the archiver writes it and the verifier reads it."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from careconnect_testing.simulation.schedule.scheduler import Home
from careconnect_testing.simulation.world.aws import Aws
from careconnect_testing.simulation.world.faults import Fault, client_error


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


@dataclass
class SimulatedS3:
    """boto3's client of S3, for one instance of a function; `objects` are the bucket's, which never change."""

    aws: Aws
    home: Home
    objects: dict[str, bytes]

    def put_object(self, **request: Any) -> Any:
        """Put an object that is new."""
        return self.aws.call(self.home, "put_object", request, self._put)

    def _put(self, _fault: Fault, request: Mapping[str, Any]) -> Any:
        if request["Key"] in self.objects:
            raise client_error("PreconditionFailed", "PutObject")
        self.objects[request["Key"]] = request["Body"]
        return {}
