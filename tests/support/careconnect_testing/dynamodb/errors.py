"""The errors of DynamoDB's calls, as boto3 raises them."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


class ServiceError(ClientError):
    """An error of DynamoDB; its class has the error's code as its name.

    `members` are further members of the response, such as `CancellationReasons`. Tests may also give a whole response,
    as to botocore's own error classes.
    """

    def __init__(self, message: str | Mapping[str, Any], operation: str = "", **members: Any) -> None:
        response: Any = message
        if isinstance(message, str):
            response = {
                "Error": {"Code": type(self).__name__, "Message": message},
                "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {}, "RetryAttempts": 0},
                "message": message,
                **members,
            }
        super().__init__(response, operation)

    @property
    def message(self) -> str:
        """The error's text."""
        return str(self.response["Error"]["Message"])


class ValidationException(ServiceError):  # noqa: N818 - DynamoDB's own name, like all below
    """A request that DynamoDB does not accept."""


class ResourceNotFoundException(ServiceError):  # noqa: N818
    """A table or index that does not exist."""


class ResourceInUseException(ServiceError):  # noqa: N818
    """A table that exists already."""


class ConditionalCheckFailedException(ServiceError):  # noqa: N818
    """A condition that is false; `Item` is in the response if the request asks for it."""


class TransactionCanceledException(ServiceError):  # noqa: N818
    """A transaction that wrote nothing; `CancellationReasons` has a reason for each action."""


class IdempotentParameterMismatchException(ServiceError):  # noqa: N818
    """A token that another request was sent with."""


class DuplicateItemException(ServiceError):  # noqa: N818
    """An INSERT of an item that exists."""


_OF_FAULTS = (
    *("InternalServerError", "ThrottlingException", "RequestLimitExceeded", "ProvisionedThroughputExceededException"),
    *("TransactionConflictException", "TransactionInProgressException"),
)
"""Errors that nothing here raises by itself, for tests and simulations to raise."""

EXCEPTIONS = SimpleNamespace(
    ClientError=ClientError,
    **{name: type(name, (ServiceError,), {}) for name in _OF_FAULTS},
    **{
        each.__name__: each
        for each in (
            ValidationException,
            ResourceNotFoundException,
            ResourceInUseException,
            ConditionalCheckFailedException,
            TransactionCanceledException,
            IdempotentParameterMismatchException,
            DuplicateItemException,
        )
    },
)
"""A client's `exceptions`."""
