"""The oracle: what an export holds, from the versions that were stored and the contract alone.

It shares no rule with the functions: values are those of the linear search.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from careconnect_testing.exports.kick_offs import KickOff
from careconnect_testing.exports.resources import COMPARTMENT
from careconnect_testing.parts.stores import BASE
from careconnect_testing.search.linear_search import LinearSearch

SUBSETTED: Final = frozenset(
    {
        ("http://hl7.org/fhir/v3/ObservationValue", "SUBSETTED"),
        ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED"),
    }
)
_MANDATORY: Final[Mapping[str, tuple[str, ...]]] = {
    "Observation": ("status", "code"),
    "Encounter": ("status",),
    "Condition": ("subject",),
    "EpisodeOfCare": ("status", "patient"),
    "MedicationRequest": ("intent", "medicationReference", "subject"),
}
_ALWAYS: Final = ("resourceType", "id", "meta")


@dataclass(frozen=True)
class Version:
    """A version as it was stored: its instant in epoch milliseconds, its text, empty for a deletion, its patients."""

    key: str
    number: int
    updated: int
    text: str
    patients: tuple[str, ...]

    @property
    def type(self) -> str:
        """The resource's type."""
        return self.key.partition("/")[0]


@dataclass
class Expected:
    """What an export has to hold: lines by type and resource, deletions, and whose all that is."""

    lines: dict[str, dict[str, str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    patients: dict[str, set[str]] = field(default_factory=dict)
    """The patients of each resource that it holds."""
    excused: set[str] = field(default_factory=set)
    """What was deleted while the job ran, and may be missing."""


def expected_of(kick_off: KickOff, at: int, versions: Mapping[str, Sequence[Version]]) -> Expected:
    """Return what an export holds whose `transactionTime` is `at`, in epoch milliseconds."""
    told = Expected()
    for key, all_of_one in versions.items():
        type_ = key.partition("/")[0]
        until = [each for each in all_of_one if each.updated <= at]
        if type_ not in kick_off.exported or not until:
            continue
        current = until[-1]
        if kick_off.since is not None and current.updated <= kick_off.since:
            continue
        if current.text:
            if _is_held(kick_off, current):
                told.lines.setdefault(type_, {})[key] = current.text
                told.patients[key] = _whose(until)
                if any(not each.text for each in all_of_one[len(until) :]):
                    told.excused.add(key)
        elif kick_off.since is not None and _is_told_deleted(kick_off, until):
            told.deleted.add(key)
            told.patients[key] = _whose(until)
    return told


def _whose(versions: Sequence[Version]) -> set[str]:
    """Return the patients to whom a resource belongs or did belong: its file says so to each of their trails."""
    return {patient for each in versions for patient in each.patients}


def _last_content(versions: Sequence[Version]) -> Version:
    return next(each for each in reversed(versions) if each.text)


def _is_held(kick_off: KickOff, version: Version) -> bool:
    """Return True if a version is one of a job's."""
    if kick_off.until is not None and version.updated >= kick_off.until:
        return False
    return _is_of(kick_off, version) and _is_filtered(kick_off, version) and _is_opened(kick_off, version)


def _is_told_deleted(kick_off: KickOff, versions: Sequence[Version]) -> bool:
    last = _last_content(versions)
    return _is_of(kick_off, last) and _is_opened(kick_off, last)


def _is_of(kick_off: KickOff, version: Version) -> bool:
    """Return True if the level and the cohort hold a version."""
    if not kick_off.is_of_patients:
        return True
    if version.type not in COMPARTMENT or not version.patients:
        return False
    return not kick_off.patients or set(version.patients) <= set(kick_off.patients)


def _is_filtered(kick_off: KickOff, version: Version) -> bool:
    """Return True if one of the filters of a version's type finds it, or there is none."""
    filters = [criteria for type_, criteria in kick_off.filters if type_ == version.type]
    if not filters:
        return True
    resource = json.loads(version.text)
    at = datetime.fromtimestamp(version.updated / 1000, UTC)
    search = LinearSearch([resource], base=f"{BASE}/STU3", now=at)
    return any(search.search(version.type, criteria).ids for criteria in filters)


def _is_opened(kick_off: KickOff, version: Version) -> bool:
    resource = json.loads(version.text)
    return all(kick_off.token.opens(letter, resource) for letter in "rs")


def is_line(kick_off: KickOff, text: str, body: str) -> bool:
    """Return True if a line is what a job shows of a stored body."""
    type_ = json.loads(body)["resourceType"]
    named = [each.rpartition(".")[2] for each in kick_off.elements if each.partition(".")[0] in (type_, each)]
    if not named:
        return text == body
    whole, shown = (json.loads(each, parse_float=str, parse_int=str) for each in (body, text))
    kept = {*_ALWAYS, *_MANDATORY.get(type_, ()), *named}
    tags = shown["meta"].pop("tag", [])
    if {(each["system"], each["code"]) for each in tags if each.get("code") == "SUBSETTED"} != SUBSETTED:
        return False
    if others := [each for each in tags if each.get("code") != "SUBSETTED"]:
        shown["meta"]["tag"] = others
    expected: dict[str, Any] = {name: value for name, value in whole.items() if name in kept}
    return bool(shown == expected)


def patients_in(told: Expected, missing: Iterable[str]) -> set[str]:
    """Return the patients to whom anything belongs that an export holds, without what it may lack."""
    left_out = set(missing)
    return {each for key, patients in told.patients.items() if key not in left_out for each in patients}
