"""Composition root of the authorizer: environment → parts → `lambda_handler`."""

import os
import time
from typing import Any, Final

from careconnect import aws
from careconnect.observability import PowertoolsObserver
from careconnect.revocation import DynamoDbRevocations
from careconnect.settings import Settings
from careconnect.signing_keys import KmsSigningKeys
from scope_authorizer.app import build_authorizer

_settings: Final = Settings(os.environ)
_observer: Final = PowertoolsObserver(
    _settings.required("POWERTOOLS_SERVICE_NAME"), namespace=_settings.required("POWERTOOLS_METRICS_NAMESPACE")
)
_authorize: Final = build_authorizer(
    configured_base_url=_settings.optional("BASE_URL"),
    keys=KmsSigningKeys(aws.kms(), _settings.required("SIGNING_KEY_ALIAS"), clock=time.time),
    revoked=DynamoDbRevocations(aws.dynamodb(), _settings.required("TOKEN_TABLE")),
    now=time.time,
)


class AuthorizerUnavailableError(Exception):
    """The token could not be judged; the gateway answers 503 and caches nothing."""


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a TOKEN authorizer event; raises `AuthorizerUnavailableError` when a service does not answer."""
    ids = {"function_request_id": str(getattr(context, "aws_request_id", ""))}
    try:
        answer = _authorize(event)
    except Exception as error:  # noqa: BLE001 - whatever it is, nothing is let through and nothing is told
        _observer.failure("authorize", error, ids=ids)
        raise AuthorizerUnavailableError("The token could not be judged.") from None
    refusal = answer["context"].get("refusal")
    if refusal:
        _observer.count("TokenRefused")
    _observer.request(
        "authorize",
        401 if refusal else 200,
        ids=ids,
        client_id=answer["context"].get("client_id", ""),
        reason=answer["context"].get("reason", ""),
    )
    return answer
