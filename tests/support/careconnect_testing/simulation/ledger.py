"""What happened in a run, in one order: requests, answers, and every version that was stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect_testing.http.answer import Answer
from careconnect_testing.simulation.actors.plan import Step
from careconnect_testing.simulation.world.gateway import Sent

OPERATOR_TASK: Final = "restore"
"""The task of what an operator's restore writes."""


@dataclass(slots=True)
class Exchange:
    """A request and its answer. `began` and `ended` are places in the ledger's order, times epoch seconds.

    Without an `answer` none came, or the run ended before.
    """

    actor: int
    client: str
    step: Step
    sent: Sent
    request_id: str
    began: int
    began_at: float
    ended: int | None = None
    ended_at: float = 0.0
    answer: Answer | None = None

    @property
    def status(self) -> int:
        """The answer's status, 0 without one."""
        return self.answer.status if self.answer else 0

    @property
    def is_in_doubt(self) -> bool:
        """Return True if a write may have been done although nobody said so."""
        return self.answer is None or self.answer.status >= 500


@dataclass(frozen=True, slots=True)
class Commit:
    """A version that was stored: its place in the order, and by whom; `content` is None for a deletion."""

    place: int
    at: float
    key: str
    version: int
    content: Mapping[str, Any] | None
    patients: tuple[str, ...]
    task: str


@dataclass
class Ledger:
    """Everything that happened in a run."""

    exchanges: list[Exchange] = field(default_factory=list)
    commits: dict[str, list[Commit]] = field(default_factory=dict)
    walks: list["Walk"] = field(default_factory=list)
    revoked: dict[str, float] = field(default_factory=dict)
    """Tokens whose revocation was answered, by when (epoch seconds)."""
    cut_off: dict[str, float] = field(default_factory=dict)
    """Clients whose tokens were ended, by when."""
    is_restored: bool = False
    """Whether tables were restored, for which the writers are stopped."""
    place: int = 0

    def next_place(self) -> int:
        """Return the next place in the order of things."""
        self.place += 1
        return self.place

    def current_at(self, key: str, place: int) -> Commit | None:
        """Return the version that was current at a place, None if there was none yet."""
        return next((each for each in reversed(self.commits.get(key, ())) if each.place <= place), None)


@dataclass(slots=True)
class Walk:
    """All pages of a search, and whether the last was reached."""

    actor: int
    step: Step
    pages: list[Exchange]
    is_whole: bool = False
