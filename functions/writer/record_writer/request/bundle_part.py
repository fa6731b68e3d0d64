"""An entry of a transaction that writes, and the place of its faults in the Bundle (`bundles.md`, Transaction)."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from careconnect.fhir.outcomes import Issue, OutcomeError
from record_writer.request.write_request import WriteRequest, WriteTrail


@dataclass(slots=True)
class EntryTrail:
    """Collects the patients of one entry for the audit trail of its Bundle."""

    concerned: tuple[str, ...] = ()
    hidden: dict[str, None] = field(default_factory=dict)

    def concerns(self, patients: Collection[str], ids: Collection[str] | None = None) -> None:  # noqa: ARG002
        """Note the patients that an attempt is about."""
        self.concerned = tuple(patients)

    def touched(self, patients: Collection[str]) -> None:
        """Note the patients of an entry that changes nothing."""
        self.concerned = (*self.concerned, *patients)

    def withheld(self, patients: Collection[str]) -> None:
        """Note the patients of a resource that the caller may not see."""
        self.hidden |= dict.fromkeys(patients)

    def put_actions(self, patients: Collection[str], made: str) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return nothing: the events are those of the Bundle."""
        return []

    def goes_without(self) -> bool:
        """Return False: the Bundle's trail decides."""
        return False

    def committed(self, patients: Collection[str], made: str) -> None:
        """Do nothing: the events are those of the Bundle."""


class BundleTrail(WriteTrail, Protocol):
    """The audit trail of a transaction: one event for each patient, with all versions that were made of its records."""

    def put_all(self, made: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        """Return the actions that put the events: for each patient, the versions that were made."""


@dataclass(frozen=True, slots=True)
class Part:
    """An entry that writes: its position in the Bundle, its request, and the names by which others refer to it."""

    position: int
    request: WriteRequest
    trail: EntryTrail
    names: tuple[str, ...] = ()
    base: str = ""
    """Another server's base URL, to which its relative references belong if they are names."""


@contextmanager
def at_entry(position: int, type_name: str = "") -> Iterator[None]:
    """Name the entry at fault in each outcome that refuses it."""
    try:
        yield
    except OutcomeError as error:
        raise named(error, position, type_name) from None


def named(error: OutcomeError, position: int, type_name: str) -> OutcomeError:
    """Return the error with the Bundle entry's position in the expression of each issue."""
    issues = error.issues or (Issue(error.code, error.text, expression=error.where),)
    error.issues = tuple(replace(each, expression=place_in(each.expression, position, type_name)) for each in issues)
    return error


_HEADERS: Final = {
    "http.If-Match": "request.ifMatch",
    "http.If-None-Exist": "request.ifNoneExist",
    "http.If-None-Match": "request.ifNoneMatch",
    "id": "resource.id",
    "resourceType": "resource",
}


def place_in(expression: str, position: int, type_name: str) -> str:
    """Return a fault's place in the Bundle, from its place in the entry's resource or request."""
    entry = f"Bundle.entry[{position}]"
    if not expression:
        return entry
    if type_name and (expression == type_name or expression.startswith(f"{type_name}.")):
        return f"{entry}.resource{expression.removeprefix(type_name)}"
    return f"{entry}.{_HEADERS.get(expression, 'request.url')}"
