"""The write request of a client, and its result."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Interaction
from record_writer.request.patch_resource import Operation
from record_writer.request.preconditions import Identifier, IfMatch


class Kind(Enum):
    """The interactions that write, each with the letters of the scopes that it needs (`write.md`, Who may write what).

    A patch needs read, too: its `test` operation shows what is stored.
    """

    CREATE = (Interaction.CREATE,)
    UPDATE = (Interaction.UPDATE,)
    PATCH = (Interaction.UPDATE, Interaction.READ)
    DELETE = (Interaction.DELETE,)


class WriteTrail(Protocol):
    """The audit trail of one write (`audit.md`)."""

    def concerns(self, patients: Collection[str], ids: Collection[str] | None = None) -> None:
        """Note the patients and the resources that an attempt is about, for the event of a refusal."""

    def touched(self, patients: Collection[str]) -> None:
        """Write the events of a request that changes nothing."""

    def withheld(self, patients: Collection[str]) -> None:
        """Note the patients of a resource that the caller may not see, and is answered as absent."""

    def put_actions(self, patients: Collection[str], made: str) -> list[dict[str, Any]]:
        """Return the actions that put the events of a write of the version `made` (`Patient/4/_history/2`)."""

    def goes_without(self) -> bool:
        """Return True if a write may be tried again without its events, because the table does not take them."""

    def committed(self, patients: Collection[str], made: str) -> None:
        """Note that a write is done, and its events with it; write those of the other patients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """A write that a client asks for: of the resource `id`, or of the one with the identifier `condition`.

    `resource` is the body of a create or an update, not validated, without its id; `body_id` is that id. `patients` are
    the patients in whose compartments the body is. `root` is the API's public root URL. `representation` says whether
    the response shows the resource.
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
    representation: bool = True


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The result of a write request: the HTTP status, and the stored version unless the resource is absent.

    `body` is the version's JSON text, if the request asked for it or it was at hand.
    """

    status: int
    id: str = ""
    version: int = 0
    updated: int = 0
    body: str = ""
