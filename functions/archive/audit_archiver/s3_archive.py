"""The archive in S3: a bucket with Object Lock, of which every object version is read."""

import base64
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from audit_archiver.archived_batch import BatchKey, folder_of, unpack
from audit_archiver.days import DAY, HOUR
from audit_archiver.in_order import in_order
from audit_archiver.stream_record import StreamRecord
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectVersionTypeDef

_AT_ONCE: Final = 32
"""Objects that are read concurrently: a day has ten thousand of them, or more."""
_THERE_ALREADY: Final = "PreconditionFailed"


class S3Archive:
    """Put and read batches; S3 errors propagate."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: BatchKey, body: bytes) -> None:
        """Put an object in one part, with a checksum that S3 verifies.

        An existing object with this key has the same content and stays unchanged.
        """
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=str(key),
                Body=body,
                ContentType="application/gzip",
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
                IfNoneMatch="*",
            )
        except SERVICE_ERRORS as error:
            if error_code(error) != _THERE_ALREADY:
                raise

    def batches(self, since: int, before: int, reach: int = DAY) -> Iterator[tuple[str, list[StreamRecord] | None]]:
        """Yield all versions of the objects that may hold records in a time range, each with its key, in key order.

        The records are None for a version that does not match its key. The stream keeps a record for a day, so a batch
        that reaches into the range begins at most a day before it. A smaller `reach` shortens this distance.
        """
        keyed = ((each, BatchKey.of(each["Key"])) for each in self._versions(since - reach, before))
        reaching = (each for each in keyed if each[1] is None or (each[1].last >= since and each[1].first < before))
        for text, key, body in in_order(self._read, reaching, _AT_ONCE):
            yield text, unpack(key, body) if key else None

    def _versions(self, first: int, before: int) -> "Iterator[ObjectVersionTypeDef]":
        """Yield the versions of the objects that begin in the hours of a time range."""
        pages = self._client.get_paginator("list_object_versions")
        for hour in range(first // HOUR, (before - 1) // HOUR + 1):
            for page in pages.paginate(Bucket=self._bucket, Prefix=folder_of(hour * HOUR)):
                yield from page.get("Versions", ())

    def _read(self, found: "tuple[ObjectVersionTypeDef, BatchKey | None]") -> tuple[str, BatchKey | None, bytes]:
        """Return the text of a key, the key, and its object's content; of a key that is none nothing is read."""
        version, key = found
        body = b""
        if key is not None:
            answer = self._client.get_object(Bucket=self._bucket, Key=version["Key"], VersionId=version["VersionId"])
            body = answer["Body"].read()
        return version["Key"], key, body
