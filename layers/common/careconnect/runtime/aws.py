"""The only place that creates clients of AWS, with the time-outs that every function lives by, and without what costs.

They are boto3's own, made by the session underneath it. What boto3 puts on top, resources and the transfers of S3, is
sixty modules that no function uses and every start would import.

A request has 29 s at API Gateway, and a function 20 s. One call may take 1 s to connect and 2 s to answer, and is
tried twice, so that a function answers 503 itself even if three calls in a row time out.

What boto3 does by itself to each call and no call of ours needs is switched off (ADR 29).
"""

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session  # noqa: TID251 - here alone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=32,
    tcp_keepalive=True,
    # Our requests are built by us, and tested against what DynamoDB and KMS take.
    parameter_validation=False,
    # Otherwise made anew for each call, of what it is about.
    user_agent="careconnect",
    # An endpoint of the account's own takes the account out of the credentials for each call.
    account_id_endpoint_mode="disabled",
)

_BINARY: Final = b'"B'
"""In an answer of DynamoDB's this begins the name of a binary attribute's type, or a text that is like it."""

# ConnectionError, TimeoutError and the like are BotoCoreErrors; refusals by the service are ClientErrors.
SERVICE_ERRORS: Final = (BotoCoreError, ClientError)


@cache
def session() -> Session:
    """Return the session of all clients: its credentials are fetched, and the files that describe AWS read, once."""
    return Session()


def dynamodb() -> "DynamoDBClient":
    """Create the DynamoDB client; endpoint, region and credentials come from the environment."""
    client = cast("DynamoDBClient", session().create_client("dynamodb", config=_CONFIG))
    client.meta.events.register("before-parse.dynamodb", _take_as_it_is)
    return client


def kms() -> "KMSClient":
    """Create the KMS client; endpoint, region and credentials come from the environment."""
    return cast("KMSClient", session().create_client("kms", config=_CONFIG))


def s3() -> "S3Client":
    """Create the S3 client; endpoint, region and credentials come from the environment."""
    return cast("S3Client", session().create_client("s3", config=_CONFIG))


def _take_as_it_is(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Take an answer of DynamoDB's for what its JSON says, which boto3 makes a copy of, value by value.

    Only binary values are anything else there; an answer that may hold one is left to boto3, and so is an error.
    """
    body: bytes = response_dict["body"]
    if response_dict["status_code"] == 200 and _BINARY not in body:
        customized_response_dict.update(json.loads(body.decode()))
        response_dict["body"] = b""


def error_code(error: Exception) -> str:
    """Return a service error's code (`ThrottlingException`, …), safe to log, or the exception's class name."""
    if isinstance(error, ClientError):
        response: Any = error.response
        return str(response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def reasons_of(error: Exception) -> list[str]:
    """Return why a transaction was cancelled, a code (`None`, …) for each of its actions; empty if it was not that."""
    response: Any = getattr(error, "response", {})
    return [str(reason.get("Code", "None")) for reason in response.get("CancellationReasons", ())]
