"""The requests of a run: what each actor will do, chosen by a seed before anything runs."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

EDITOR, BOUND, READER, AUDITOR, OPERATOR = "editor", "bound", "reader", "auditor", "operator"

PATIENTS: Final = ("p1", "p2", "p3", "p4")
"""The last does not exist at the beginning; likewise below. Nothing refers to the third."""
OBSERVATIONS: Final = ("o1", "o2", "o3")
ORGANIZATIONS: Final = ("g1", "g2", "g3")
CODES: Final = ("A", "B", "E")
"""Identifiers that any write may give; the first two exist."""
OWN_CODES: Final = ("C", "D")
"""Identifiers that nobody has at the beginning."""

ACTORS: Final = 6
STEPS: Final = 3


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an actor does: a kind of `actor.py`, and its arguments."""

    kind: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.kind, *self.arguments))


@dataclass(frozen=True, slots=True)
class Line:
    """An actor: its number, its role and its steps in order."""

    number: int
    role: str
    steps: tuple[Step, ...]


Plan = tuple[Line, ...]

Choose = random.Random
Maker = Callable[[Choose], Step]


def _match(chance: Choose) -> str:
    return chance.choice(("", "", "seen", "1"))


def _content(chance: Choose) -> str:
    """Return "new", for content that nobody else writes, or a content that others may write too."""
    return chance.choice(("new", "new", "new", "same"))


def _key(chance: Choose) -> str:
    names = [f"Patient/{chance.choice(PATIENTS)}", f"Observation/{chance.choice(OBSERVATIONS)}"]
    return chance.choice((*names, *names, f"Organization/{chance.choice(ORGANIZATIONS)}"))


def _bundle(chance: Choose) -> Step:
    """Return a transaction of several entries, of different resources but for what is created."""
    keys = [
        *(f"Patient/{each}" for each in PATIENTS),
        *(f"Observation/{each}" for each in OBSERVATIONS),
        *(f"Organization/{each}" for each in ORGANIZATIONS),
    ]
    chance.shuffle(keys)
    specs = []
    for _ in range(chance.choice((2, 2, 3, 3, 4, 4, 6, 9, 40))):
        kind = chance.choice(("put", "put", "put", "put-if", "delete", "create", "create", "link", "get", "named"))
        if kind == "named":
            kind = chance.choice(("create-if-none", "create-if-none", "put-where", "delete-where", "find"))
        needs_key = kind not in ("create", "find", *_CONDITIONAL)
        if kind == "link" or (needs_key and not keys):
            specs.append("link")
        else:
            specs.append(_spec(kind, chance, keys.pop() if needs_key else ""))
    return Step("bundle", (";".join(specs),))


def _batch(chance: Choose) -> Step:
    """Return a batch of several entries, some of them about the same resource."""
    specs = []
    for _ in range(chance.choice((2, 3, 4, 6))):
        kind = chance.choice(("put", "put", "put-if", "delete", "create", "get", "get", "find", *_CONDITIONAL))
        specs.append(_spec(kind, chance, _key(chance)))
    return Step("batch", (";".join(specs),))


def _spec(kind: str, chance: Choose, key: str) -> str:
    """Return an entry of a Bundle: its kind and its arguments."""
    if kind in ("create", "find"):
        return f"{kind} {chance.choice(PATIENTS[:3])}"
    if kind in _CONDITIONAL:
        return f"{kind} {chance.choice((*OWN_CODES, *OWN_CODES, 'A', 'E'))}"
    return f"{kind} {key}{' ' + chance.choice(PATIENTS[:3]) if kind in ('put', 'put-if') else ''}"


_CONDITIONAL: Final = ("create-if-none", "put-where", "delete-where")


def _bundle_that_finds(chance: Choose) -> Step:
    """Return a transaction that searches for what it writes."""
    patient = chance.choice(PATIENTS[:3])
    specs = [f"create {patient}", f"put Observation/{chance.choice(OBSERVATIONS)} {patient}", f"find {patient}"]
    return Step("bundle", (";".join(specs),))


def _bundle_that_names(chance: Choose) -> Step:
    """Return a transaction that moves an identifier from one patient to another, and conditions of it."""
    code = chance.choice(("A", "E"))
    specs = [f"name Patient/p1 {chance.choice(('D', 'E'))}", f"name Patient/{chance.choice(PATIENTS[1:])} {code}"]
    more = chance.choice(([], ["create-if-none C"], ["put-where C"], ["put-if Observation/o1 p1"], ["create p2"] * 3))
    return Step("bundle", (";".join([*specs, *more]),))


def _bundle_that_makes(chance: Choose) -> Step:
    """Return a transaction in steps that makes what others refer to; its identifier is wanted by others too."""
    return Step(
        "bundle", (";".join(["name Patient/p4 E", "put Organization/g3 p1", *["create p1"] * chance.choice((3, 9))]),)
    )


