"""What a request wants written, and what became of it."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Interaction
from record_writer.patch_resource import Operation
from record_writer.preconditions import Identifier, IfMatch
from record_writer.record_store import WriteTrail


class Kind(Enum):
    """The interactions that write, each with the letters of the scopes that it needs (`write.md`, Who may write what).

    A patch reads besides: its `test` tells what is there.
    """

    CREATE = (Interaction.CREATE,)
    UPDATE = (Interaction.UPDATE,)
    PATCH = (Interaction.UPDATE, Interaction.READ)
    DELETE = (Interaction.DELETE,)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """A write that a caller asks for: of the resource `id`, or of the one that has the identifier `condition`.

    `resource` is the valid body of a create or an update, without an id; `body_id` is the id that it had.
    `patients` are those whom the body names. `root` is the API's public root URL. `shown` says whether the answer is to
    hold the resource. `trail` is told what becomes of it.
    """

    kind: Kind
    type: ResourceType
    caller: Caller
    root: str
    trail: WriteTrail
    id: str = ""
    condition: Identifier | None = None
    if_match: IfMatch | None = None
    resource: dict[str, Any] = field(default_factory=dict)
    body_id: object = None
    patients: tuple[str, ...] = ()
    patch: list[Operation] = field(default_factory=list)
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write: a status, and the version that there is now; none, if there is no such resource.

    `body` is its JSON text, where it was asked for.
    """

    status: int
    id: str = ""
    version: int = 0
    updated: int = 0
    body: str = ""
