"""Plan a write within the limits of one version's stored size (`write.md`, Limits; ADR 38)."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from careconnect_records.items.identifier_locks import locks_among
from careconnect_records.items.resource_items import (
    IndexTooLargeError,
    TooLargeError,
    digest_of,
    former_patients_of,
    item_size,
)
from careconnect_records.writes.plan import WritePlan, plan_version
from careconnect_records.writes.target import Target

MAX_ENTRIES: Final = 200
"""Index entries of a resource. The largest of the sample and of the Reference Implementation's records has 33."""

MAX_REFERENCES: Final = 200
"""Resources that a resource refers to: each takes a reference count, as a value takes an index entry."""

MAX_IDENTIFIERS: Final = 50

MAX_FORMER_PATIENTS: Final = 20
"""Patients whose record a resource has left: whatever shows its version number is an event of each (`audit.md`)."""

# Each entry has all values of its resource, so its stored bytes grow with the square of the number of values.
STORED_PER_BYTE: Final = 20
STORED_BESIDES: Final = 100_000

_Measure = Callable[[WritePlan], float]


class TooCostlyError(TooLargeError):
    """A resource would store too much. `expression` is the FHIRPath of the element that is the cause."""

    def __init__(self, expression: str, text: str) -> None:
        super().__init__(f"{expression}: {text}")
        self.expression = expression
        self.text = text


def max_stored(json_bytes: int) -> int:
    """Return the bytes that a version of a resource with so many bytes of JSON may store."""
    return STORED_PER_BYTE * json_bytes + STORED_BESIDES


def plan_write(
    target: Target, resource: dict[str, Any] | None, *, now: int, base_url: str, method: str = "PUT"
) -> WritePlan | None:
    """Return the plan that stores a resource (None: deletes it), or None if nothing would change.

    `now` is in epoch milliseconds. `method` is the request's; the history shows it. Raises `TooLargeError`,
    `TooCostlyError`, and `SearchValueError` for a date that the calendar does not have.
    """
    digest = digest_of(resource)
    if target.digest == digest or (resource is None and target.index is None):
        return None
    status = 204 if resource is None else 200 if target.exists else 201
    versioned = partial(
        plan_version,
        target,
        version=target.version + 1,
        # An index entry identifies its version by this time, so no two versions may have the same time.
        updated=max(now, target.updated + 1),
        base_url=base_url,
        method="DELETE" if resource is None else method,
        status=status,
        patients=target.patients,
        former=(*target.former_patients, *target.patients),
        digest=digest,
    )
    plan = versioned(resource=None) if resource is None else _affordable(resource, versioned)
    # A restored resource may have more: it stays where it is, or goes back.
    if len(former_patients_of(plan.index)) > max(MAX_FORMER_PATIENTS, len(target.former_patients)):
        raise TooCostlyError(target.type.name, _MOVED)
    return plan


def _affordable(
    resource: dict[str, Any],
    plan_of: Callable[[dict[str, Any]], WritePlan],
) -> WritePlan:
    """Return the plan that `plan_of` makes of a resource; raises `TooCostlyError` if it stores too much.

    `plan_of` is also asked for parts of the resource, to find the element that is the cause.
    """
    try:
        plan = plan_of(resource)
    except IndexTooLargeError:
        raise _costly(resource, plan_of, _indexed, _STORED) from None
    for measure, limit, text in _LIMITS:
        if measure(plan) > limit:
            raise _costly(resource, plan_of, measure, text)
    if plan.body and plan.size > max_stored(len(plan.body["body"]["S"].encode())):
        raise _costly(resource, plan_of, _indexed, _STORED)
    return plan


def _identifiers(plan: WritePlan) -> int:
    return len(locks_among(plan.target.type.name, plan.entries))


def _references(plan: WritePlan) -> int:
    return len(json.loads(plan.index["targets"]["S"]))


def _indexed(plan: WritePlan) -> int:
    return sum(map(item_size, (plan.index, *plan.entries.values())))


_MOVED: Final = f"a resource leaves the records of at most {MAX_FORMER_PATIENTS} patients: create another one."
_STORED: Final = "the index of a resource of n KB, and the resource itself, take at most 20 × n + 100 KB."
_LIMITS: Final[tuple[tuple[_Measure, int, str], ...]] = (
    (_identifiers, MAX_IDENTIFIERS, f"a resource has at most {MAX_IDENTIFIERS} identifiers."),
    (lambda plan: len(plan.entries), MAX_ENTRIES, f"a resource has at most {MAX_ENTRIES} index entries."),
    (_references, MAX_REFERENCES, f"a resource refers to at most {MAX_REFERENCES} others."),
)


def _costly(
    resource: dict[str, Any], plan_of: Callable[[dict[str, Any]], WritePlan], measure: _Measure, text: str
) -> TooCostlyError:
    """Return the error that names the element with the greatest measure by itself."""
    identity = {name: resource[name] for name in ("resourceType", "id")}

    def alone(name: str) -> float:
        try:
            return measure(plan_of({**identity, name: resource[name]}))
        except IndexTooLargeError:
            return float("inf")

    worst = max(resource.keys() - identity.keys(), key=lambda name: (alone(name), name))
    return TooCostlyError(f"{resource['resourceType']}.{worst.lstrip('_')}", text)
