"""The reference's section on writing (`write.md`, Interactions), generated from the table of types."""

from collections.abc import Iterator
from typing import Final

from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES, ResourceType
from careconnect.oauth.scopes import Letter, grants_of
from careconnect_admin.documents.capability_statement import JSON_PATCH

REQUESTS: Final = f"""\
| `POST Type` | a new resource, under an id that the server assigns |
| `PUT Type/{{id}}` | the resource replaced, or created under an id of your own |
| `PATCH Type/{{id}}` | parts of it changed, by a JSON Patch (`{JSON_PATCH}`) |
| `DELETE Type/{{id}}` | the resource deleted; its versions stay |
| `POST Type/$validate`, `POST Type/{{id}}/$validate` | what a write would be refused for; nothing is written |
| `PUT Type?identifier=…`, `DELETE Type?identifier=…` | the same, of the resource with the identifier |
| `POST {{base}}/careconnect-ri/STU3` | a batch or a transaction of these: see [bundles.md](contract/bundles.md) |"""


def writes() -> Iterator[str]:
    """Yield the section's lines."""
    yield "## Writing"
    yield ""
    without = [served.name for served in RESOURCE_TYPES if served.writable and served.condition is None]
    yield f"{_types()} See [write.md](contract/write.md)."
    if without:
        yield f"{', '.join(without)} has no identifier in STU3 and takes no condition."


def written_by(served: ResourceType) -> list[str]:
    """Return the names in scopes that open a type for writing."""
    return [name for name in served.scope_names if grants_of(f"user/{name}.c").permits(served.name, Letter.CREATE)]


def _types() -> str:
    read_only = [served.name for served in SERVED_TYPES if not served.writable]
    return f"Every type but {', '.join(read_only)} can be written." if read_only else "Every type can be written."
