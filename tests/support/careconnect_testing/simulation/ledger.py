"""What happened in a run, in one order: requests, answers, and every version that was stored."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.answer import Answer
from careconnect_testing.simulation.actors.plan import Step
from careconnect_testing.simulation.world.gateway import Sent

BUNDLES: Final = ("bundle", "batch")
"""The kinds of steps that send a Bundle: a transaction, a batch."""

OPERATOR_TASK: Final = "restore"
"""The task of what an operator's restore writes."""

ERASER_TASK: Final = "erase"
"""The task of what an operator's erasure writes: tombstones, and versions without references."""


MOVER_TASK: Final = "move"
"""The task of what an operator's move writes."""


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
    def has_failed(self) -> bool:
        """Return True for a request that may be sent again: it has no answer, or a server's error."""
        return self.answer is None or self.answer.status >= 500

    @property
    def is_in_doubt(self) -> bool:
        """Return True if a write may have been done although nobody said so."""
        return self.has_failed and not (self.answer and "nothing was written" in self.answer.text)


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


@dataclass(frozen=True, slots=True)
class Moved:
    """An operator's move of `keys` to another patient: what it made, by key, and whether it ended by itself."""

    former: str
    patient: str
    keys: frozenset[str]
    made: Mapping[str, Commit]
    is_done: bool


@dataclass(slots=True)
class Erasing:
    """A run of an erasure: its patient, when it began and when it ended or was killed, and whether it is done."""

    patient: str
    began: int
    began_at: float
    ended_at: float = float("inf")
    is_done: bool = False


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
    disabled: dict[str, int] = field(default_factory=dict)
    """Clients that were disabled, by the place of it."""
    was_closed: bool = False
    """Whether tables were out of service, as in a restore and a reindex."""
    erasures: list["Erasing"] = field(default_factory=list)
    """Runs of erasures, in the order in which they began."""
    moves: list[Moved] = field(default_factory=list)
    place: int = 0

    @property
    def erased(self) -> dict[str, int]:
        """Patients of whom an erasure has begun, by the place of the first."""
        return {each.patient: each.began for each in reversed(self.erasures)}

    @property
    def erased_last(self) -> dict[str, int]:
        """Patients of whom an erasure has begun, by the place of the last."""
        return {each.patient: each.began for each in self.erasures}

    def next_place(self) -> int:
        """Return the next place in the order of things."""
        self.place += 1
        return self.place

    def current_at(self, key: str, place: int) -> Commit | None:
        """Return the version that was current at a place, None if there was none yet."""
        return next((each for each in reversed(self.commits.get(key, ())) if each.place <= place), None)

    def patients_before(self, key: str, version: int) -> set[str]:
        """Return the patients in whose record a resource was before a version, without those who are erased."""
        before = {patient for each in self.commits.get(key, ())[: version - 1] for patient in each.patients}
        return before - self.erased.keys()

    def is_erased(self, key: str, version: int, place: int) -> bool:
        """Return True if a version may have been erased at a place."""
        commits = self.commits.get(key, ())
        patients = commits[version - 1].patients if 0 < version <= len(commits) else ()
        return any(self.erased.get(patient, place) < place for patient in patients)


def parts_of(batch: Exchange) -> Iterator[Exchange]:
    """Yield the entries of a batch as the exchanges that they would be alone; none if it was refused as a whole."""
    if batch.answer is not None and batch.status != 200:
        return
    asked = json.loads(batch.sent.body or "{}")["entry"]
    answers = batch.answer.json["entry"] if batch.answer else [None] * len(asked)
    for spec, entry, answered in zip(batch.step.arguments[0].split(";"), asked, answers, strict=True):
        kind, *arguments = spec.split()
        request = entry["request"]
        path, _, query = request["url"].partition("?")
        headers = {"If-Match": request["ifMatch"]} if "ifMatch" in request else {}
        headers |= {"If-None-Exist": request["ifNoneExist"]} if "ifNoneExist" in request else {}
        body = json.dumps(entry["resource"]) if "resource" in entry else None
        pairs = parse_qsl(query, keep_blank_values=True)
        yield replace(
            batch,
            step=Step(_KINDS.get(kind, kind), tuple(arguments)),
            sent=replace(
                batch.sent,
                method=request["method"],
                path=f"{FHIR_PATH}/{path}",
                query=pairs,
                headers=headers,
                body=body,
            ),
            answer=_answer_of(answered) if answered else None,
        )


_KINDS: Final = {"get": "read", "find": "search", "put-if": "put"}


def _answer_of(entry: Mapping[str, Any]) -> Answer:
    response = entry["response"]
    shown = entry.get("resource") or response.get("outcome")
    headers = {"Location": response.get("location", ""), "ETag": response.get("etag", "")}
    headers["Content-Type"] = "application/fhir+json" if shown else ""
    return Answer(int(response["status"].partition(" ")[0]), headers, json.dumps(shown) if shown else "")


@dataclass(slots=True)
class Walk:
    """All pages of a search, and whether the last was reached."""

    actor: int
    step: Step
    pages: list[Exchange]
    is_whole: bool = False
