"""The generator of the documents under `docs/`: `python -m careconnect_admin.documents.generate` (`make docs`).

It also writes the documents that discovery serves, the paths of `infra/api.yaml`, the rules for the console's page,
and `llms.txt`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from careconnect.http.base_url import BaseUrl
from careconnect_admin.documents.api_paths import write_paths
from careconnect_admin.documents.api_reference import api_reference
from careconnect_admin.documents.capability_statement import capability_statement
from careconnect_admin.documents.console_rules import write_console_rules
from careconnect_admin.documents.llms_index import write_llms_index
from careconnect_admin.documents.openapi.document import openapi_document
from careconnect_admin.documents.postman.collection import postman_collection, postman_environment
from careconnect_admin.project import DOCS
from service_discovery import built_documents

LOCAL: Final = BaseUrl("http://127.0.0.1:3000")


def documents() -> dict[Path, str]:
    """Return the text of each generated document by its path below `docs/`."""
    return {
        Path("api.md"): api_reference(),
        Path("openapi.json"): _json(openapi_document(LOCAL)),
        Path("postman/collection.json"): _json(postman_collection()),
        Path("postman/environment.json"): _json(postman_environment()),
    }


def write_documents(folder: Path = DOCS) -> None:
    """Write every document below `folder`."""
    for path, text in documents().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


def served_documents() -> dict[Path, str]:
    """Return the text of each file that discovery serves, with `{base}` in the place of the root URL."""
    base = BaseUrl(built_documents.ROOT)
    return {
        built_documents.CAPABILITY_STATEMENT: built_documents.json_text(capability_statement(base)),
        built_documents.OPENAPI: built_documents.json_text(openapi_document(base)),
    }


def write_served_documents() -> None:
    """Write every file that discovery serves."""
    for path, text in served_documents().items():
        path.write_text(text, encoding="utf-8", newline="\n")


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    write_documents()
    write_served_documents()
    write_paths()
    write_console_rules()
    write_llms_index()
