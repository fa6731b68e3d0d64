"""The patients of whom an answer may tell, and those whom it hides, as the work of a request finds them (`audit.md`).

A use case collects them beside its result. Whoever answers the request makes the audit events of them (`recorder`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from careconnect.audit.query import MAX_PATIENTS

NOBODY: Final = ""
"""The patient id of an event that names no patient."""

COMPARTMENT: Final = "compartment"
"""The reason for a refusal that the answer hides, as if the resource were absent."""

SCOPE: Final = "scope"
"""The same, of a resource that no scope of the token opens, as their suffixes do not hold of it."""


class Disclosures:
    """The patients that one request discloses and hides, by their ids, each once and in the order found.

    `on_new` is called with disclosed patients before they are counted among them, and may refuse them by an `ApiError`.
    """

    __slots__ = ("_disclosed", "_find", "_on_new", "hidden", "resources", "scope", "versions")

    def __init__(self, on_new: Callable[[Collection[str]], None] = lambda _new: None) -> None:
        self.hidden: dict[str, str] = {}
        """The fixed word for the reason, by patient."""
        self.resources: tuple[str, ...] | None = None
        """The keys of the resources that a write turned out to be about; None for those that its path names."""
        self.versions: Mapping[str, Collection[str]] = {}
        """The versions that a write makes in others' records and that refer to a patient (`Patient/4/_history/2`)."""
        self.scope = ""
        """The scopes with a suffix that alone open the request, separated by spaces."""
        self._disclosed: dict[str, None] = {}
        self._find: Callable[[], Collection[str]] | None = None
        self._on_new = on_new

    def opened_by(self, *scopes: str) -> None:
        """Note scopes with a suffix that open the request, or a part of it; before patients are added."""
        self.scope = " ".join(dict.fromkeys((*self.scope.split(), *scopes)))

    @property
    def disclosed(self) -> Collection[str]:
        """The disclosed patients; reads what is still being looked up, and raises its errors."""
        self.settle()
        return self._disclosed.keys()

    def disclose(self, patients: Iterable[str]) -> None:
        """Add patients of whom the answer may tell, or `NOBODY` if the request is about no patient's data."""
        new = [patient for patient in dict.fromkeys(patients) if patient not in self._disclosed]
        if new:
            self._on_new(new)
            self._disclosed |= dict.fromkeys(new)

    def disclose_found(self, find: Callable[[], Collection[str]]) -> None:
        """Add the patients that `find` returns, once they are needed: the one look-up that goes on beside the work."""
        self._find = find

    def settle(self) -> None:
        """Read what `disclose_found` was given; raises its errors, and is done with it all the same."""
        find, self._find = self._find, None
        if find:
            self.disclose(find())

    def disclose_first(self, patients: Iterable[str]) -> None:
        """Add the first of the patients of whom a refusal tells, as many as one request may tell of."""
        new = [patient for patient in dict.fromkeys(patients) if patient not in self._disclosed]
        self.disclose(new[: MAX_PATIENTS - len(self._disclosed.keys() - {NOBODY})])

    def hide(self, patients: Iterable[str], why: str = COMPARTMENT) -> None:
        """Add patients of resources that the answer treats as absent, with a fixed word for the reason.

        No answer depends on them, so those beyond the most of a request are left out.
        """
        new = [patient for patient in dict.fromkeys(patients) if patient not in self.hidden]
        self.hidden |= dict.fromkeys(new[: max(MAX_PATIENTS - len(self.hidden), 0)], why)

    def has_room_for(self, patients: Collection[str], spare: int = 0) -> bool:
        """Return True if the request may tell of these patients besides those that it discloses already.

        If any of them is new, room for so many others (`spare`) has to be left.
        """
        self.settle()
        if len(self._disclosed) + len(patients) + spare <= MAX_PATIENTS:
            return True
        new = [patient for patient in dict.fromkeys(patients) if patient not in self._disclosed]
        return not new or len(self._disclosed.keys() - {NOBODY}) + len(new) + spare <= MAX_PATIENTS
