"""The bucket of files, and of what steps leave for the next ones."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from export_worker.errors import TryAgainError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_DELETED: Final = 1_000
"""Keys of one request (S3's quota for DeleteObjects)."""


class Bucket(Protocol):
    """Objects by their keys. Each method raises `TryAgainError`."""

    def put(self, key: str, body: bytes) -> None:
        """Put an object, in place of one that has the key."""

    def get(self, key: str) -> bytes:
        """Return an object."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, sorted."""

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects, at most `MAX_DELETED`."""


class S3Bucket:
    """Puts, gets, lists and deletes objects; the bucket encrypts them by its own key."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        """Put an object, in place of one that has the key: one PutObject."""
        _call(self._client.put_object, Bucket=self._bucket, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """Return an object: one GetObject."""
        answer = _call(self._client.get_object, Bucket=self._bucket, Key=key)
        found: bytes = _call(answer["Body"].read)
        return found

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a prefix, sorted: one ListObjectsV2 for each thousand."""
        more: dict[str, str] = {}
        while True:
            answer = _call(self._client.list_objects_v2, Bucket=self._bucket, Prefix=prefix, **more)
            for each in answer.get("Contents", ()):
                yield str(each["Key"])
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects: one DeleteObjects. One that is not there is no error."""
        objects = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        if _call(self._client.delete_objects, Bucket=self._bucket, Delete=objects).get("Errors"):
            raise TryAgainError("DeleteObjects")


def _call(operation: Callable[..., Any], **request: Any) -> Any:
    try:
        return operation(**request)
    except SERVICE_ERRORS as error:
        raise TryAgainError(error_code(error)) from error
