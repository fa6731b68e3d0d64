"""The recorder as the writers call it, until they collect disclosures themselves."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from careconnect.audit.disclosures import COMPARTMENT, NOBODY, Disclosures
from careconnect.audit.event import Action
from careconnect.audit.facts import Facts
from careconnect.audit.query import AuditQuery
from careconnect.audit.recorder import EventRecorder
from careconnect.http.errors import ApiError


class AuditTrail(EventRecorder):
    """An event recorder with the calls of the writers."""

    _about: tuple[str, ...] = ()

    def start(
        self,
        interaction: str,
        action: Action | None,
        type_: str = "",
        ids: Iterable[str] = (),
        query: AuditQuery | None = None,
        patients: Iterable[str] = (),
    ) -> None:
        """Set the facts."""
        self.facts = Facts(interaction, action, type_, tuple(ids), query or AuditQuery(), tuple(patients))

    def leave_to_parts(self) -> None:
        """Write no event unless the request is refused."""
        self.facts = replace(self.facts, is_by_entries=True)

    def concerns(self, patients: Iterable[str], ids: Iterable[str] | None = None) -> None:
        """Note the patients that a refusal is about."""
        if ids is not None:
            self.facts = replace(self.facts, ids=tuple(ids))
        self._about, self._within = tuple(patients), {}

    def touched(self, patients: Collection[str] = ()) -> None:
        """Disclose patients, and begin their events."""
        self.found.disclose(patients)
        self._begin([patient for patient in dict.fromkeys(patients) if patient not in self._stored])

    def withheld(self, patients: Collection[str] = (), why: str = COMPARTMENT) -> None:
        """Hide patients."""
        self.found.hide(patients or (NOBODY,), why)

    def put_all(self, made: Mapping[str, Collection[str]]) -> list[dict[str, Any]]:
        """Return the actions of several writes."""
        return super().put_actions(made)

    def put_actions(self, patients: Collection[str], made: str) -> list[dict[str, Any]]:  # type: ignore[override]
        """Return the actions of a write."""
        return super().put_actions(dict.fromkeys(patients or (NOBODY,), (made,)))

    def committed(self, patients: Collection[str] = (), made: str = "") -> None:
        """Note that a write has succeeded."""
        super().committed()
        self.facts = replace(self.facts, ids=(made,))
        self.touched(dict.fromkeys(patients))

    def finish(self, status: int, refusal: ApiError | None) -> None:
        """Store the remaining events."""
        if refusal is not None and not self._is_allowed:
            hidden, self.found = self.found.hidden, Disclosures()
            self.found.disclose(self._about)
            self.found.hidden = hidden
        super().finish(status, refusal)
