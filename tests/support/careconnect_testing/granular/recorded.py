"""What the audit trail has of reads and searches by tokens with granular scopes, from `audit.md` alone."""

from collections.abc import Sequence
from typing import Final

from careconnect.audit.event import AuditEvent
from careconnect_testing.granular.oracle import Oracle
from careconnect_testing.granular.told import Told
from careconnect_testing.granular.worlds import LIMITED, Resource, current
from careconnect_testing.pairs.asked import Asked
from careconnect_testing.search.linear_parameters import at

_GONE: Final = 410
_READ: Final = (200, 304, _GONE)


def is_recorded(oracle: Oracle, asked: Asked, told: Told, events: Sequence[AuditEvent]) -> bool:
    """Return True unless the events of a read or a search lack what they have to say of scopes."""
    type_ = asked.path.removesuffix("/_search").rpartition("/")[2] if asked.is_search else asked.path.partition("/")[0]
    if asked.entries or not asked.is_read or type_ not in LIMITED:
        return True
    if asked.is_search:
        scopes = [each for each in oracle.token.scopes if each.holds("s", type_)]
        said = "" if told.status != 200 or oracle.token.holds_all("s", type_) else " ".join(map(str, scopes))
        return {each.scope for each in events} == {said}
    path, _, rest = asked.path.partition("/_history")
    last = current(oracle.world, path)
    if last is None or not oracle.token.holds("r", type_):
        return True
    opening = [str(each) for each in oracle.token.scopes if each.holds("r", type_) and each.finds(last.last)]
    if not opening:
        [event] = events
        return (event.outcome, event.why, event.status, event.patient) == ("4", "scope", 404, patient_of(last.last))
    if told.status not in _READ or rest.startswith("/"):
        return True
    said = "" if oracle.token.holds_all("r", type_) else opening[0]
    outcome = "4" if told.status == _GONE else "0"
    return {(each.outcome, each.scope, each.patient) for each in events} == {(outcome, said, patient_of(last.last))}


def patient_of(resource: Resource) -> str:
    """Return the id of the patient whose a resource is."""
    [reference] = [each for name in ("subject", "patient") for each in at(resource, name, "reference")]
    return str(reference).removeprefix("Patient/")