def _bundle_of_one(chance: Choose) -> Step:
    """Return a transaction in steps that changes most of a patient's record."""
    keys = [f"Observation/{each}" for each in OBSERVATIONS]
    puts = [f"put {each} p1" for each in chance.sample(keys, 2)]
    new = chance.choice((["create p1"] * 2, ["create p1"] * 4, ["create-if-none E"], ["create-if-none E"]))
    return Step("bundle", (";".join(["put Patient/p1 p1", *puts, *new]),))


_SEARCHES: Final = (
    "Patient?identifier=A",
    "Patient?identifier=C",
    "Patient?name=w",
    "Patient?gender=male",
    "Patient?organization=Organization/g1",
    "Observation?patient=p1",
    "Observation?patient=p2",
    "Observation?patient=p3",
    "Observation?code=29463-7",
    "Observation?patient.gender=male",
    "Observation?patient=p1&_include=Observation:patient",
    "Observation?code=29463-7&_include=Observation:patient",
    "Patient?_id=p1&_revinclude=Observation:patient",
    "Patient?_id=p1,p2,p3",
    # Twice as likely: a filter of bodies alone stores its events in two groups.
    "Patient?_id:not=p1",
    "Patient?_id:not=p1",
    "Patient?_has:Observation:patient:code=29463-7",
    "Observation?_lastUpdated=ge2020-01-01",
    "Observation?status=final&_sort=-_lastUpdated",
    "Patient/p1/Observation?",
    "Patient/p1/$everything?",
    "Patient/p3/$everything?",
)

# To a resource that is made meanwhile.
_REFERRING: Final = (
    Step("create", ("Observation", "p4")),
    Step("put", ("Observation/o3", "new", "", "p4")),
    Step("put", ("Patient/p2", "new", "", "p3")),
)
# They refer to nothing: a load does not look whether what is referred to is deleted meanwhile.
_LOADED: Final = ("Organization/g1", "Organization/g3", "Patient/p1", "Patient/p3", "Patient/p4")

# What a patient leaves, and what it comes to, when a write in steps moves it to another organization.
_OF_BIG: Final = ("Patient?organization=Organization/g1", "Patient?identifier=A")

_OF_OWN: Final = (
    "Observation?code=29463-7",
    "Observation?patient=p1",
    "Observation?patient=p1&_include=Observation:patient",
    "Patient/p1/$everything?",
)

# Several calls, each of which shows a part of one patient's record.
_OF_ONE: Final = (
    "Observation?patient=p1&_include=Observation:patient",
    "Patient?_id=p1&_revinclude=Observation:patient",
    "Patient/p1/$everything?",
)

