"""The only module that creates AWS clients, with time-outs that fit every function and without costly features.

The clients come from botocore's session, which boto3 uses too. boto3 adds resources and S3 transfers: sixty modules
that no function uses and every start would import.

A request has 29 s at API Gateway, and a function 20 s, that of Bundles 26. One request to AWS may take 1 s to connect
and 2 s to answer, and is tried twice, but not after `CALL_SECONDS` of the function's own request. A function therefore
answers 503 itself, however many of them time out.

Work that boto3 does for each request by default, and that no request of ours needs, is switched off (ADR 29).
"""

import json
from base64 import b64decode
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session  # noqa: TID251 - here alone

from careconnect.runtime.call_limit import ANSWER_SECONDS, CALL_LIMIT, CALL_SECONDS, CONNECT_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

_CONFIG: Final = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=ANSWER_SECONDS,
    retries={"mode": "standard", "total_max_attempts": 2},
    max_pool_connections=32,
    tcp_keepalive=True,
    # All requests are built by our own code, and tested against DynamoDB and KMS.
    parameter_validation=False,
    # A fixed text: the default is built anew for each request, from the request's details.
    user_agent="careconnect",
    # An account-specific endpoint would read the account from the credentials for each request.
    account_id_endpoint_mode="disabled",
)

_BINARY: Final = (b'"B"', b'"BS"')
"""The names of binary types in a DynamoDB answer. A name or text may be the same; a quotation within it is escaped."""


class NoTimeLeftError(BotoCoreError):
    """A call was not sent, because the request has no time left for it."""

    fmt = "The request has no time left for another call."


# ConnectionError, TimeoutError and the like are BotoCoreErrors; errors returned by the service are ClientErrors.
SERVICE_ERRORS: Final = (BotoCoreError, ClientError)


@cache
def session() -> Session:
    """Return the session that all clients share: credentials and AWS's service descriptions are loaded once."""
    return Session()


def dynamodb() -> "DynamoDBClient":
    """Create the DynamoDB client; endpoint, region and credentials come from the environment."""
    client = cast("DynamoDBClient", session().create_client("dynamodb", config=_CONFIG))
    client.meta.events.register("before-send.dynamodb", _require_time)
    client.meta.events.register("before-parse.dynamodb", _take_as_it_is)
    return client


def kms() -> "KMSClient":
    """Create the KMS client; endpoint, region and credentials come from the environment."""
    return cast("KMSClient", session().create_client("kms", config=_CONFIG))


def s3() -> "S3Client":
    """Create the S3 client; endpoint, region and credentials come from the environment."""
    return cast("S3Client", session().create_client("s3", config=_CONFIG))


def step_functions() -> "SFNClient":
    """Create the Step Functions client; endpoint, region and credentials come from the environment."""
    return cast("SFNClient", session().create_client("stepfunctions", config=_CONFIG))


def functions() -> "LambdaClient":
    """Create the Lambda client, which waits for an answer for the rest of a request's time and asks once.

    Endpoint, region and credentials come from the environment.
    """
    config = _CONFIG.merge(Config(read_timeout=CALL_SECONDS, retries={"total_max_attempts": 1}))
    return cast("LambdaClient", session().create_client("lambda", config=config))


def _require_time(**_: Any) -> None:
    """Raise `NoTimeLeftError` instead of a first or second attempt for which the request has no time left."""
    if CALL_LIMIT.is_over:
        raise NoTimeLeftError


def _take_as_it_is(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Parse a DynamoDB answer as plain JSON, which boto3 would copy value by value; boto3 still parses errors."""
    if response_dict["status_code"] == 200:
        body: bytes = response_dict["body"]
        decoder = _WITH_BINARY if any(name in body for name in _BINARY) else _WITHOUT_BINARY
        customized_response_dict.update(decoder.decode(body.decode()))
        response_dict["body"] = b""


def _decode_binary(value: dict[str, Any]) -> dict[str, Any]:
    """Decode an object of DynamoDB's JSON in place, if it is a binary value or a set of them; no other differs.

    An attribute may have the name `B` or `BS` too, but then an object is below it.
    """
    if len(value) == 1:
        if isinstance(binary := value.get("B"), str):
            value["B"] = b64decode(binary)
        elif isinstance(several := value.get("BS"), list):
            value["BS"] = [b64decode(binary) for binary in several]
    return value


_WITHOUT_BINARY: Final = json.JSONDecoder()
_WITH_BINARY: Final = json.JSONDecoder(object_hook=_decode_binary)


def error_code(error: Exception) -> str:
    """Return a service error's code (`ThrottlingException`, …), safe to log, or the exception's class name."""
    if isinstance(error, ClientError):
        response: Any = error.response
        return str(response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def reasons_of(error: Exception) -> list[str]:
    """Return the cancellation code (`None`, …) of each action of a cancelled transaction; empty for other errors."""
    # A timeout has one too, and it is None.
    response: Any = getattr(error, "response", None) or {}
    return [str(reason.get("Code", "None")) for reason in response.get("CancellationReasons", ())]
