"""A load's request to store or delete one resource, and its result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from careconnect.fhir.resource_types import resource_type
from careconnect.search.values import SearchValueError
from careconnect_admin.errors import OperatorError
from careconnect_records.items.resource_items import TooLargeError
from careconnect_records.multi_step.write import MAX_BYTES_TOGETHER, MAX_ITEMS, fit_together
from careconnect_records.parsing.faults import Fault
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target

_MOST: Final = f"{MAX_ITEMS:,} items or {MAX_BYTES_TOGETHER // 1_000_000} MB"
_TOO_MUCH: Final = f"its transaction comes to more than {_MOST}: as a batch its entries load one by one"


def target_of_key(key: str) -> Target:
    """Return the target of a stored resource's key; raises `OperatorError` if its type is not served."""
    type_name, _, resource_id = key.partition("/")
    served = resource_type(type_name)
    if served is None:
        raise OperatorError(f"{key}: {type_name} is not a type that is served")
    return Target(served, resource_id)


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A target and the resource to store there, None to delete it.

    `broken` are the faults of the invariants that it breaks; all else of it is valid. With a `refusal`, the reason, it
    may only stay as it is stored.
    """

    target: Target
    resource: dict[str, Any] | None
    broken: tuple[Fault, ...] = ()
    refusal: str = ""


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


def planned(plan: Callable[[], WritePlan | None], refusal: str = "") -> WritePlan | LoadResult:
    """Return the plan that `plan` makes, or the result of a request that needs none or cannot have one.

    `refusal` is the request's.
    """
    try:
        made = plan()
    except (TooLargeError, SearchValueError) as error:
        return LoadResult(LoadOutcome.FAILED, str(error))
    if made is None:
        return LoadResult(LoadOutcome.UNCHANGED)
    return LoadResult(LoadOutcome.FAILED, refusal) if refusal else made


def result_of(plan: WritePlan | LoadResult) -> LoadResult:
    """Return the result of a plan that was written, or that of a request without a plan."""
    if isinstance(plan, LoadResult):
        return plan
    return LoadResult(LoadOutcome.DELETED if plan.deletes else LoadOutcome.LOADED)


def failed(number: int, reason: str, *, passing: bool = False) -> list[LoadResult]:
    """Return the results of requests that failed together: the first has the reason."""
    return [LoadResult(LoadOutcome.FAILED, each, passing) for each in (reason, *[""] * (number - 1))]


def refused_together(plans: Sequence[WritePlan | LoadResult]) -> list[LoadResult]:
    """Return the results of requests that cannot be done together, with the reasons; an empty list if they can be."""
    results = [each for each in plans if isinstance(each, LoadResult)]
    if any(each.outcome is LoadOutcome.FAILED for each in results):
        without = LoadResult(LoadOutcome.FAILED)
        return [
            each if isinstance(each, LoadResult) and each.outcome is LoadOutcome.FAILED else without for each in plans
        ]
    planned = [each for each in plans if isinstance(each, WritePlan)]
    if not fit_together(sum(each.count for each in planned), sum(each.size for each in planned)):
        return failed(len(plans), _TOO_MUCH)
    return []
