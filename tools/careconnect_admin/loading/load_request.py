"""A load's request to store or delete one resource, and its result."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from careconnect.search.values import SearchValueError
from careconnect_records.items.resource_items import TooLargeError
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A target and the valid resource to store there, None to delete it."""

    target: Target
    resource: dict[str, Any] | None


class LoadOutcome(Enum):
    """The outcome of a request, under the name by which a load's report counts it."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The outcome of a request, with the reason of a failure; `passing` if another attempt may succeed."""

    outcome: LoadOutcome
    reason: str = ""
    passing: bool = False


def planned(plan: Callable[[], WritePlan | None]) -> WritePlan | LoadResult:
    """Return the plan that `plan` makes, or the result of a request that needs none or cannot have one."""
    try:
        return plan() or LoadResult(LoadOutcome.UNCHANGED)
    except (TooLargeError, SearchValueError) as error:
        return LoadResult(LoadOutcome.FAILED, str(error))


def result_of(plan: WritePlan) -> LoadResult:
    """Return the result of a plan that was written."""
    return LoadResult(LoadOutcome.DELETED if plan.deletes else LoadOutcome.LOADED)
