"""moto's DynamoDB, and its S3 where a folder is empty, without the HTTP between boto and it: most of a call's time."""

import base64
import json
import re
import uuid
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.endpoint import Endpoint
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.core.responses import ActionResult
from moto.dynamodb.responses import DynamoHandler
from moto.s3.models import s3_backends
from moto.utilities.utils import get_partition

Make = Callable[[Endpoint, Any, dict[str, Any]], Any]
"""Like `Endpoint.make_request`: takes an operation's model and a request, returns a response and its parsed body."""

_ACTIONS: Final = {
    "GetItem": DynamoHandler.get_item,
    "PutItem": DynamoHandler.put_item,
    "UpdateItem": DynamoHandler.update_item,
    "DeleteItem": DynamoHandler.delete_item,
    "Query": DynamoHandler.query,
    "Scan": DynamoHandler.scan,
    "BatchGetItem": DynamoHandler.batch_get_item,
    "BatchWriteItem": DynamoHandler.batch_write_item,
    "BatchExecuteStatement": DynamoHandler.batch_execute_statement,
    "TransactGetItems": DynamoHandler.transact_get_items,
    "TransactWriteItems": DynamoHandler.transact_write_items,
}
"""The operations on items. All others have times in their responses, or are seldom called."""

_HOST: Final = re.compile(r"https://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/")


def without_http(make_request: Make, act: Callable[[Callable[[], ActionResult]], ActionResult]) -> Make:
    """Return a function that has moto's handler do the `_ACTIONS` at once, and `make_request` do all others.

    `act` runs an action. A failed action has changed nothing: it is repeated over HTTP, which knows the errors.
    Listing the versions in a folder that holds none is done at once, too: the archive has a folder for each hour.
    """

    def make(endpoint: Endpoint, operation: Any, request: dict[str, Any]) -> Any:
        if botocore_stubber.enabled and operation.name == "ListObjectVersions" and _is_empty(request):
            return _response(request["url"], {"IsTruncated": False})
        host = botocore_stubber.enabled and operation.name in _ACTIONS and _HOST.fullmatch(request["url"])
        if not host:
            return make_request(endpoint, operation, request)
        handler = DynamoHandler()
        handler.region, handler.current_account = host[1], DEFAULT_ACCOUNT_ID
        handler.partition = get_partition(host[1])
        handler.body = handler.params = _parsed(request["body"])
        try:
            result = act(lambda: _ACTIONS[operation.name](handler)).result
        except Exception:  # noqa: BLE001 - raised again over HTTP, as boto's error
            return make_request(endpoint, operation, request)
        assert isinstance(result, dict)
        members = operation.output_shape.members
        answer = {name: value for name, value in result.items() if name in members and value is not None}
        return _response(request["url"], answer)

    return make


def _is_empty(request: dict[str, Any]) -> bool:
    listed = request["context"]["input_params"]
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.get(listed["Bucket"])
    return bucket is not None and not any(key.startswith(listed.get("Prefix", "")) for key in bucket.keys)


def _parsed(body: bytes) -> Any:
    """Return a request body as moto has it, with binary values as bytes."""
    return json.loads(body, object_hook=_with_bytes if b'"B' in body else None)


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    match value:
        case {"B": str() as text}:
            return {"B": base64.b64decode(text)}
        case {"BS": [str(), *_] as texts}:
            return {"BS": [base64.b64decode(text) for text in texts]}
    return value


def _response(url: str, answer: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
    headers = HTTPHeaders.from_dict(
        {
            "content-type": "application/x-amz-json-1.0",
            "date": formatdate(usegmt=True),
            "x-amzn-requestid": uuid.uuid4().hex,
        }
    )
    told = {
        "RequestId": headers["x-amzn-requestid"],
        "HTTPStatusCode": 200,
        "HTTPHeaders": dict(headers),
        "RetryAttempts": 0,
    }
    return AWSResponse(url, 200, headers, None), answer | {"ResponseMetadata": told}
