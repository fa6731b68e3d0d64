"""Composition root of discovery: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
import time
from typing import Final

from careconnect.endpoint.composition import pipeline_of
from careconnect.endpoint.priming import prime_request
from careconnect.oauth.signing_keys import KmsSigningKeys
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from careconnect.runtime.snapshot import prepare
from service_discovery.app import DiscoveryEndpoint
from service_discovery.built_documents import METADATA_PATH
from service_discovery.server_metadata import JWKS_PATH

_settings: Final = Settings(os.environ)
_kms: Final = aws.kms()
lambda_handler: Final = pipeline_of(
    _settings,
    DiscoveryEndpoint(
        KmsSigningKeys(_kms, _settings.required("SIGNING_KEY_ALIAS"), clock=time.time),
        has_exports=_settings.choice("BULK_EXPORT", ("on", "off")) == "on",
    ),
)
"""Answer a REST proxy event for a discovery document, or one that no other function supports."""

prepare(
    lambda_handler.observer,
    [_kms],
    prime_request(lambda_handler, "GET", JWKS_PATH),
    prime_request(lambda_handler, "GET", METADATA_PATH),
)

freeze_gc()
