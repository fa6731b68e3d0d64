"""Composition root of the issuer: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
import time
from typing import Final

from careconnect.endpoint.auditing import auditing_of
from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.priming import prime_request
from careconnect.http.messages import FORM
from careconnect.oauth.access_token import DEFAULT_LIFETIME, MAX_LIFETIME, MIN_LIFETIME
from careconnect.oauth.signing_keys import KmsSigningKeys
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from careconnect.runtime.snapshot import NOTHING, prepare
from token_issuer.app import OAuthEndpoint
from token_issuer.clients.authenticate_client import ClientAuthentication
from token_issuer.clients.client_store import DynamoDbClientStore
from token_issuer.clients.https_key_sets import HttpsKeySets
from token_issuer.clients.throttle import counters
from token_issuer.tokens.bind_token import KeyBinding
from token_issuer.tokens.kms_token_signer import KmsTokenSigner
from token_issuer.tokens.proof_store import DynamoDbProofStore
from token_issuer.tokens.token_store import DynamoDbTokenStore

_settings: Final = Settings(os.environ)
_client_table: Final = _settings.required("CLIENT_TABLE")
_token_table: Final = _settings.required("TOKEN_TABLE")
_dynamodb: Final = aws.dynamodb()
_kms: Final = aws.kms()
_keys: Final = KmsSigningKeys(_kms, _settings.required("SIGNING_KEY_ALIAS"), clock=time.time)
_clients: Final = DynamoDbClientStore(_dynamodb, _client_table, _token_table)
_tokens: Final = DynamoDbTokenStore(_dynamodb, _token_table, now=time.time)

lambda_handler: Final = pipeline_of(
    _settings,
    OAuthEndpoint(
        authentication=ClientAuthentication(
            clients=_clients,
            attempts=_tokens,
            key_sets=HttpsKeySets(clock=time.time),
            limit=_settings.integer("THROTTLE_FAILURES", default=20, low=1, high=10_000),
        ),
        signer=KmsTokenSigner(_kms, _keys),
        keys=_keys,
        tokens=_tokens,
        lifetime=_settings.integer(
            "TOKEN_LIFETIME_SECONDS", default=DEFAULT_LIFETIME, low=MIN_LIFETIME, high=MAX_LIFETIME
        ),
        binding=KeyBinding(DynamoDbProofStore(_dynamodb, _settings.required("PROOF_TABLE"))),
    ),
    auditing_of(_settings, _dynamodb),
)
"""Answer a REST proxy event of /token, /introspect or /revoke."""

prepare(
    lambda_handler.observer,
    [_dynamodb, _kms],
    # Without a client, this request is rejected before any look-up or count.
    prime_request(lambda_handler, "POST", "/token", "grant_type=client_credentials", content_type=FORM),
    lambda: _clients.find(NOTHING, counters(NOTHING, "", 0)),
    _keys.current,
)
freeze_gc()
