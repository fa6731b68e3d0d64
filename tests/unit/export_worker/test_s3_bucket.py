"""The bucket, by the calls that S3 gets."""

from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from export_worker.errors import TryAgainError
from export_worker.s3_bucket import S3Bucket


class Client:
    """Stands for S3's client: objects in a dictionary, listed two at a time."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.error: Exception | None = None
        self.undeleted: list[dict[str, str]] = []

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Any:  # noqa: N803 - boto3's own names
        if self.error:
            raise self.error
        self.objects[f"{Bucket}/{Key}"] = Body
        return {}

    def get_object(self, *, Bucket: str, Key: str) -> Any:  # noqa: N803
        return {"Body": BytesIO(self.objects[f"{Bucket}/{Key}"])}

    def list_objects_v2(self, *, Bucket: str, Prefix: str, ContinuationToken: str = "0") -> Any:  # noqa: N803
        start = f"{Bucket}/"
        keys = sorted(key.removeprefix(start) for key in self.objects if key.startswith(start + Prefix))
        first = int(ContinuationToken)
        page = [{"Key": key} for key in keys[first : first + 2]]
        more = first + 2 < len(keys)
        return {"IsTruncated": more, **({"Contents": page} if page else {}), "NextContinuationToken": str(first + 2)}

    def delete_objects(self, *, Bucket: str, Delete: Any) -> Any:  # noqa: N803
        for each in Delete["Objects"]:
            self.objects.pop(f"{Bucket}/{each['Key']}", None)
        return {"Errors": self.undeleted} if self.undeleted else {}


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def bucket(client: Client) -> S3Bucket:
    s3: Any = client
    return S3Bucket(s3, "exports")


def test_objects_are_put_and_got_and_listed_and_deleted(bucket: S3Bucket) -> None:
    for number in range(5):
        bucket.put(f"a/{number}", str(number).encode())
    bucket.put("b/0", b"")

    assert bucket.get("a/3") == b"3"
    assert list(bucket.keys("a/")) == [f"a/{number}" for number in range(5)]
    bucket.delete([f"a/{number}" for number in range(5)])
    assert list(bucket.keys("a/")) == []
    assert list(bucket.keys("b/")) == ["b/0"]


def test_a_failure_is_one_that_may_pass_and_tells_its_code_alone(bucket: S3Bucket, client: Client) -> None:
    for error, code in (
        (ClientError({"Error": {"Code": "SlowDown", "Message": "Patient/4"}}, "PutObject"), "SlowDown"),
        (ReadTimeoutError(endpoint_url="https://s3"), "ReadTimeoutError"),
    ):
        client.error = error
        with pytest.raises(TryAgainError, match=f"^{code}$"):
            bucket.put("a", b"")


def test_an_object_that_is_not_deleted_fails_the_step(bucket: S3Bucket, client: Client) -> None:
    client.undeleted = [{"Key": "a", "Code": "InternalError"}]

    with pytest.raises(TryAgainError):
        bucket.delete(["a"])
