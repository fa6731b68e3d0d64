"""Composition root of the authorizer: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
import time
from typing import Any, Final

from careconnect.oauth.revocation import DynamoDbRevocations
from careconnect.oauth.signing_keys import KmsSigningKeys
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError
from careconnect.runtime import aws
from careconnect.runtime.observability import PowertoolsObserver
from careconnect.runtime.settings import Settings
from careconnect.runtime.snapshot import NOTHING, prepare
from scope_authorizer.app import build_authorizer
from scope_authorizer.policy_for import Direction
from scope_authorizer.verify_access_token import DowngradedTokenError

_settings: Final = Settings(os.environ)
_observer: Final = PowertoolsObserver(
    _settings.required("POWERTOOLS_SERVICE_NAME"), namespace=_settings.required("POWERTOOLS_METRICS_NAMESPACE")
)
_kms: Final = aws.kms()
_dynamodb: Final = aws.dynamodb()
_keys: Final = KmsSigningKeys(_kms, _settings.required("SIGNING_KEY_ALIAS"), clock=time.time)
_revoked: Final = DynamoDbRevocations(_dynamodb, _settings.required("TOKEN_TABLE"))
_authorize: Final = build_authorizer(
    direction=Direction(_settings.choice("DIRECTION", list(Direction))),
    configured_base_url=_settings.root_url("BASE_URL"),
    keys=_keys,
    revoked=_revoked,
    now=time.time,
)
prepare(
    _observer,
    [_dynamodb, _kms],
    lambda: _keys.public_key(NOTHING),
    lambda: _revoked.is_revoked(AccessToken(NOTHING, "", 0, 0, NOTHING)),
)
freeze_gc()


class AuthorizerUnavailableError(Exception):
    """The token could not be verified; the gateway responds with 503 and caches nothing."""


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the policy and context for a TOKEN authorizer event with an accepted token.

    Raises `Exception("Unauthorized")` for a token that is not accepted; the gateway responds with 401. Raises
    `AuthorizerUnavailableError` if a service does not answer; the gateway responds with 503 (ADR 16).
    """
    ids = {"function_request_id": str(getattr(context, "aws_request_id", ""))}
    try:
        return _authorize(event)
    except TokenRefusedError as refused:
        _observer.count("TokenRefused")
        if isinstance(refused, DowngradedTokenError):
            _observer.count("DpopDowngraded")
        _observer.request("authorize", 401, ids=ids, reason=refused.reason)
        # Exactly this text: the gateway turns any other into a 503.
        raise Exception("Unauthorized") from None  # noqa: TRY002
    except Exception as error:  # noqa: BLE001 - any error denies access, and its text is not shown
        _observer.failure("authorize", error, ids=ids)
        # Lambda's own error count includes the rejected tokens.
        _observer.count("AuthorizerFailed")
        raise AuthorizerUnavailableError("The token could not be judged.") from None
