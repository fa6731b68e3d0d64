"""The facts of a request that its audit events state, whatever the request then finds (`audit.md`)."""

from dataclasses import dataclass

from careconnect.audit.event import Action
from careconnect.audit.nhs_numbers import is_nhs_number
from careconnect.audit.query import NO_QUERY, AuditQuery


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a request: its interaction, its target, its parameters and the ids of the patients that it names.

    `action` is None for that of the HTTP method. `is_by_entries` says that each entry of the request makes events of
    its own, so that the whole makes one only if it is refused. `job` and `file` are those of a bulk export.
    """

    interaction: str = "unknown"
    action: Action | None = None
    type: str = ""
    ids: tuple[str, ...] = ()
    query: AuditQuery = NO_QUERY
    patients: tuple[str, ...] = ()
    is_by_entries: bool = False
    job: str = ""
    file: str = ""

    @property
    def numbered(self) -> tuple[str, ...]:
        """The keys of the resources that the request names by an id that is an NHS number, its target first."""
        targets = (target_key(each) for each in self.ids)
        return (*(each for each in targets if is_nhs_number(each.partition("/")[2])), *self.query.numbered)


def target_key(target: str) -> str:
    """Return the key of a requested resource (`Patient/4`), also of a version of it."""
    return "/".join(target.split("/")[:2])
