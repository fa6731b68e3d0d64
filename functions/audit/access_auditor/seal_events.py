"""Seal what of the access record is not sealed yet (`audit.md`, Tamper evidence; ADR 28).

A seal takes the days since the last one in their order, and of each the events that no link has. It never heals: what
it finds changed, removed or put in between stays as it is, and the day's head tells of it from then on.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from access_auditor.day_seal import Chain, DaySeal, OutrunError, Seal
from careconnect.access_record.chain import LATE, Finding, Head, days_from, start_of
from careconnect.audit.event import day_of

_LOOK_BACK: Final = LATE
"""Milliseconds before what may come late, of which a seal looks whether it is still as it was sealed."""

_FIRST_DAYS: Final = 8 * 86_400_000
"""Milliseconds that the first seal goes back."""

_RENEWED_AFTER: Final = 3_600_000
"""Milliseconds after which a head is sealed anew though nothing happened, so that nothing can be put in before it."""


@dataclass(slots=True)
class Sealed:
    """What a run did: the events that it sealed, what it found, and why it is not done, if it is not."""

    events: int = 0
    findings: list[Finding] = field(default_factory=list)
    is_outrun: bool = False
    is_unfinished: bool = False


class _AskedOnce:
    """The sealing key, which is asked once in a run whether a head is its own."""

    def __init__(self, seal: Seal) -> None:
        self.close = seal.close
        self.opened = functools.cache(seal.opened)


def seal_events(chain: Chain, seal: Seal, now: int, has_time: Callable[[int], bool]) -> Sealed:
    """Seal the events up to `now` (epoch milliseconds), while there `has_time` of so many milliseconds left."""
    done = Sealed()
    seal = _AskedOnce(seal)
    # The newest that is ours: those before it were looked at when they were made, and are by each verification.
    newest = _newest(chain, seal, day_of(now))
    since = newest.until - LATE - _LOOK_BACK if newest else now - _FIRST_DAYS
    days = days_from(day_of(since), day_of(now))
    stored = {day: chain.head(day) for day in days}
    # A day that has a head names the one before it already.
    has_head = seal.opened(stored[days[0]]) is not None
    before = None if has_head else _newest(chain, seal, day_of(start_of(days[0]) - 1))
    try:
        for day in days:
            run = DaySeal(chain, seal, day, now, since, newest.until if newest else None, stored[day], before)
            is_complete = run.run(has_time)
            done.events += run.sealed
            done.findings += run.findings
            if not is_complete:
                done.is_unfinished = True
                return done
            before = run.head if run.is_stored else before
        if newest and not done.events and not done.findings and now - newest.until > _RENEWED_AFTER:
            _renew(chain, seal, newest, now)
    except OutrunError:
        done.is_outrun = True
    return done


def _newest(chain: Chain, seal: Seal, up_to: str) -> Head | None:
    """Return the newest head of a day or before it that this deployment has sealed."""
    return next((head for each in chain.heads(up_to) if (head := seal.opened(each))), None)


def _renew(chain: Chain, seal: Seal, head: Head, now: int) -> None:
    """Seal a head anew for the time alone, unless it is another by now."""
    old = chain.head(head.day)
    renewed = seal.close(replace(head, until=now, sealed_at=now))
    if seal.opened(old) != head or not chain.append(old, renewed, (), now):
        raise OutrunError
