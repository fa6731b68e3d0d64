"""Generated tokens with granular scopes, and requests of every interaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Final

from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.granular.scopes import FORMER_NAMES, Scope, Token
from careconnect_testing.granular.worlds import (
    LIMITED,
    NUMBERS,
    PATIENTS,
    SELDOM,
    Resource,
    generated_resource,
    pair_of,
)
from careconnect_testing.pairs.asked import Asked, Pairs

Ids = Mapping[str, Sequence[str]]
"""The ids that a request may name, by type."""

_LETTERS: Final = ("rs", "cruds", "cruds", "cruds", "r", "s", "crus", "ruds", "cud", "rud")
_DIRECTORY: Final = (Scope("user", "Practitioner", "rs"), Scope("user", "Organization", "rs"))
_WEIGHTS: Final = {"Observation": 6, "Encounter": 4, "Condition": 2, "MedicationRequest": 2, "EpisodeOfCare": 2}
_TYPES: Final = (*(each for each, times in _WEIGHTS.items() for _ in range(times)), "Patient", "Medication")
_VARYING: Final = 12
"""How often a request is of the type of what differs between two stores."""

_REFERENCES: Final = {
    "Observation": ("patient", "encounter", "context", "performer"),
    "Encounter": ("patient", "episodeofcare"),
    "Condition": ("patient",),
    "MedicationRequest": ("patient", "medication", "context"),
    "EpisodeOfCare": ("patient", "condition"),
    "Patient": (),
    "Medication": (),
}
_LEADS_TO: Final = {
    "patient": "Patient",
    "encounter": "Encounter",
    "context": "Encounter",
    "performer": "Practitioner",
    "episodeofcare": "EpisodeOfCare",
    "medication": "Medication",
    "condition": "Condition",
}
_REFERRERS: Final = {
    "Patient": ("Observation:patient", "Encounter:patient", "Condition:patient", "EpisodeOfCare:patient"),
    "Encounter": ("Observation:encounter", "Observation:context", "MedicationRequest:context"),
    "EpisodeOfCare": ("Encounter:episodeofcare",),
    "Condition": ("EpisodeOfCare:condition",),
    "Medication": ("MedicationRequest:medication",),
}
_WAYS: Final = (
    ("_include:recurse", ("Observation:encounter", "Encounter:episodeofcare", "EpisodeOfCare:condition")),
    ("_include:recurse", ("MedicationRequest:context", "Encounter:episodeofcare")),
    ("_revinclude:recurse", ("EpisodeOfCare:condition", "Encounter:episodeofcare", "Observation:context")),
    ("_revinclude:recurse", ("Encounter:episodeofcare", "MedicationRequest:context")),
)
"""Ways of several steps, from a type on."""
_BEGINNINGS: Final = ("Observation", "MedicationRequest", "Condition", "EpisodeOfCare")
_OTHER_TOKENS: Final = {"Patient": ("gender", "female"), "Medication": ("code", "pill")}
_SINCE: Final = ("2025-06-04T12:00:00Z", "2025-06-05T06:00:00Z", "2025-06-06T06:00:00Z", "2025-06-08T12:00:00Z")
_RESULT: Final = (
    ("_total", "accurate"),
    ("_total", "none"),
    ("_summary", "count"),
    *(("_sort", each) for each in ("_id", "-_id", "_lastUpdated", "-_lastUpdated")),
)
_OTHERS: Final = (
    *(("_include", "*"), ("_include:recurse", "*"), ("_revinclude", "*"), ("_revinclude:recurse", "*")),
    *(("_total", "estimate"), ("_summary", "true"), ("_elements", "status"), ("_format", "xml")),
    *(("_sort", each) for each in ("-date,_id", "status", "category,-_lastUpdated")),
    *(("_id", "x"), ("_id:not", "x"), ("identifier", "x"), ("identifier:missing", "false"), ("date", "ge2017")),
    *(("patient", "a"), ("patient.name", "Smith"), ("encounter", "x"), ("encounter._id", "x"), ("condition", "x")),
    *(("context.identifier", "x"), ("performer:Practitioner.name", "Swamp"), ("code:text", "a")),
    *(("code-value-quantity", "8867-4$gt1"), ("component-code-value-quantity", "8480-6$5")),
    *((f"_has:{each}:_id", "x") for each in ("Observation:context", "Encounter:episodeofcare")),
)
"""Parameters that the oracle does not know: only answers that are compared with each other take them."""
_WRITES: Final = (
    "POST",
    "PUT",
    "PUT",
    "PATCH",
    "PATCH",
    "DELETE",
    "POST?",
    "PUT?",
    "DELETE?",
    "$validate",
    "$validate",
)
"""Methods, with a question mark those on a condition."""


def generated_token(random: Random) -> Token:
    """Return a token: of each type nothing, everything, or what one to three scopes with suffixes open.

    Some have a letter on all types besides, or a scope again for other letters, in any order.
    """
    scopes = list(_DIRECTORY)
    if random.random() < 0.9:
        scopes.append(Scope("user", "Patient", random.choice(("rs", "cruds"))))
    if random.random() < 0.1:
        scopes.append(Scope("user", "Medication", "cruds"))
    for type_ in LIMITED:
        kind = random.random()
        if kind < 0.15:
            scopes.append(Scope("user", type_, random.choice(_LETTERS)))
        elif kind < 0.9:
            scopes += (_limited(random, type_) for _ in range(random.choice((1, 1, 2, 3))))
            if random.random() < 0.4:
                scopes.append(Scope("user", type_, random.choice("cruuds")))
    if random.random() < 0.15:
        scopes.append(Scope("user", "*", random.choice("crudss")))
    if random.random() < 0.3:
        again = random.choice(scopes[len(_DIRECTORY) :] or scopes)
        scopes.append(replace(again, letters=random.choice(("r", "s", "rs"))))
    random.shuffle(scopes)
    return Token(tuple(dict.fromkeys(scopes)))


def unlimited_token(random: Random) -> Token:
    """Return a token without suffixes."""
    types = [each for each in (*LIMITED, "Patient", "Medication") if random.random() < 0.9]
    return Token((*_DIRECTORY, *(Scope("user", each, random.choice(_LETTERS)) for each in types)))


def _limited(random: Random, type_: str) -> Scope:
    pairs = dict(pair_of(random, type_) for _ in range(random.choice((1, 1, 1, 2, 3))))
    return Scope("user", _name_of(random, type_), random.choice(_LETTERS), tuple(pairs.items()))


def _name_of(random: Random, type_: str) -> str:
    """Return a name of a type, perhaps one that it had in an earlier version of FHIR."""
    return random.choice((type_, *FORMER_NAMES)) if type_ == "MedicationRequest" else type_


def registration(random: Random) -> tuple[list[Scope], Scope]:
    """Return registered scopes, and one that is asked for."""
    some = {type_: [pair_of(random, type_) for _ in range(3)] for type_ in LIMITED}

    def scope() -> Scope:
        type_ = random.choice(("Observation", "Observation", "Condition", "MedicationRequest", "*", "Patient"))
        pairs = {}
        if type_ in some and random.random() < 0.7:
            pairs = dict(random.choice(some[type_]) for _ in range(random.choice((1, 1, 2, 3))))
        level, letters = random.choice(("user", "user", "user", "system")), random.choice((*_LETTERS, "d", "u", "ud"))
        return Scope(level, _name_of(random, type_), letters, tuple(pairs.items()))

    return [scope() for _ in range(random.choice((1, 2, 3, 4)))], scope()


@dataclass(frozen=True)
class Requests:
    """Requests of a token.

    `varying` is the path of what differs between two stores: the requests are of its type oftener, and what is written
    does not refer to it, as the answer would tell whether it is there.
    """

    random: Random
    token: Token
    ids: Ids
    varying: str = ""

    def generated(self) -> Asked:
        """Return a request of any interaction."""
        return self._bundle() if self.random.random() < 0.12 else self._single()

    @cached_property
    def _types(self) -> Sequence[str]:
        varying = [self.varying.partition("/")[0]] * _VARYING if self.varying else []
        return [*_TYPES, *varying]

    def _id(self, type_: str) -> str:
        return self.random.choice(self.ids[type_])

    def _single(self) -> Asked:
        kinds: Sequence[Callable[[], Asked]] = (
            *(self._read, self._read, self._history, self._everything),
            *(self._search, self._search, self._search, self._write, self._write, self._write),
        )
        return self.random.choice(kinds)()

    def _asked(self, method: str, path: str, query: Sequence[tuple[str, str]] = (), headers: Pairs = ()) -> Asked:
        return Asked(self.token.caller, method, path, tuple(query), headers)

    # What reads.

    def _read(self) -> Asked:
        type_ = self.random.choice(self._types)
        path = f"{type_}/{self._id(type_)}"
        if self.random.random() < 0.4:
            path += f"/_history/{self.random.choice('1123')}"
        headers: Pairs = ()
        if self.random.random() < 0.2:
            headers = (("If-None-Match", f'W/"{self.random.choice("12")}"'),)
        return self._asked(self.random.choice(("GET", "GET", "GET", "HEAD")), path, headers=headers)

    def _some(self, *several: tuple[float, str, Sequence[str]]) -> list[tuple[str, str]]:
        """Return some parameters: each with its chance, its name and its values."""
        return [(name, self.random.choice(values)) for chance, name, values in several if self.random.random() < chance]

    def _history(self) -> Asked:
        type_ = self.random.choice(self._types)
        query = self._some((0.5, "_count", "0125"), (0.2, "_since", _SINCE), (0.1, "_summary", ("count",)))
        return self._asked("GET", f"{type_}/{self._id(type_)}/_history", query)

    def _everything(self) -> Asked:
        types = ("Observation", "Encounter,Condition", "Observation,Patient")
        query = self._some(
            (0.5, "_count", "0123"),
            (0.2, "_type", types),
            (0.2, "_since", _SINCE),
            (0.2, "start", ("2017", "2018-01-01")),
        )
        return self._asked("GET", f"Patient/{self._id('Patient')}/$everything", query)

    def _search(self) -> Asked:
        type_ = self.random.choice(self._types)
        query = [self._criterion(type_) for _ in range(self.random.choice((0, 1, 1, 2)))]
        query += self._some((0.6, "_count", "01223"))
        if self.random.random() < 0.35:
            query.append(self.random.choice(_RESULT))
        if self.random.random() < 0.4:
            query += self._includes(type_)
        if self.varying:
            query += self.random.sample(_OTHERS, self.random.choice((0, 0, 1, 2)))
        path = type_
        if type_ in LIMITED and self.random.random() < 0.2:
            path = f"Patient/{self._id('Patient')}/{type_}"
        method = self.random.choice(("GET", "GET", "GET", "POST", "HEAD"))
        return self._asked(method, path + "/_search" * (method == "POST"), query)

    def _criterion(self, type_: str, steps: int = 2) -> tuple[str, str]:
        random = self.random
        kind = random.random() if steps else 1.0
        if kind < 0.1 and _REFERENCES[type_]:
            name = random.choice([each for each in _REFERENCES[type_] if each != "performer"])
            rest, value = self._criterion(_LEADS_TO[name], steps - 1)
            return f"{name}:{_LEADS_TO[name]}.{rest}", value
        if kind < 0.2 and type_ in _REFERRERS:
            source, _, name = random.choice(_REFERRERS[type_]).partition(":")
            rest, value = self._criterion(source, steps - 1)
            return f"_has:{source}:{name}:{rest}", value
        if kind < 0.3:
            return "_id", ",".join((self._id(type_), self._id(type_)))
        if kind < 0.4 and _REFERENCES[type_]:
            name = random.choice(_REFERENCES[type_])
            return name, f"{_LEADS_TO[name]}/{self._id(_LEADS_TO[name])}"
        if kind < 0.5:
            return "_lastUpdated", random.choice(("gt", "lt")) + random.choice(_SINCE)
        if type_ in _OTHER_TOKENS:
            return _OTHER_TOKENS[type_]
        name, value = pair_of(random, type_)
        if random.random() < 0.2:
            value += "," + random.choice(("final", "active", "laboratory", "finished"))
        modifier = random.choice(("", "", "", "", ":not", ":missing"))
        return name + modifier, random.choice(("true", "false")) if modifier == ":missing" else value

    def _includes(self, type_: str) -> list[tuple[str, str]]:
        if type_ in _BEGINNINGS and self.random.random() < 0.5:
            name, steps = _WAYS[_BEGINNINGS.index(type_)]
            return [(name, each) for each in steps]
        again = ":recurse" if self.random.random() < 0.4 else ""
        found = []
        for _ in range(self.random.choice((1, 1, 2))):
            of = self.random.choice(LIMITED) if again and self.random.random() < 0.4 else type_
            if of in _REFERRERS and self.random.random() < 0.5:
                found.append((f"_revinclude{again}", self.random.choice(_REFERRERS[of])))
            elif _REFERENCES[of]:
                found.append((f"_include{again}", f"{of}:{self.random.choice(_REFERENCES[of])}"))
        return found

    # What writes.

    def _write(self) -> Asked:
        random = self.random
        type_ = random.choice([each for each in self._types if each in LIMITED])
        path, method = f"{type_}/{self._id(type_)}", random.choice(_WRITES)
        if method == "DELETE" and self.varying and random.random() < 0.3:
            path = SELDOM
            type_ = path.partition("/")[0]
        if method == "$validate":
            return self._validate(type_, path)
        condition = f"{NUMBERS}|{self._id(type_)}"
        if method == "POST?":
            asked = self._asked("POST", type_, headers=(("If-None-Exist", f"identifier={condition}"),))
        elif method.endswith("?"):
            asked = self._asked(method[:-1], type_, [("identifier", condition)])
        elif method == "POST":
            asked = self._asked("POST", type_)
        else:
            asked = self._asked(method, path, headers=self._if_match())
        if asked.method == "PATCH":
            return replace(asked, content=json_text([self._change(type_)]))
        return asked if asked.method == "DELETE" else replace(asked, content=json_text(self._body(asked.path)))

    def _validate(self, type_: str, path: str) -> Asked:
        if self.random.random() < 0.3:
            return self._asked("POST", f"{path}/$validate", [("mode", "delete")])
        path = self.random.choice((path, type_))
        asked = self._asked("POST", f"{path}/$validate")
        return replace(asked, content=json_text(self._body(path, may_refer=True)))

    def _if_match(self) -> Pairs:
        return (("If-Match", f'W/"{self.random.choice("12")}"'),) if self.random.random() < 0.25 else ()

    def _body(self, path: str, *, may_refer: bool = False) -> Resource:
        """Return a valid resource for a path; some references lead to what is not there."""
        type_, _, id_ = path.partition("/")
        body = generated_resource(self.random, type_, self.random.choice(PATIENTS), "")
        if "context" in body:
            paths = [f"Encounter/{each}" for each in self.ids["Encounter"]]
            paths = paths if may_refer else [each for each in paths if each != self.varying]
            body["context"] = {"reference": self.random.choice(paths)}
        del body["id"]
        return {**body, "id": id_} if id_ else body

    def _change(self, type_: str) -> Resource:
        element = "clinicalStatus" if type_ == "Condition" else "status"
        value = generated_resource(self.random, type_, "a", "")[element]
        change = {"op": self.random.choice(("replace", "replace", "test")), "path": f"/{element}", "value": value}
        return self.random.choice((change, change, {"op": "add", "path": "/language", "value": "en"}))

    # Bundles.

    def _bundle(self) -> Asked:
        path = self.random.choice(("batch", "transaction"))
        entries: dict[str, Asked] = {}
        for _ in range(self.random.choice((1, 2, 2, 3))):
            made = self._single()
            is_posted = made.method == "POST" and made.path.endswith("_search")
            is_judged = made.path.endswith("$validate")
            if made.method in ("HEAD", "PATCH") or is_posted or (path == "transaction" and is_judged):
                continue
            # A transaction writes each resource once.
            entries[made.path if made.method in ("PUT", "DELETE") else str(made)] = made
        if path == "transaction" and self.random.random() < 0.5:
            body = self._body("Observation")
            body["context"] = {"reference": f"Encounter?identifier={NUMBERS}|{self._id('Encounter')}"}
            entries["Observation"] = replace(self._asked("POST", "Observation"), content=json_text(body))
        return Asked(self.token.caller, path=path, entries=tuple(entries.values())) if entries else self._read()
