"""The documents that `make docs` builds: files beside this module, with `{base}` in the place of the root URL."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from careconnect.fhir.interactions import KICK_OFF
from careconnect.http.base_url import FHIR_PATH, BaseUrl

METADATA_PATH: Final = f"{FHIR_PATH}/metadata"
OPENAPI_PATH: Final = "/openapi.json"

BULK_DATA: Final = "http://hl7.org/fhir/uv/bulkdata"
"""The canonical of HL7's guide for bulk exports, which its definitions begin with."""

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


def capability_statement_without_exports(base: BaseUrl) -> str:
    """Return the CapabilityStatement of a service at `base` that offers no bulk export."""
    document = json.loads(capability_statement(base))
    del document["instantiates"]
    (rest,) = document["rest"]
    rest["operation"] = [each for each in rest["operation"] if BULK_DATA not in each["definition"]["reference"]]
    return json_text(document)


def openapi_without_exports(base: BaseUrl) -> str:
    """Return the OpenAPI document of a service at `base` that offers no bulk export."""
    document = json.loads(openapi_document(base))
    document["paths"] = {path: each for path, each in document["paths"].items() if KICK_OFF.operation not in path}
    return json_text(document)


def json_text(document: Mapping[str, Any], *, pretty: bool = False) -> str:
    """Return a document as JSON, indented or compact."""
    return json.dumps(document, indent=2) if pretty else json.dumps(document, separators=(",", ":"))


def _of(file: Path, base: BaseUrl) -> str:
    return file.read_text(encoding="utf-8").replace(ROOT, base.root)
