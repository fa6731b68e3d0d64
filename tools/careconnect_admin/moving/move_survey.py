"""Find what a move takes along, what it would leave behind, and what stops it (ADR 49)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect.fhir.request import MAX_BUNDLE_ENTRIES
from careconnect_records.multi_step.write import MAX_BYTES_TOGETHER, MAX_ITEMS, fit_together
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target
from record_writer.write_resources import MAX_PATIENTS_TOGETHER

MAX_NAMED: Final = 20
_MOST: Final = (
    f"{MAX_BUNDLE_ENTRIES} resources of {MAX_PATIENTS_TOGETHER} patients, {MAX_ITEMS:,} items with index entries and "
    f"{MAX_BYTES_TOGETHER // 1_000_000} MB"
)
_REMEDY: Final = "correct these references, name the resources too, or give --with"

Link = tuple[str, str]
"""The keys of a resource and of one that it refers to."""


@dataclass(frozen=True, slots=True)
class Moving:
    """A resource to move: as it was read, as it will be, and the elements that refer to the patient."""

    target: Target
    resource: dict[str, Any]
    elements: tuple[str, ...]
    plan: WritePlan

    @property
    def version(self) -> str:
        """The reference to the version that the move makes."""
        return f"{self.target.key}/_history/{self.plan.version}"

    @property
    def patients(self) -> frozenset[str]:
        """The ids of the patients in whose records the resource is, will be, and was before."""
        return self.plan.patients.union(self.target.former_patients)


@dataclass(frozen=True, slots=True)
class MoveSurvey:
    """What a move does: `moving` by key, of which `added` were not named; `moved` has been done already.

    `crossing` are the references between what would be in the record of the one patient and of the other. `faults` are
    sentences that say what else stops it.
    """

    moving: Mapping[str, Moving]
    added: Collection[str]
    moved: Collection[str]
    crossing: Collection[Link]
    faults: Collection[str]

    @property
    def stops(self) -> list[str]:
        """What stops the move, a sentence for each."""
        if not self.crossing:
            return [*self.faults]
        links = [f"{source} → {target}" for source, target in sorted(self.crossing)]
        more = f" and {len(links) - MAX_NAMED:,} more" if len(links) > MAX_NAMED else ""
        named = f"{', '.join(links[:MAX_NAMED])}{more}"
        return [*self.faults, f"references would lead from one record to the other ({named}): {_REMEDY}"]

    @property
    def with_narrative(self) -> list[str]:
        """The keys of what has a text for people, which may name the former patient."""
        return [key for key, each in self.moving.items() if "text" in each.resource]

    @property
    def versions(self) -> dict[str, list[str]]:
        """The versions that the move makes, by the id of each patient whom they concern."""
        found: dict[str, list[str]] = {}
        for each in self.moving.values():
            for patient in each.patients:
                found.setdefault(patient, []).append(each.version)
        return found


def fit_in_transaction(moving: Collection[Moving]) -> bool:
    """Return True if one transaction takes all of it."""
    plans = [each.plan for each in moving]
    patients = frozenset[str]().union(*(each.patients for each in moving))
    return len(patients) <= MAX_PATIENTS_TOGETHER and fit_together(
        sum(plan.count for plan in plans), sum(plan.size for plan in plans)
    )


def too_much(resources: int) -> str:
    """Return the fault of more than one transaction takes."""
    return (
        f"{resources:,} resources would move in one transaction, which takes {_MOST}: name fewer, those together that "
        "refer to each other"
    )


def links_among(record: Mapping[str, Target], moved: Collection[Target]) -> set[Link]:
    """Return the references within a record, and those between it and what has moved out of it."""
    found = {**record, **{each.key: each for each in moved}}
    return {(key, to) for key, each in found.items() for to in each.references if to in found and to != key}


def connected(keys: Collection[str], links: Collection[Link]) -> set[str]:
    """Return keys, and all that references connect with them, in any number of steps."""
    beside: dict[str, set[str]] = {}
    for source, target in links:
        beside.setdefault(source, set()).add(target)
        beside.setdefault(target, set()).add(source)
    found, new = set(keys), list(keys)
    while new:
        for key in beside.get(new.pop(), set()) - found:
            found.add(key)
            new.append(key)
    return found
