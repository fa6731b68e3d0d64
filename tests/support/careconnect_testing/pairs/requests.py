"""Generated requests of every interaction, over what the stores of a pair may hold."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from random import Random
from typing import Final, TypeVar

from careconnect.fhir.interactions import (
    CONDITIONAL_CREATE,
    INTERACTIONS,
    SEARCH,
    TRANSACTION,
    WRITES,
    Agent,
    Condition,
    Interaction,
    Shape,
)
from careconnect.fhir.resource_types import ResourceType
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.writes import NHS_NUMBER, XML, Resource
from careconnect_testing.pairs.asked import AUDITORS, CALLERS, SHARES, SPENT, Asked, Pairs
from careconnect_testing.pairs.criteria import IDS, TYPES, VIEWS, WEIGHTS, crowd_query, search_query
from careconnect_testing.pairs.crowd import DECOYS, ELEVEN
from careconnect_testing.pairs.crowd import IDS as IDS_OF_CROWD
from careconnect_testing.pairs.lives import HE, MOVED, NUMBERS, lives, others

T = TypeVar("T")


def _stored() -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for life in (others(), *lives(0, 6)):
        for step in life:
            if step.resource:
                found.setdefault(step.resource["resourceType"], []).append(step.resource)
    return found


_STORED: Final = _stored()
_CONDITIONS: Final = tuple(f"{NHS_NUMBER}|{each}" for each in (*NUMBERS, "OBS", "OBS", "ENC", "0000000000"))
_VERSIONS: Final = ('W/"1"', 'W/"2"', 'W/"3"')
_PATCHES: Final = (
    '[{"op":"test","path":"/gender","value":"female"}]',
    '[{"op":"test","path":"/status","value":"final"}]',
    '[{"op":"replace","path":"/status","value":"amended"}]',
    '[{"op":"add","path":"/language","value":"en"}]',
    '[{"op":"remove","path":"/active"}]',
    f'[{{"op":"replace","path":"/subject/reference","value":"Patient/{HE}"}}]',
    '[{"op":"replace","path":"/subject/reference","value":"Patient/a"}]',
)
_REFERENCES: Final = (
    *(f"Patient/{id_}" for id_ in (HE, HE, "a", "none")),
    *("Observation/x1", f"Observation/{MOVED}", "Encounter/xe", "Condition/xc", "MedicationRequest/xm"),
)
_SINCE: Final = ("Wed, 04 Jun 2025 01:20:00 GMT", "Wed, 04 Jun 2025 02:20:00 GMT", "Thu, 01 Jan 2026 00:00:00 GMT")
"""Before and after the second versions, which are an hour later than the first ones."""
_OF_A_READ: Final = (
    *(("If-None-Match", each) for each in _VERSIONS[:2]),
    *(("If-Modified-Since", each) for each in _SINCE),
    ("Cache-Control", "no-cache"),
    ("Accept", XML),
)
_OF_A_WRITE: Final = tuple(("Prefer", f"return={each}") for each in ("minimal", "representation", "OperationOutcome"))
_OF_A_HISTORY: Final = (
    *(("_count", each) for each in "001"),
    ("_summary", "count"),
    *(("_since", each) for each in ("2025-06-03", "2025-06-04T02:00:00Z", "2026")),
)
_OF_A_RECORD: Final = (
    *(("_count", each) for each in "0125"),
    *(("_type", each) for each in ("Observation", "Encounter,Condition", "MedicationRequest,Patient")),
    *(("_since", each) for each in ("2025-06-04T02:00:00Z", "2026")),
    *(("start", each) for each in ("2017-10-01", "2018")),
    ("end", "2017-12-31"),
)


def _conditional(random: Random, type_: str) -> str:
    return f"{type_}?identifier={_condition(random, type_)}"


def _condition(random: Random, type_: str) -> str:
    """Return an identifier, more often one that some resource of the type may have."""
    own = {"Patient": NUMBERS[:2], "Observation": ("OBS",), "Encounter": ("ENC",)}.get(type_, ())
    return f"{NHS_NUMBER}|{random.choice(own)}" if own and random.random() < 0.6 else random.choice(_CONDITIONS)


def _body(random: Random, caller: str, type_: ResourceType, id_: str) -> Resource:
    """Return a resource to write: of anybody, and perhaps with references to anybody's."""
    made = {name: value for name, value in random.choice(_STORED[type_.name]).items() if name != "id"}
    if "subject" in made:
        whose = [f"Patient/{HE}", f"Patient/{HE}", "Patient/a", "Patient/none", _conditional(random, "Patient")]
        if own := CALLERS[caller].get("patient"):
            # A bound caller writes of nobody else.
            whose += [f"Patient/{own}"] * 10
        made["subject"] = {"reference": random.choice(whose)}
    if "context" in made or (type_.name in ("Observation", "Condition") and random.random() < 0.2):
        met = ("Encounter/xe", "Encounter/ae", _conditional(random, "Encounter"), "#met")
        made["context"] = {"reference": random.choice(met)}
        if made["context"]["reference"] == "#met":
            subject = {"reference": random.choice(_REFERENCES[:4])}
            made["contained"] = [{"resourceType": "Encounter", "id": "met", "status": "finished", "subject": subject}]
    if type_.name == "Observation" and random.random() < 0.5:
        of = (f"Patient/{HE}", "Patient/a", "Practitioner/gp", _conditional(random, "Patient"), "Practitioner?name=x")
        made["performer"] = [{"reference": random.choice(of)}]
    if random.random() < 0.3:
        about = (*_REFERENCES, *(_conditional(random, each) for each in ("Patient", "Encounter", "Observation") * 2))
        made["extension"] = [{"url": "urn:example:about", "valueReference": {"reference": random.choice(about)}}]
    if random.random() < 0.2:
        made["status" if "status" in made else "gender"] = random.choice(("amended", "female", "odd"))
    if type_.condition and random.random() < 0.2:
        made["identifier"] = [{"system": NHS_NUMBER, "value": random.choice((*NUMBERS[:2], "OBS", "ENC"))}]
    return {**made, "id": id_} if id_ else made