_MAKERS: Final[Mapping[str, Maker]] = {
    "create": lambda c: Step("create", ("Observation", c.choice(PATIENTS))),
    "create patient": lambda c: Step("create", ("Patient", c.choice(CODES))),
    "create bearer": lambda _: Step("create", ("Patient", "E")),
    "create if none": lambda c: Step("create-if-none", (c.choice((*OWN_CODES, *OWN_CODES, "A", "E")),)),
    "put": lambda c: Step("put", (_key(c), _content(c), _match(c), c.choice(PATIENTS))),
    "put free": lambda c: Step("put", ("Patient/p3", _content(c), "", c.choice(PATIENTS))),
    "create free": lambda c: Step("create", ("Observation", c.choice(("p3", "p3", "p4")))),
    "delete free": lambda c: Step("delete", (c.choice(("Patient/p3", "Patient/p3", "Organization/g2")), "")),
    "put same": lambda c: Step("put", ("Observation/o1", _content(c), _match(c), "p1")),
    "move": lambda c: Step("put", (f"Observation/{c.choice(OBSERVATIONS)}", "new", "", c.choice(PATIENTS[:3]))),
    "remove": lambda c: Step("delete", (f"Observation/{c.choice(OBSERVATIONS)}", "")),
    "search own": lambda c: Step("search", (c.choice(_OF_OWN), c.choice(("2", "50")), "now")),
    "put big": lambda c: Step("put-big", (c.choice(PATIENTS), _match(c))),
    "put where": lambda c: Step("put-where", (c.choice((*OWN_CODES, *OWN_CODES, "A", "E")),)),
    "create one": lambda _: Step("create-if-none", ("E",)),
    "put one": lambda _: Step("put-where", ("E",)),
    "delete one": lambda _: Step("delete-where", ("E",)),
    "put known": lambda c: Step("put-where", (c.choice(CODES),)),
    "bundle": _bundle,
    "bundle of one": _bundle_of_one,
    "bundle that finds": _bundle_that_finds,
    "bundle that names": _bundle_that_names,
    "bundle that makes": _bundle_that_makes,
    "batch": _batch,
    "refer to made": lambda c: c.choice(_REFERRING),
    "name": lambda c: Step("name", (f"Patient/{c.choice(PATIENTS[1:])}", c.choice(("A", "E", "E")))),
    "load": lambda c: Step("load", (c.choice(_LOADED),)),
    "reindex": lambda _: Step("reindex"),
    "pages of history": lambda c: Step("history", (c.choice(("Observation/o1", "Patient/p1")), c.choice(("1", "2")))),
    "disable reader": lambda c: Step("disable", (f"reader-{c.randint(1, ACTORS)}",)),
    "patch one": lambda _: Step("patch", ("Patient/p1", "")),
    "search one": lambda c: Step("search", (c.choice(_OF_ONE), "50", "now")),
    "patch": lambda c: Step("patch", (_key(c), _match(c))),
    "delete": lambda c: Step("delete", (_key(c), c.choice(("", "", "seen")))),
    "delete where": lambda c: Step("delete-where", (c.choice((*CODES, *OWN_CODES)),)),
    "read": lambda c: Step("read", (_key(c),)),
    "vread": lambda c: Step("vread", (_key(c), c.choice(("1", "2", "3")))),
    "history": lambda c: Step("history", (_key(c), c.choice(("1", "2", "50")))),
    "search": lambda c: Step("search", (c.choice(_SEARCHES), c.choice(("1", "2", "50")), c.choice(("now", "now", "")))),
    "count": lambda c: Step("count", (c.choice(("Observation?patient=p1", "Patient?gender=male")),)),
    "audit": lambda c: Step("audit", (c.choice(("patient=p1", "patient=p2", "date=ge2026-09-01", "outcome=0")),)),
    "token": lambda _: Step("token"),
    "revoke": lambda _: Step("revoke"),
    "introspect": lambda _: Step("introspect"),
    "use": lambda c: Step("read", (f"Patient/{c.choice(PATIENTS[:2])}",)),
    "search moved": lambda c: Step("search", (c.choice(_OF_BIG), "50", "now")),
    "wait": lambda c: Step("wait", (c.choice(("1", "6", "61", "61", "700")),)),
    "wait for caches": lambda c: Step("wait", (c.choice(("61", "75")),)),
    "wait long": lambda _: Step("wait", ("700",)),
    "assert": lambda c: Step("assert", (c.choice(("1", "2")),)),
    "disable": lambda c: Step("disable", (c.choice(("editor-1", "reader-1")),)),
    "cut off": lambda c: Step("cut-off", (c.choice(("editor-1", "reader-1")),)),
    "rotate": lambda _: Step("rotate"),
    "archive": lambda c: Step("archive", (c.choice(("1", "3", "100")),)),
    "recover": lambda _: Step("recover", ("1",)),
    "recover often": lambda _: Step("recover", ("12",)),
    "back up": lambda _: Step("back-up"),
    "restore": lambda _: Step("restore"),
    "expire": lambda _: Step("expire"),
}

# Each theme gives roles by their weight, and what a role does by its weight, several deeds in a row by one.
_WRITING: Final = {"put": 4, "bundle": 1, "patch": 2, "delete": 2, "create": 2, "read": 1, "history": 1, "vread": 1}
_CONDITIONS: Final = {
    "create if none": 5,
    "bundle": 1,
    "put where": 3,
    "delete where": 2,
    "create patient": 1,
    "search": 1,
}
_READING: Final = {"search": 7, "read": 1, "history": 1, "count": 1, "vread": 1}
_OPERATING: Final = {"wait": 3, "recover": 2, "disable": 1, "cut off": 1, "rotate": 2, "archive": 3, "expire": 1}
_OWN: Final = {"put": 3, "put same": 2, "patch": 2, "read": 2, "search": 2, "create": 2, "delete": 1, "history": 1}
_TOKENS: Final = {
    "token": 2,
    "revoke": 3,
    "introspect": 2,
    "use": 4,
    "wait": 3,
    "assert": 1,
    "revoke, wait long, use": 2,
    "introspect, revoke, introspect": 1,
}
_RENEWING: Final = {"use": 2, "token": 1, "wait for caches, token, use": 5, "wait for caches, use": 2}

