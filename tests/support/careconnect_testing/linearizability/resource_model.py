"""The sequential model of one FHIR resource, after `docs/contract/write.md` and `docs/contract/fhir.md`.

The state is the contents of all versions, the oldest first: `versions[-1]` is the current one, None stands for a
deletion, and no version for a resource that never was. A content is any text that is equal for equal content, such as a
digest or canonical JSON without `meta.versionId` and `meta.lastUpdated`.

References and conditions need other keys than the resource's own. So a 409 of a deletion, a 412 and a 422 are accepted
without them, as long as they change nothing. Of bound clients there is no model.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from careconnect_testing.linearizability.check import Model
from careconnect_testing.linearizability.history import Operation

Versions = tuple[str | None, ...]


class Interaction(StrEnum):
    """The name of an operation, as STU3 calls the interaction."""

    CREATE = "create"
    UPDATE = "update"
    PATCH = "patch"
    DELETE = "delete"
    READ = "read"
    VREAD = "vread"
    ERASE = "erase"
    """An operator's: a deletion, also of what is deleted. The versions before are as they were for this model."""


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """The input of an operation.

    `content` is the body of a create or update, `change` the function of a patch from the stored content to the new one
    (None: the patch does not apply). `if_match` is a version, `version` is that of a vread.
    `conditional` says that a create has If-None-Exist: it belongs to the history of the resource that it found or made.
    """

    content: str | None = None
    change: Callable[[str], str | None] | None = None
    if_match: int | None = None
    version: int = 0
    conditional: bool = False


@dataclass(frozen=True, slots=True)
class ResourceAnswer:
    """The output of an operation: a status, and as far as they are known the version and the content.

    What is None is not compared.
    """

    status: int
    version: int | None = None
    content: str | None = None

    def shows(self, expected: "ResourceAnswer") -> bool:
        """Return True if everything that this answer shows is as expected."""
        pairs = ((self.version, expected.version), (self.content, expected.content))
        return self.status == expected.status and all(shown in (None, known) for shown, known in pairs)


REFUSED: Final = frozenset((400, 401, 403, 405, 406, 412, 413, 415, 429))
"""Statuses that another rule than the resource's state may be the reason for: nothing was done."""
_IN_DOUBT: Final = 500
"""From this status on a write was done before the answer, or never (`audit.md`, Of a write)."""

_IMPOSSIBLE: Final = 0

_READS: Final = (Interaction.READ, Interaction.VREAD)


def step(versions: Versions, operation: Operation) -> Iterable[Versions]:
    """Return the versions after an operation with a `ResourceRequest` and a `ResourceAnswer`, none if impossible."""
    request: ResourceRequest = operation.input
    answer: ResourceAnswer | None = operation.output
    if operation.name in _READS:
        if answer is None or answer.status in REFUSED or answer.status >= _IN_DOUBT:
            return (versions,)
        return (versions,) if answer.shows(_seen(versions, operation.name, request)) else ()
    expected, after = _written(versions, operation.name, request)
    if answer is None:
        return (after,)
    if answer.status >= _IN_DOUBT:
        return dict.fromkeys((versions, after))
    if answer.status in REFUSED or _may_be_refused(operation.name, answer.status, expected):
        return (versions,)
    return (after,) if answer.shows(expected) else ()


RESOURCE: Final[Model[Versions]] = Model((), step)


def _seen(versions: Versions, name: str, request: ResourceRequest) -> ResourceAnswer:
    """Return the answer of a read."""
    if not versions:
        return ResourceAnswer(404)
    number = request.version if name == Interaction.VREAD else len(versions)
    if not 0 < number <= len(versions):
        return ResourceAnswer(404)
    content = versions[number - 1]
    if content is None:
        return ResourceAnswer(410)
    return ResourceAnswer(200, number, content)


def _written(versions: Versions, name: str, request: ResourceRequest) -> tuple[ResourceAnswer, Versions]:
    """Return the answer of a write, if references and conditions allow it, and the versions after it."""
    current = versions[-1] if versions else None
    if name == Interaction.CREATE:
        if not versions:
            return ResourceAnswer(201, 1, request.content), (request.content,)
        # A plain create, and a condition that a deleted resource does not meet, get another id.
        found = current is not None and request.conditional
        return ResourceAnswer(200 if found else _IMPOSSIBLE, len(versions), current), versions
    if name == Interaction.ERASE:
        return ResourceAnswer(204, len(versions) + 1), (*versions, None)
    if current is None and name == Interaction.DELETE:
        return ResourceAnswer(204), versions
    if current is None and name == Interaction.PATCH:
        return ResourceAnswer(410 if versions else 404), versions
    if request.if_match is not None and (current is None or request.if_match != len(versions)):
        return ResourceAnswer(409), versions
    if name == Interaction.DELETE:
        return ResourceAnswer(204, len(versions) + 1), (*versions, None)
    content = request.content
    if name == Interaction.PATCH and request.change is not None and current is not None:
        content = request.change(current)
        if content is None:
            return ResourceAnswer(422), versions
    if content == current:
        # The same content makes no version.
        return ResourceAnswer(200, len(versions), content), versions
    answer = ResourceAnswer(201 if current is None else 200, len(versions) + 1, content)
    return answer, (*versions, content)


def _may_be_refused(name: str, status: int, expected: ResourceAnswer) -> bool:
    """Return True if a status may be for the content, the cost, or references to the resource or from it."""
    if name == Interaction.DELETE:
        # 422 is for its cost alone.
        return status in (409, 422) and expected.status == 204 and expected.version is not None
    # A patch is only applied to a resource that is there, in the version that it asks for.
    return status == 422 and (name != Interaction.PATCH or expected.status == 200)
