"""Readable messages for AWS errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)

from careconnect.runtime.aws import error_code
from careconnect_admin.errors import OperatorError

_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId"}
)
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_BY_CLASS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (NoRegionError, "no AWS region is set: give --region or set AWS_REGION"),
    (NoCredentialsError, "no AWS credentials are set: sign in, or give --profile"),
    (ProfileNotFound, "there is no such AWS profile: see `aws configure list-profiles`"),
    (EndpointConnectionError, "AWS cannot be reached there: check --region, AWS_ENDPOINT_URL and the network"),
)


@contextmanager
def aws_remedies() -> Iterator[None]:
    """Turn an error of AWS or of its SDK into an `OperatorError` with the remedy."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise OperatorError(_remedy(error)) from error


def _remedy(error: Exception) -> str:
    for kind, remedy in _BY_CLASS:
        if isinstance(error, kind):
            return remedy
    code = error_code(error)
    if code in _DENIED and isinstance(error, ClientError):
        return f"AWS denies {error.operation_name}: ask for that permission, or give another --profile"
    if code in _EXPIRED:
        return "the AWS credentials have expired: sign in again"
    if code == "ResourceNotFoundException":
        return "a table of the stack is not there: is the stack complete, and the region right?"
    return f"AWS does not answer as it should ({code}): try again"
