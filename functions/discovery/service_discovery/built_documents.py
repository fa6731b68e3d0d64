"""The documents that `make docs` builds: files beside this module, with `{base}` in the place of the root URL."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from careconnect.http.base_url import FHIR_PATH, BaseUrl

METADATA_PATH: Final = f"{FHIR_PATH}/metadata"
OPENAPI_PATH: Final = "/openapi.json"

ROOT: Final = "{base}"
"""The root URL in the files."""

CAPABILITY_STATEMENT: Final = Path(__file__).with_name("capability_statement.json")
OPENAPI: Final = Path(__file__).with_name("openapi.json")


def capability_statement(base: BaseUrl) -> str:
    """Return the CapabilityStatement of the service at `base`, as compact JSON."""
    return _of(CAPABILITY_STATEMENT, base)


def openapi_document(base: BaseUrl) -> str:
    """Return the OpenAPI document of the service at `base`, as compact JSON."""
    return _of(OPENAPI, base)


def json_text(document: Mapping[str, Any], *, pretty: bool = False) -> str:
    """Return a document as JSON, indented or compact."""
    return json.dumps(document, indent=2) if pretty else json.dumps(document, separators=(",", ":"))


def _of(file: Path, base: BaseUrl) -> str:
    return file.read_text(encoding="utf-8").replace(ROOT, base.root)
