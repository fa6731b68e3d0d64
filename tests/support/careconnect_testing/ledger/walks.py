"""Check that each walk of pages misses and doubles nothing that stood still meanwhile."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from careconnect_testing.ledger.entries import Walk, patients_in
from careconnect_testing.ledger.versions import Version, Versions

_SEARCHABLE_SECONDS = 1.0
"""Within how many seconds a search follows a write (`write.md`, Promise 5)."""


def faults_of_walks(walks: list[tuple[str, Walk]], versions: Versions) -> Iterator[str]:
    """Yield each walk that is not of all resources that stood still, each once, or has one that was never there."""
    of_patients = _by_patient(versions)
    for operation, walk in walks:
        found = Counter(walk.found)
        known = of_patients.get(walk.patient, {})
        for key, history in known.items():
            if operation != "everything" and not key.startswith("Observation/"):
                continue
            stood = _stood_still(history, walk.began - _SEARCHABLE_SECONDS, walk.ended)
            if stood is not None and found[key] != stood:
                yield f"a walk of {walk.patient} found {key} {found[key]} times, not {stood}"
        for key in found.keys() - known.keys():
            if any(key.startswith(type_) for type_ in ("Observation/", "Patient/")):
                yield f"a walk of {walk.patient} found {key}, which is not of that patient"


def _by_patient(versions: Versions) -> Mapping[str, dict[str, list[Version]]]:
    found: dict[str, dict[str, list[Version]]] = {}
    for key, history in versions.items():
        contents: list[Any] = [one.content for one in history if one.content is not None]
        for patient in {each for content in contents for each in patients_in(content)}:
            found.setdefault(patient, {})[key] = history
    return found


def _stood_still(history: list[Version], began: float, ended: float) -> int | None:
    """Return 1 for a resource that was there all the time, 0 for one that never was, None for any other."""
    if any(one.began <= ended and one.ended >= began for one in history):
        return None
    before = [one for one in history if one.ended < began]
    return 1 if before and before[-1].content is not None else 0
