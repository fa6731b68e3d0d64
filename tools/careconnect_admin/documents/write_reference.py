"""The reference's section on writing (`write.md`, Interactions), generated from the table of types."""

from collections.abc import Iterator
from typing import Final

from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES, ResourceType
from careconnect.oauth.scopes import Interaction, grants_of
from service_discovery.capability_statement import CONDITION, JSON_PATCH

REQUESTS: Final = f"""\
| `POST Type` | a new resource, under an id of the server's |
| `PUT Type/{{id}}` | the resource replaced, or made under an id of your own |
| `PATCH Type/{{id}}` | parts of it changed, by a JSON Patch (`{JSON_PATCH}`) |
| `DELETE Type/{{id}}` | the resource deleted; its versions stay |
| `PUT Type?identifier=…`, `DELETE Type?identifier=…` | the same, of the one that has the identifier |"""

_CONDITION: Final = CONDITION.replace("|", r"\|")
_CONDITIONS: Final = (
    ('header `If-Match: W/"2"` of a PUT, PATCH or DELETE', "version 2 only", "409"),
    (
        f"header `If-None-Exist: {_CONDITION}` of a POST",
        "nothing that has the identifier",
        "200 with the one that has it; 412 if several do",
    ),
    (f"query `{_CONDITION}` of a PUT", "the one that has it, or a new one", "412 if several do"),
    (f"query `{_CONDITION}` of a DELETE", "the one that has it, or nothing", "412 if several do: none is deleted"),
)

_BODIES: Final = """\
A body is `application/fhir+json` or `application/fhir+xml`, at most 350 KB as JSON. `Prefer: return=minimal` asks for
none back, `return=OperationOutcome` for an outcome; without either the answer is the resource. A write that would
change nothing makes no new version. What is refused is refused whole: an OperationOutcome names each fault with its
`expression`."""


def writes() -> Iterator[str]:
    """Yield the section's lines."""
    yield "## Writing"
    yield ""
    yield f"{_types()} What is promised of each, and every refusal: [contract/write.md](contract/write.md)."
    yield ""
    yield "| given | takes | otherwise |"
    yield "|---|---|---|"
    yield from (f"| {' | '.join(row)} |" for row in _CONDITIONS)
    yield ""
    without = [served for served in RESOURCE_TYPES if served.writable and served.condition is None]
    if without:
        yield f"{', '.join(served.name for served in without)} has no identifier in STU3, and takes no such condition."
        yield ""
    yield from _BODIES.splitlines()


def written_by(served: ResourceType) -> str:
    """Return the type names that open a type for writing in a scope."""
    opening = (
        name for name in served.scope_names if grants_of(f"user/{name}.c").permits(served.name, Interaction.CREATE)
    )
    return ", ".join(f"`{name}`" for name in opening)


def _types() -> str:
    read_only = [served.name for served in SERVED_TYPES if not served.writable]
    return f"Every type but {', '.join(read_only)} is written." if read_only else "Every type is written."