@cache
def _types_of(interaction: Interaction) -> tuple[ResourceType, ...]:
    """Return the types that a row is asked of: those of records oftener."""
    of = [each for each in TYPES if interaction.of(each) and each.name in IDS]
    if interaction.shape in (Shape.RECORD, Shape.RECORD_SEARCH):
        of = [each for each in of if each.owners]
    if not interaction.is_search:
        of = [each for each in of if each.name in _STORED]
    if interaction.condition:
        of = [each for each in of if each.condition]
    return tuple(each for each in of for _ in range(WEIGHTS.get(each.name, 1)))


def _single(random: Random, caller: str, interaction: Interaction) -> Asked:
    """Return one request of a row of the table of interactions."""
    shape, method = interaction.shape, random.choice((interaction.methods[0], *interaction.methods))
    type_ = random.choice(_types_of(interaction))
    id_, owner = random.choice(IDS[type_.name]), random.choice(IDS["Patient"])
    path = shape.value.format(
        type=type_.name, id=id_, version=random.choice("123"), operation=interaction.operation, owner="Patient"
    )
    if shape in (Shape.RECORD, Shape.RECORD_SEARCH):
        path = path.replace(f"Patient/{id_}", f"Patient/{owner}")
    asked = Asked(caller, method, path)
    if shape is Shape.RECORD and type_.name != "Patient" and random.random() < 0.1:
        others, number = DECOYS[: random.choice((97, 98, 99))], f"{NHS_NUMBER}|{random.choice(NUMBERS)}"
        return replace(asked, query=(("patient", ",".join(others)), ("patient.identifier", number)))
    if interaction.is_search:
        return replace(asked, query=search_query(random, type_), is_next=random.random() < 0.15)
    return _read(random, asked, interaction) if asked.is_read else _write(random, asked, interaction, type_, id_)


def _read(random: Random, asked: Asked, interaction: Interaction) -> Asked:
    """Return a read with headers and parameters."""
    headers = () if random.random() < 0.4 else (random.choice(_OF_A_READ),)
    query: Pairs = ()
    if "start" in interaction.takes:
        query = tuple(random.sample(_OF_A_RECORD, random.choice((0, 1, 1, 2))))
    elif "_since" in interaction.takes:
        query = tuple(random.sample(_OF_A_HISTORY, random.choice((0, 1, 1, 2))))
    if random.random() < 0.15:
        query = (*query, random.choice(VIEWS))
    return replace(asked, headers=headers, query=query, is_next=bool(query) and random.random() < 0.3)


