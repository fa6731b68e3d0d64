"""Composition root of discovery: environment → parts → `lambda_handler`."""

from careconnect.start import started  # isort: skip - see there

import os
import time
from typing import Final

from careconnect import aws
from careconnect.composition import shell_of
from careconnect.settings import Settings
from careconnect.signing_keys import KmsSigningKeys
from service_discovery.app import DiscoveryEndpoint

_settings: Final = Settings(os.environ)
lambda_handler: Final = shell_of(
    _settings,
    DiscoveryEndpoint(KmsSigningKeys(aws.kms(), _settings.required("SIGNING_KEY_ALIAS"), clock=time.time)),
)
"""Answer a REST proxy event of a discovery document, or one that no function takes."""

started()
