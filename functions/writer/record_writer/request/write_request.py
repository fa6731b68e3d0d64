"""The write request of a client, and its result."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from careconnect.fhir import interactions
from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from record_writer.request.patch_resource import Operation
from record_writer.request.preconditions import Identifier, IfMatch


class Kind(StrEnum):
    """What a write does, by the name of its interaction."""

    CREATE = interactions.CREATE.name
    UPDATE = interactions.UPDATE.name
    PATCH = interactions.PATCH.name
    DELETE = interactions.DELETE.name


_LETTERS: Final = {
    Kind.CREATE: Letter.CREATE,
    Kind.UPDATE: Letter.UPDATE,
    Kind.PATCH: Letter.UPDATE,
    Kind.DELETE: Letter.DELETE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """A write that a client asks for: of the resource `id`, or of the one with the identifier `condition`.

    `resource` is the body of a create or an update, not validated, without its id; `body_id` is that id. `patients` are
    the patients in whose compartments the body is. `root` is the API's public root URL. `representation` says whether
    the response shows the resource. `paid` are the units that a batch has paid for it.
    """

    kind: Kind
    type: ResourceType
    caller: Caller
    root: str
    id: str = ""
    condition: Identifier | None = None
    if_match: IfMatch | None = None
    resource: dict[str, Any] = field(default_factory=dict)
    body_id: object = None
    patients: tuple[str, ...] = ()
    patch: list[Operation] = field(default_factory=list)
    representation: bool = True
    paid: int = 0

    @property
    def key(self) -> str:
        """The key of the resource that the path or the body names by its id, empty if neither does."""
        return f"{self.type.name}/{self.id}" if self.id else ""

    @property
    def letter(self) -> Letter:
        """The letter that has to open what is written: of a write that is only judged, the first that the token has."""
        own = _LETTERS[self.kind]
        return next((each for each in (own, *_LETTERS.values()) if self.caller.may(self.type, each)), own)

    @property
    def named(self) -> tuple[str, ...]:
        """The patients that the path or the body names."""
        return ((self.id,) if self.id and self.type.is_patient else ()) + self.patients


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
