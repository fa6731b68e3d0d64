"""Composition root of discovery: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
import time
from typing import Final

from careconnect.endpoint.composition import pipeline_of
from careconnect.oauth.signing_keys import KmsSigningKeys
from careconnect.runtime import aws
from careconnect.runtime.settings import Settings
from service_discovery.app import DiscoveryEndpoint

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

freeze_gc()