def _write(random: Random, asked: Asked, interaction: Interaction, type_: ResourceType, id_: str) -> Asked:
    """Return a write, or a judgement of one, with headers, conditions and a body."""
    if interaction.condition is Condition.HEADER:
        asked = replace(asked, headers=(("If-None-Exist", f"identifier={_condition(random, type_.name)}"),))
    elif interaction.condition:
        asked = replace(asked, query=(("identifier", _condition(random, type_.name)),))
    elif not interaction.operation and asked.method != "POST":
        asked = replace(asked, headers=random.choice(((), (), *((("If-Match", each),) for each in _VERSIONS))))
    if random.random() < 0.15:
        asked = replace(asked, headers=(*asked.headers, random.choice(_OF_A_WRITE)))
    if asked.method == "PATCH":
        return replace(asked, content=random.choice(_PATCHES))
    mode = random.choice(("", "create", "update", "delete")) if interaction.operation else ""
    if mode:
        asked = replace(asked, query=(("mode", mode),))
    if asked.method == "DELETE" or mode == "delete":
        return asked
    body = _body(random, asked.caller, type_, id_ if interaction.shape in (Shape.INSTANCE, Shape.OPERATION) else "")
    if random.random() < 0.1 and _is_of_its_type(body):
        asked = replace(asked, headers=(*asked.headers, ("Content-Type", XML)))
    return replace(asked, content=json_text(body))


def _is_of_its_type(body: Resource) -> bool:
    """Return True unless a body has an element that its type has not: XML has no place for it."""
    return body["resourceType"] == "Patient" or "gender" not in body


_OF_RECORDS: Final = tuple(each for each in INTERACTIONS if each.agent not in (Agent.EXPORTS, Agent.EXPORT_FILES))
_SINGLE: Final = tuple(each for each in _OF_RECORDS if each.shape is not Shape.BASE)
_IN_BUNDLES: Final = tuple(each for each in _SINGLE if each.name != "patch")
_OF_TRANSACTIONS: Final = (*(each for each in WRITES if each.name != "patch"), SEARCH)
_OFTEN: Final = (SEARCH, SEARCH, SEARCH, TRANSACTION, TRANSACTION, TRANSACTION, CONDITIONAL_CREATE, CONDITIONAL_CREATE)
"""Rows that are asked for more often than others."""
_QUOTAS: Final = (SPENT, SPENT, 1, 40, 300, 1_500)


def generated(random: Random) -> Asked:
    """Return a request of any interaction and caller."""
    caller = random.choices(tuple(CALLERS), SHARES)[0]
    interaction = random.choice((*_OF_RECORDS, *_OFTEN, None))
    if interaction is None:
        return _of_events(random)
    quota = random.choice(_QUOTAS) if random.random() < 0.08 else None
    if interaction.shape is not Shape.BASE:
        return replace(_single(random, caller, interaction), quota=quota)
    rows = _OF_TRANSACTIONS if interaction is TRANSACTION else _IN_BUNDLES
    entries = [_single(random, caller, random.choice(rows)) for _ in range(random.choice((1, 1, 2, 3)))]
    return Asked(caller, path=interaction.name, entries=tuple(_named(random, entries)), quota=quota)


def _named(random: Random, entries: list[Asked]) -> Iterator[Asked]:
    """Yield entries of a Bundle, of which some have a full URL, to which others may refer."""
    full_url = _FULL_URL
    for each in entries:
        entry = replace(each, method="GET") if each.method == "HEAD" else replace(each, is_next=False)
        if full_url and each.method == "POST" and each.content and random.random() < 0.3:
            entry, full_url = replace(entry, full_url=full_url), ""
        elif not full_url and each.content and random.random() < 0.5:
            about = {"url": "urn:example:about", "valueReference": {"reference": _FULL_URL}}
            entry = replace(entry, content=json_text({**json.loads(each.content), "extension": [about]}))
        yield entry


_FULL_URL: Final = "urn:uuid:8d2c1a70-6b0e-4c1d-9f11-0123456789ab"
_OF_EVENTS: Final = (
    *(("patient", each) for each in (HE, HE, "a", f"Patient/{HE}")),
    *(("entity", each) for each in (f"Patient/{HE}", "Observation/x1", "Encounter/ae")),
    *(("action", each) for each in ("U", "D")),
    ("date", "ge2025-06-15"),
    ("outcome", "0"),
)