Deeds = Mapping[str, int]
_RECOVERING: Final[tuple[str, Deeds, int]] = (OPERATOR, {"recover": 3, "wait": 1}, 1)
_THEMES: Final[Sequence[tuple[tuple[tuple[str, Deeds, int], ...], int]]] = (
    (
        (
            (EDITOR, {"bundle": 6, "put": 2, "delete": 1, "create": 1, "create if none": 1, "put big": 1}, 4),
            (READER, {**_READING, "search moved, search moved, search moved": 3}, 3),
            _RECOVERING,
        ),
        5,
    ),
    (((EDITOR, _WRITING, 5), (READER, _READING, 2), (BOUND, _OWN, 1), (OPERATOR, _OPERATING, 1)), 4),
    (((EDITOR, {"put same": 4, "patch": 1, "read": 1}, 5), (READER, {"search": 2, "read": 1, "history": 1}, 2)), 2),
    (((EDITOR, _CONDITIONS, 6), (READER, _READING, 1), (OPERATOR, _OPERATING, 1)), 3),
    (((EDITOR, {"put": 2, "delete": 3, "create": 3, "put big": 1}, 5), (READER, _READING, 2), _RECOVERING), 3),
    (
        (
            (EDITOR, {"put free": 3, "delete free": 3, "create free": 3, "put big": 1}, 5),
            (READER, _READING, 1),
            _RECOVERING,
        ),
        3,
    ),
    (
        (
            (OPERATOR, {"back up": 1, "restore": 2}, 2),
            (EDITOR, {**_WRITING, "put big": 1, "wait": 2}, 4),
            (READER, _READING, 2),
        ),
        1,
    ),
    (((OPERATOR, {"rotate": 1}, 1), (READER, _RENEWING, 3), (BOUND, _RENEWING, 2)), 2),
    (
        (
            (EDITOR, {"put big": 4, "put": 1, "delete": 1, "put known": 2, "read": 1}, 3),
            (READER, {**_READING, "search moved, search moved, search moved": 12}, 3),
            _RECOVERING,
        ),
        3,
    ),
    (((READER, _READING, 4), (EDITOR, _WRITING, 3), (BOUND, _OWN, 2)), 3),
    (((READER, _TOKENS, 3), (EDITOR, _TOKENS, 2), (BOUND, _TOKENS, 1), (OPERATOR, _OPERATING, 2)), 3),
    (
        (
            (AUDITOR, {"audit": 1}, 3),
            (EDITOR, _WRITING, 3),
            (READER, _READING, 2),
            (OPERATOR, {"archive": 2, "wait": 1}, 2),
        ),
        2,
    ),
    (((EDITOR, {"move": 4, "remove": 2, "bundle": 1}, 1), (BOUND, {"search own": 1}, 1)), 2),
    (
        (
            (EDITOR, {"bundle of one": 4, "bundle of one, patch one": 1, "create bearer": 2}, 2),
            (READER, {"search one": 1}, 3),
            (OPERATOR, {"recover often": 1}, 1),
        ),
        7,
    ),
    (((EDITOR, {"create one": 2, "put one": 2, "delete one": 1}, 1),), 1),
    (((EDITOR, {"bundle that makes": 3, "create bearer": 2, "refer to made": 4}, 5), _RECOVERING), 3),
    (
        (
            (EDITOR, {"bundle that names": 4, "create bearer": 3, "name": 2, "create if none": 2, "create one": 1}, 5),
            (READER, _READING, 1),
            _RECOVERING,
        ),
        3,
    ),
    (
        (
            (EDITOR, {"batch": 5, "put same": 1, "move": 1, "create if none": 1}, 4),
            (BOUND, {"batch": 3, "search own": 1}, 1),
            (READER, _READING, 1),
        ),
        2,
    ),
    (((EDITOR, {"bundle that finds": 5, "move": 1}, 1),), 1),
    (((READER, {"token": 4, "use": 1}, 5), (OPERATOR, {"disable reader": 1}, 2)), 1),
    (((EDITOR, {"put same": 3, "patch one": 2}, 3), (READER, {"pages of history": 1}, 2)), 1),
    (
        (
            (OPERATOR, {"load": 4, "reindex": 1, "wait for caches": 1}, 2),
            (EDITOR, {**_WRITING, "create if none": 2, "wait for caches": 3}, 3),
            (READER, {**_READING, "wait for caches": 3}, 2),
        ),
        1,
    ),
)


def plan_of(seed: int, actors: int = ACTORS, steps: int = STEPS) -> Plan:
    """Return the plan of a seed."""
    chance = random.Random(f"plan {seed}")
    (roles, _) = chance.choices(_THEMES, [weight for _, weight in _THEMES])[0]
    lines = []
    for number in range(1, actors + 1):
        role, deeds, _ = chance.choices(roles, [weight for _, _, weight in roles])[0]
        rows = chance.choices(list(deeds), list(deeds.values()), k=steps)
        kinds = [kind for row in rows for kind in row.split(", ")][:steps]
        lines.append(Line(number, role, tuple(_MAKERS[kind](chance) for kind in kinds)))
    return tuple(lines)
