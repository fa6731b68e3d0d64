"""The generator of the documents under `docs/`: `python -m careconnect_admin.documents.generate` (`make docs`).

It also writes the paths of `infra/api.yaml`, the examples and schemas of the served OpenAPI document, the rules
for the console's page, and `llms.txt`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.http.base_url import BaseUrl
from careconnect_admin.documents.api_paths import write_paths
from careconnect_admin.documents.api_reference import api_reference
from careconnect_admin.documents.console_rules import write_console_rules
from careconnect_admin.documents.llms_index import write_llms_index
from careconnect_admin.documents.postman.collection import postman_collection, postman_environment
from careconnect_admin.documents.search_examples import search_examples
from careconnect_admin.documents.stu3_schemas import stu3_schemas
from careconnect_admin.project import DOCS
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.stu3.element_order import in_order
from service_discovery.openapi_document import openapi_document
from service_discovery.openapi_examples import EXAMPLES
from service_discovery.openapi_schemas import STU3_SCHEMAS

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


def openapi_examples() -> str:
    """Return the text of `openapi_examples.json`, the examples of the OpenAPI document."""
    return _json(
        {
            each.type.name: {
                "id": each.resource_id,
                "parameters": each.together,
                "resource": json.loads(json_text(each.resource)),
                "xml": resource_xml(json_text(in_order(each.resource))),
            }
            for each in search_examples()
        }
    )


def write_examples(path: Path = EXAMPLES) -> None:
    """Write `openapi_examples.json`."""
    path.write_text(openapi_examples(), encoding="utf-8", newline="\n")


def write_schemas(path: Path = STU3_SCHEMAS) -> None:
    """Write `stu3_schemas.json`, the schemas of STU3's types in the OpenAPI document."""
    path.write_text(_json(stu3_schemas()), encoding="utf-8", newline="\n")


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    # First: the OpenAPI document holds them.
    write_examples()
    write_schemas()
    write_documents()
    write_paths()
    write_console_rules()
    write_llms_index()
