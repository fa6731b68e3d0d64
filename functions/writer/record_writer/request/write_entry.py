"""One write of a request, alone or as an entry of a transaction, and the place of its faults (`bundles.md`)."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

from careconnect.fhir.outcomes import Issue, OutcomeError
from record_writer.request.write_request import WriteRequest

ALONE: Final = -1
"""The position of a write that is no entry of a transaction."""


@dataclass(frozen=True, slots=True)
class WriteEntry:
    """A write: its request, its position in the transaction, and the names by which other entries refer to it."""

    request: WriteRequest
    position: int = ALONE
    names: tuple[str, ...] = ()
    base: str = ""
    """Another server's base URL, to which its relative references belong if they are names."""

    @property
    def is_alone(self) -> bool:
        """Whether it is no entry of a transaction."""
        return self.position == ALONE


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """An entry of a transaction that is refused before it is a write: its position, and the outcome that names it."""

    position: int
    error: OutcomeError


class FirstRefusal:
    """Collects the refusals of a transaction's entries, of which the first in the Bundle is the transaction's."""

    def __init__(self) -> None:
        self._found: dict[int, OutcomeError] = {}

    @contextmanager
    def of(self, entry: WriteEntry) -> Iterator[None]:
        """Keep the outcome that refuses an entry, with the entry named; one that is not about it is raised at once."""
        try:
            with at_entry(entry.position, entry.request.type.name):
                yield
        except OutcomeError as error:
            if entry.is_alone or error.status >= 500:
                raise
            self._found[entry.position] = error

    def raise_any(self) -> None:
        """Raise the outcome of the first entry that is refused, if one is."""
        if self._found:
            raise self._found[min(self._found)]


def at_entry(position: int, type_name: str = "") -> AbstractContextManager[None]:
    """Return a block that names the entry at fault in each outcome that refuses it, unless the write is alone."""
    return nullcontext() if position == ALONE else _at_entry(position, type_name)


@contextmanager
def _at_entry(position: int, type_name: str) -> Iterator[None]:
    try:
        yield
    except OutcomeError as error:
        issues = error.issues or (Issue(error.code, error.text, expression=error.where),)
        error.issues = tuple(
            replace(each, expression=place_in(each.expression, position, type_name)) for each in issues
        )
        raise error from None


_OF_REQUEST: Final = {
    "http.If-Match": "request.ifMatch",
    "http.If-None-Exist": "request.ifNoneExist",
    "http.If-None-Match": "request.ifNoneMatch",
    "id": "resource.id",
    "method": "request.method",
    "resourceType": "resource",
}


def place_in(expression: str, position: int, type_name: str) -> str:
    """Return a fault's place in the Bundle, from its place in the entry's resource or request."""
    if position == ALONE:
        return expression
    entry = f"Bundle.entry[{position}]"
    if not expression:
        return entry
    if type_name and (expression == type_name or expression.startswith(f"{type_name}.")):
        return f"{entry}.resource{expression.removeprefix(type_name)}"
    return f"{entry}.{_OF_REQUEST.get(expression, 'request.url')}"
