"""The files of bulk exports in S3."""

from typing import TYPE_CHECKING, Final

from careconnect.export.job import file_key
from careconnect.fhir import outcomes
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# To who may not list a bucket, S3 says of an absent object that access is denied.
_ABSENT: Final = ("NoSuchKey", "AccessDenied")


class S3Files:
    """Reads the files of jobs."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def text(self, job_id: str, name: str) -> str | None:
        """Return the text of a file, None if it cannot be opened; raises the 503 outcome if S3 fails."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=file_key(job_id, name))
            return answer["Body"].read().decode()
        except SERVICE_ERRORS as error:
            if error_code(error) in _ABSENT:
                return None
            raise outcomes.unavailable(error_code(error)) from error
