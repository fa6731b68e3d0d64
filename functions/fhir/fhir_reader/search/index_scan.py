"""Look through candidates for matches, no further than a page may (ADR 21)."""

from dataclasses import dataclass, field
from typing import Final

from fhir_reader.search.candidates import Candidates, PageShare
from fhir_reader.search.filter import Filter
from fhir_reader.store.stored import Entry

MOST_COUNTED_PATIENTS: Final = 20
"""Patients whom a number concerns: one that counts more is nobody's (`audit.md`, Whose)."""


@dataclass(slots=True)
class ScanResult:
    """A part of a walk: the first matches in it, how many there are in all of it, and where it ended.

    `last` is the entry that was examined last, None if there was none; `is_end` says that nothing comes after it.
    `enough` is how many were examined until there were as many matches as wanted, or in all. `patients` are those whom
    the number `found` counts, if it is told: all of them, or more than one number concerns.
    """

    matches: list[Entry] = field(default_factory=list)
    found: int = 0
    last: Entry | None = None
    is_end: bool = False
    enough: int = 0
    patients: set[str] | None = None

    def count(self, entry: Entry) -> None:
        """Count a match, and whose it is if that is asked for."""
        self.found += 1
        if self.patients is not None and len(self.patients) <= MOST_COUNTED_PATIENTS:
            self.patients.update(entry.patients)


def scan_index(
    candidates: Candidates,
    filter_: Filter,
    share: PageShare,
    wanted: int,
    *,
    count_all: bool,
    tells_number: bool = False,
) -> ScanResult:
    """Collect matches until there are as many as `wanted`, or all of the share is examined.

    To `count_all` goes on to the end, as long as that may be within the share. Whose they are is found out where the
    answer `tells_number`.
    """
    count_all = count_all and candidates.at_least <= share.left and filter_.can_look_at(candidates.at_least)
    scan = ScanResult(patients=set() if tells_number else None)
    if not filter_.looks_up:
        return _scan_own_values(candidates, filter_, share, wanted, count_all=count_all, scan=scan)
    last = None
    pending: list[Entry] = []
    size = filter_.chunk(0, wanted)
    for entry in candidates.entries:
        if not share.take():
            _filter_pending(scan, pending, last, filter_, wanted)
            return scan
        last = entry
        if len(scan.matches) < wanted:
            scan.enough = share.examined
        if match := filter_.matching(entry):
            pending.append(match)
        if len(pending) >= size:
            if not _filter_pending(scan, pending, last, filter_, wanted):
                return scan
            if len(scan.matches) >= wanted and not count_all:
                return scan
            size = filter_.chunk(size, wanted)
    scan.is_end = _filter_pending(scan, pending, last, filter_, wanted)
    return scan


def _scan_own_values(
    candidates: Candidates, filter_: Filter, share: PageShare, wanted: int, *, count_all: bool, scan: ScanResult
) -> ScanResult:
    """Walk where an entry's own values say all: each is settled as it comes."""
    matches = scan.matches
    for entry in candidates.entries:
        if not share.take():
            return scan
        scan.last = entry
        is_short = len(matches) < wanted
        if is_short:
            scan.enough = share.examined
        if match := filter_.matching(entry):
            scan.count(match)
            if is_short:
                matches.append(match)
            if len(matches) >= wanted and not count_all:
                return scan
    scan.is_end = True
    return scan


def _filter_pending(scan: ScanResult, pending: list[Entry], last: Entry | None, filter_: Filter, wanted: int) -> bool:
    """Take what matches of the pending into a stretch; False if the request cannot afford to look at all of them."""
    kept = filter_.filter_entries(pending, at_least=1 if scan.last is None else 0)
    for entry in kept.entries:
        scan.count(entry)
    scan.matches += kept.entries[: wanted - len(scan.matches)]
    if kept.decided < len(pending):
        scan.last = pending[kept.decided - 1] if kept.decided else scan.last
        return False
    scan.last = last or scan.last
    pending.clear()
    return True
