"""Start a function in this process with settings that it must reject."""

import importlib
import os
import sys
from collections.abc import Mapping
from unittest.mock import patch

import pytest

from careconnect.runtime.settings import SettingError

_LAMBDAS_OWN = {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-2"}


def refused_start(package: str, settings: Mapping[str, str]) -> str:
    """Import `package`'s handler with only these settings, and return the reason that it does not start."""
    name = f"{package}.handler"
    sys.modules.pop(name, None)
    with patch.dict(os.environ, {**_LAMBDAS_OWN, **settings}, clear=True), pytest.raises(SettingError) as refused:
        importlib.import_module(name)
    sys.modules.pop(name, None)
    return str(refused.value)


def missing_settings(package: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Return, for each of these settings, the reason that the function does not start without it."""
    return {
        absent: refused_start(package, {name: value for name, value in settings.items() if name != absent})
        for absent in settings
    }