def _of_events(random: Random) -> Asked:
    """Return a search of AuditEvent."""
    method, path = random.choice((("GET", "AuditEvent"), ("HEAD", "AuditEvent"), ("POST", "AuditEvent/_search")))
    query = random.sample(_OF_EVENTS, random.choice((1, 1, 2)))
    query += random.sample((("_count", "1"), ("_count", "3"), ("_summary", "count"), ("_total", "accurate")), 1)
    return Asked(random.choice(AUDITORS), method, path, tuple(query), is_next=random.random() < 0.2)


_IN_CROWD: Final = {"Patient": 9, "Observation": 4, "Encounter": 2, "Medication": 1}
"""How often a type is asked of beside the crowd."""


def generated_of_crowd(random: Random) -> Asked:
    """Return a search that many of the crowd meet, or a write that refers to many of it."""
    caller = random.choices(tuple(CALLERS), SHARES)[0]
    if random.random() < 0.06:
        return _referring(random, caller)
    type_ = random.choice([each for each in TYPES for _ in range(_IN_CROWD.get(each.name, 0))])
    method, path = random.choice((("GET", type_.name), ("HEAD", type_.name), ("POST", f"{type_.name}/_search")))
    asked = Asked(caller, method, path, crowd_query(random, type_), is_next=random.random() < 0.1)
    quota = random.choice((SPENT, *_QUOTAS)) if random.random() < 0.1 else None
    if any(text == ELEVEN for _, text in asked.query) and ("_count", ELEVEN[1:]) not in asked.query:
        quota = SPENT
    if method != "HEAD" and random.random() < 0.05:
        return Asked(caller, path="batch", entries=(replace(asked, method="GET", path=type_.name, is_next=False),))
    return replace(asked, quota=quota)


def _referring(random: Random, caller: str) -> Asked:
    """Return a write of an observation of nobody that refers to about as many patients as a request may tell of."""
    others = [f"Patient/{each}" for each in IDS_OF_CROWD[: random.choice((20, 96, 97, 98, 99, 100))]]
    his = random.choice((f"Patient/{HE}", "Encounter/xe", "Observation/x1", "Encounter/none"))
    about = [{"url": "urn:example:about", "valueReference": {"reference": each}} for each in (*others, his)]
    made: Resource = {**_STORED["Observation"][0], "extension": about, "status": random.choice(("final", "odd"))}
    content = json_text({name: value for name, value in made.items() if name not in ("id", "subject", "context")})
    entry = Asked(caller, path=random.choice(("Observation", "Observation/$validate")), content=content)
    if random.random() < 0.4:
        return Asked(caller, path="transaction", entries=(replace(entry, path="Observation"),))
    return entry


def shorter(asked: Asked) -> Iterator[Asked]:
    """Yield requests that are a little shorter: of one entry alone, or without a parameter, a value or a header."""
    if asked.is_next:
        yield replace(asked, is_next=False)
    if asked.quota is not None:
        yield replace(asked, quota=None)
    for place, each in enumerate(asked.entries):
        yield replace(each, full_url="")
        if len(asked.entries) > 1:
            yield replace(asked, entries=_without(asked.entries, place))
        for less in shorter(each):
            if not less.entries:
                yield replace(asked, entries=(*asked.entries[:place], less, *asked.entries[place + 1 :]))
    for place in range(len(asked.query)):
        yield replace(asked, query=_without(asked.query, place))
    for place, (name, text) in enumerate(asked.query):
        if "," in text:
            for value in text.split(","):
                yield replace(asked, query=(*asked.query[:place], (name, value), *asked.query[place + 1 :]))
    for place in range(len(asked.headers)):
        yield replace(asked, headers=_without(asked.headers, place))
    if asked.content.startswith("{"):
        content = json.loads(asked.content)
        for name in content:
            if name not in ("resourceType", "id"):
                yield replace(asked, content=json_text({each: content[each] for each in content if each != name}))


def _without(several: tuple[T, ...], place: int) -> tuple[T, ...]:
    return several[:place] + several[place + 1 :]
