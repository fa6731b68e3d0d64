"""Composition root of the console: build `lambda_handler` from the environment."""

from careconnect.runtime.freeze_gc import freeze_gc  # isort: skip - see there

import os
from pathlib import Path
from typing import Final

from careconnect.endpoint.composition import pipeline_of
from careconnect.runtime.settings import Settings
from service_console.app import ConsoleEndpoint
from service_console.built_site import BuiltSite

_settings: Final = Settings(os.environ)
lambda_handler: Final = pipeline_of(
    _settings,
    ConsoleEndpoint(
        BuiltSite(Path(__file__).parent / "site"),
        is_on=_settings.choice("CONSOLE", ("on", "off")) == "on",
    ),
)
"""Answer a REST proxy event for the page or for one of its files."""

freeze_gc()
