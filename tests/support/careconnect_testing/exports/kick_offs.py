"""Generated kick-offs: what a job exports, for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from careconnect_testing.exports.resources import COMPARTMENT, PATIENTS, TYPES
from careconnect_testing.granular.scopes import Scope, Token
from careconnect_testing.granular.worlds import LIMITED, pair_of

Filter = tuple[str, tuple[tuple[str, str], ...]]
"""A type, and the criteria of one `_typeFilter`."""

_FILTERS: Final[Mapping[str, Sequence[tuple[tuple[str, str], ...]]]] = {
    "Observation": (
        (("status", "final"),),
        (("status", "final,amended"), ("code", "8867-4")),
        (("date", "ge2018-01-01"),),
        (("date", "lt2018-01-01"), ("status:not", "final")),
        (("patient", "Patient/a"),),
        (("category:missing", "true"),),
        (("_id:not", "ao0"),),
    ),
    "Condition": ((("clinical-status", "active"),), (("patient", "Patient/b"), ("clinical-status", "resolved"))),
    "Encounter": ((("status", "finished"),), (("date", "2018"),)),
    "Patient": ((("gender", "female"),), (("family", "Sm"),)),
    "Organization": ((("name", "moor"),),),
}
_ELEMENTS: Final = ("status", "subject", "Observation.code", "Patient.gender", "Condition.clinicalStatus", "identifier")
_MANY: Final = (1, 1, 1, 2, 3)


@dataclass(frozen=True)
class KickOff:
    """What a client asks for; times are epoch milliseconds, `patients` are ids."""

    token: Token
    is_of_patients: bool = False
    types: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    filters: tuple[Filter, ...] = ()
    elements: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()

    @property
    def exported(self) -> tuple[str, ...]:
        """The types of the job: those that are asked for or, if none is, all that the token opens."""
        level = COMPARTMENT if self.is_of_patients else TYPES
        return self.types or tuple(each for each in level if opens(self.token, each))


def opens(token: Token, type_: str) -> bool:
    """Return True if a token has the letters that an export needs, if only for some resources."""
    return token.holds("r", type_) and token.holds("s", type_)


def generated_kick_off(random: Random, instants: Sequence[int], now: int) -> KickOff:
    """Return a kick-off; `instants` are those of stored versions, the borders of what changed since."""
    return kick_off_of(random, _token(random), instants, now)


def kick_off_of(random: Random, token: Token, instants: Sequence[int], now: int) -> KickOff:
    """Return a kick-off of a token."""
    is_of_patients = opens(token, "Patient") and random.random() < 0.5
    possible = [each for each in (COMPARTMENT if is_of_patients else TYPES) if opens(token, each)]
    types = tuple(random.sample(possible, random.randint(1, len(possible)))) if random.random() < 0.4 else ()
    exported = types or possible
    since = _instant(random, instants, now) if random.random() < 0.5 else None
    until = _instant(random, instants, now) if random.random() < 0.15 else None
    if since is not None and until is not None and until <= since:
        until = None
    filters = [
        (type_, random.choice(_FILTERS[type_]))
        for _ in range(random.choice(_MANY) if random.random() < 0.3 else 0)
        if (type_ := random.choice([*_FILTERS])) in exported
    ]
    elements = random.sample(_ELEMENTS, random.choice(_MANY)) if random.random() < 0.15 else []
    named = [each for each in elements if "." not in each or each.partition(".")[0] in exported]
    patients = random.sample(PATIENTS, random.randint(1, 3)) if is_of_patients and random.random() < 0.5 else []
    return KickOff(
        token, is_of_patients, types, since, until, tuple(dict.fromkeys(filters)), tuple(named), tuple(patients)
    )


def _token(random: Random) -> Token:
    """Return a token that opens everything or, of some types, what scopes with suffixes open."""
    if random.random() < 0.6:
        return Token((Scope("system", "*", "rs"),))
    scopes = [Scope("system", each, "rs") for each in TYPES if each not in LIMITED and random.random() < 0.9]
    for type_ in LIMITED:
        kind = random.random()
        if kind < 0.3:
            scopes.append(Scope("system", type_, random.choice(("rs", "cruds"))))
        elif kind < 0.8:
            for _ in range(random.choice((1, 1, 2))):
                pairs = dict(pair_of(random, type_) for _ in range(random.choice((1, 1, 2))))
                scopes.append(Scope("system", type_, random.choice(("rs", "rs", "r", "s")), tuple(pairs.items())))
    token = Token(tuple(dict.fromkeys(scopes)))
    return token if any(opens(token, each) for each in TYPES) else _token(random)


def _instant(random: Random, instants: Sequence[int], now: int) -> int:
    """Return an instant at, just before or just after that of a version, or any."""
    if random.random() < 0.2:
        return now - random.randint(1, 3_600_000)
    return min(random.choice(instants) + random.choice((-1, 0, 0, 1)), now - 1)
