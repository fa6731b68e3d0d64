"""What others write while an export runs, most of it about its two borders: its instant, and when it begins to read."""

import json
from collections.abc import Sequence
from random import Random
from typing import Final

from careconnect_testing.exports.resources import (
    COMPARTMENT,
    PATIENTS,
    TYPES,
    Resource,
    key_of,
    made,
    other_version,
)
from careconnect_testing.http.writes import JSON
from careconnect_testing.simulation.actors.actor import Actor
from careconnect_testing.simulation.actors.plan import EDITOR, OPERATOR, Line, Plan, Step

BORDERS: Final = (0.0, 0.0, 2.0, 12.0, 20.0, 25.0, 25.0, 25.0, 25.5, 26.0)
"""Seconds after a kick-off around which writers begin."""

_WIDE: Final = (-0.3, 0.4)
_NARROW: Final = (-0.12, 0.01)
"""From when to when about a border: the calls of a write in steps take as long as the second."""
_AT_THE_INSTANT: Final = 0.35
"""The part of the plans in which all begin just before the export's instant, most with writes in steps."""

_WRITERS: Final = 4
_DEEDS: Final = ("change", "change", "change", "hot", "create", "delete", "delete", "transact", "transact", "large")
_SLOW_DEEDS: Final = ("large", "large", "large", "transact", "delete", "hot")
_OPERATED: Final = ("recover", "recover", "load", "move", "move")


class Writer(Actor):
    """An actor that writes given resources."""

    def _store(self, step: Step, _word: str, method: str, path: str, body: str) -> None:
        self._write(step, method, path, json.loads(body) if body else None, JSON)

    def _transact(self, step: Step, _word: str, body: str) -> None:
        self._post_bundle(step, json.loads(body))

    def _put_resource(self, _step: Step, _word: str, key: str, body: str) -> None:
        self.operator.load(key, json.loads(body))


def plan_of(random: Random, stored: list[Resource], kicked_off_after: float) -> Plan:
    """Return what writers and operators do beside an export, that is kicked off after some seconds."""
    made_of = _Steps(random, stored)
    is_narrow = random.random() < _AT_THE_INSTANT
    borders, about, deeds = ((0.0,), _NARROW, _SLOW_DEEDS) if is_narrow else (BORDERS, _WIDE, _DEEDS)
    lines = []
    for number in range(1, _WRITERS + 1):
        steps: list[Step] = []
        now = 0.0
        for _ in range(random.choice((1, 2, 3, 4))):
            at = max(0.0, kicked_off_after + random.choice(borders) + random.uniform(*about))
            if at > now:
                steps.append(Step("wait", (f"{at - now:.3f}",)))
                now = at
            steps += made_of.some(deeds)
        lines.append(Line(number, EDITOR, tuple(steps)))
    if random.random() < 0.5:
        wait = kicked_off_after + random.choice(BORDERS) + random.uniform(-1.0, 0.5)
        steps = [Step("wait", (f"{max(0.0, wait):.3f}",)), *(made_of.operated() for _ in range(2))]
        lines.append(Line(_WRITERS + 1, OPERATOR, tuple(steps)))
    return tuple(lines)


class _Steps:
    def __init__(self, random: Random, stored: list[Resource]) -> None:
        self._random = random
        self._stored = stored
        # A few are written again and again, by all.
        self._hot = random.sample([each for each in stored if each["resourceType"] in COMPARTMENT], 3)
        self._new = 0

    def some(self, deeds: Sequence[str]) -> list[Step]:
        """Return one deed, in one step or several."""
        random = self._random
        match random.choice(deeds):
            case "change":
                return [self._put(random.choice(self._stored))]
            case "hot":
                one = random.choice(self._hot)
                return [self._put(one) for _ in range(random.choice((2, 3, 5)))]
            case "create":
                return [Step("store", ("POST", *self._made()))]
            case "delete":
                key = key_of(random.choice([*self._stored, *self._hot * 4]))
                back = [self._put_key(key)] if random.random() < 0.4 else []
                return [Step("store", ("DELETE", key, "")), *back]
            case "transact":
                return [self._transaction(random.choice((2, 2, 3, 5)))]
            case _:
                # More than a run lets one transaction of DynamoDB take.
                return [self._transaction(random.choice((7, 9, 14)))]

    def operated(self) -> Step:
        """Return what an operator does."""
        random = self._random
        match random.choice(_OPERATED):
            case "load":
                one = made(random, random.choice(("Patient", "Organization")), f"loaded{self._next()}")
                return Step("put-resource", (key_of(one), json.dumps(one)))
            case "move":
                own = [key_of(each) for each in self._stored if each["resourceType"] in COMPARTMENT[1:]]
                return Step("move", (random.choice(PATIENTS), " ".join(random.sample(own, 3)), "0"))
            case _:
                return Step("recover", ("1",))

    def _put(self, resource: Resource) -> Step:
        body = other_version(self._random, resource)
        return Step("store", ("PUT", key_of(resource), json.dumps(body)))

    def _put_key(self, key: str) -> Step:
        return self._put(next(each for each in self._stored if key_of(each) == key))

    def _made(self) -> tuple[str, str]:
        type_ = self._random.choice((*COMPARTMENT, *COMPARTMENT, *TYPES))
        body = made(self._random, type_, "x")
        del body["id"]
        return type_, json.dumps(body)

    def _transaction(self, number: int) -> Step:
        random = self._random
        entries = []
        for each in random.sample(self._stored, number):
            kind = random.choice(("PUT", "PUT", "PUT", "DELETE", "POST"))
            if kind == "PUT":
                body = other_version(random, each)
                entries.append({"resource": body, "request": {"method": "PUT", "url": key_of(each)}})
            elif kind == "DELETE":
                entries.append({"request": {"method": "DELETE", "url": key_of(each)}})
            else:
                type_, text = self._made()
                entries.append({"resource": json.loads(text), "request": {"method": "POST", "url": type_}})
        return Step("transact", (json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}),))

    def _next(self) -> int:
        self._new += 1
        return self._new
