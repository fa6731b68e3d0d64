"""Look through candidates for matches, no further than a page may (ADR 21)."""

from dataclasses import dataclass, field
from typing import Final

from fhir_reader.search.candidates import Candidates, PageShare
from fhir_reader.search.filter import Filter
from fhir_reader.store.stored import Entry

MOST_COUNTED_PATIENTS: Final = 20
"""Patients whom a number concerns: one that counts more is nobody's (`audit.md`, Whose)."""


@dataclass(slots=True)
class Stretch:
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


def walk(
    candidates: Candidates,
    filter_: Filter,
    share: PageShare,
    wanted: int,
    *,
    count_all: bool,
    tells_number: bool = False,
) -> Stretch:
    """Collect matches until there are as many as `wanted`, or all of the share is examined.

    To `count_all` goes on to the end, as long as that may be within the share. Whose they are is found out where the
    answer `tells_number`.
    """
    count_all = count_all and candidates.at_least <= share.left and filter_.can_look_at(candidates.at_least)
    stretch = Stretch(patients=set() if tells_number else None)
    if not filter_.looks_up:
        return _walk_of_own(candidates, filter_, share, wanted, count_all=count_all, stretch=stretch)
    last = None
    pending: list[Entry] = []
    size = filter_.chunk(0, wanted)
    for entry in candidates.entries:
        if not share.take():
            _settle(stretch, pending, last, filter_, wanted)
            return stretch
        last = entry
        if len(stretch.matches) < wanted:
            stretch.enough = share.examined
        if match := filter_.matching(entry):
            pending.append(match)
        if len(pending) >= size:
            if not _settle(stretch, pending, last, filter_, wanted):
                return stretch
            if len(stretch.matches) >= wanted and not count_all:
                return stretch
            size = filter_.chunk(size, wanted)
    stretch.is_end = _settle(stretch, pending, last, filter_, wanted)
    return stretch


def _walk_of_own(
    candidates: Candidates, filter_: Filter, share: PageShare, wanted: int, *, count_all: bool, stretch: Stretch
) -> Stretch:
    """Walk where an entry's own values say all: each is settled as it comes."""
    matches = stretch.matches
    for entry in candidates.entries:
        if not share.take():
            return stretch
        stretch.last = entry
        is_short = len(matches) < wanted
        if is_short:
            stretch.enough = share.examined
        if match := filter_.matching(entry):
            stretch.count(match)
            if is_short:
                matches.append(match)
            if len(matches) >= wanted and not count_all:
                return stretch
    stretch.is_end = True
    return stretch


def _settle(stretch: Stretch, pending: list[Entry], last: Entry | None, filter_: Filter, wanted: int) -> bool:
    """Take what matches of the pending into a stretch; False if the request cannot afford to look at all of them."""
    kept = filter_.keep(pending, at_least=1 if stretch.last is None else 0)
    for entry in kept.entries:
        stretch.count(entry)
    stretch.matches += kept.entries[: wanted - len(stretch.matches)]
    if kept.decided < len(pending):
        stretch.last = pending[kept.decided - 1] if kept.decided else stretch.last
        return False
    stretch.last = last or stretch.last
    pending.clear()
    return True
