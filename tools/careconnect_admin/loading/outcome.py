"""What became of a resource that was to be written, in the words of a load's report."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from careconnect.search.values import SearchValueError
from careconnect_records.items.record import TooLargeError
from careconnect_records.writes.change import WritePlan


class Outcome(Enum):
    """What became of one resource."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome for one resource, with the reason of a failure; `passing` if it may be written another time."""

    outcome: Outcome
    reason: str = ""
    passing: bool = False


def planned(plan: Callable[[], WritePlan | None]) -> WritePlan | Written:
    """Return the change that `plan` makes; where it makes none, the outcome that is certain without one."""
    try:
        return plan() or Written(Outcome.UNCHANGED)
    except (TooLargeError, SearchValueError) as error:
        return Written(Outcome.FAILED, str(error))


def written(change: WritePlan) -> Written:
    """Return what becomes of a resource once its change is written."""
    return Written(Outcome.DELETED if change.content.resource is None else Outcome.LOADED)
