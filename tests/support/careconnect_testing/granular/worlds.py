"""Worlds: generated resources with all their versions, as plain lists."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

from careconnect_testing.parts.stores import NOW

Resource = dict[str, Any]

_FIRST: Final = NOW - 1_000_000
_STEP: Final = 3_600
PATIENTS: Final = ("a", "b")
LOINC: Final = "http://loinc.org"
CATEGORY: Final = "http://hl7.org/fhir/observation-category"
LABELS: Final = "http://example.org/labels"
NUMBERS: Final = "http://example.org/numbers"
SELDOM: Final = "Encounter/ae1"
"""What few others refer to."""
DAYS: Final = ("2017-10-01", "2018-01-01", "2018-06-05", "2016-05-05")

_VALUES: Final[Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]]] = {
    "Observation": {
        "category": ((CATEGORY, "laboratory"), (CATEGORY, "vital-signs"), ("http://other.example", "laboratory")),
        "code": ((LOINC, "8867-4"), (LOINC, "29463-7"), ("", "29463-7")),
        "status": (("", "final"), ("", "amended")),
        "component-code": ((LOINC, "8480-6"), (LOINC, "8462-4")),
    },
    "Encounter": {
        "status": (("", "finished"), ("", "in-progress")),
        "class": (("http://hl7.org/fhir/v3/ActCode", "AMB"), ("http://hl7.org/fhir/v3/ActCode", "EMER")),
        "type": (("http://example.org/kinds", "visit"), ("http://example.org/kinds", "call")),
    },
    "Condition": {
        "category": (("http://hl7.org/fhir/condition-category", "problem-list-item"), ("", "encounter-diagnosis")),
        "clinical-status": (("", "active"), ("", "resolved")),
        "code": (("http://snomed.info/sct", "195967001"), ("http://snomed.info/sct", "22298006")),
    },
    "MedicationRequest": {
        "status": (("", "active"), ("", "stopped")),
        "intent": (("", "order"), ("", "plan")),
        "category": (("", "inpatient"), ("", "outpatient")),
    },
    "EpisodeOfCare": {
        "status": (("", "active"), ("", "finished")),
        "type": (("http://example.org/kinds", "diabetes"), ("http://example.org/kinds", "asthma")),
    },
}
LIMITED: Final = tuple(_VALUES)
"""The types that scopes limit here."""
_SYSTEMS: Final = {
    ("Observation", "status"): "observation-status",
    ("Encounter", "status"): "encounter-status",
    ("Condition", "clinical-status"): "condition-clinical",
    ("MedicationRequest", "status"): "medication-request-status",
    ("MedicationRequest", "intent"): "medication-request-intent",
    ("EpisodeOfCare", "status"): "episode-of-care-status",
}
"""The systems of plain codes."""
_MARKS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "_tag": ((LABELS, "study"), (LABELS, "audit")),
    "_security": (("http://hl7.org/fhir/v3/Confidentiality", "R"), ("http://hl7.org/fhir/v3/Confidentiality", "N")),
}


@dataclass(frozen=True)
class Version:
    """One version of a resource: its content, None for a deletion, and how it was written."""

    path: str
    number: int
    content: Resource | None
    method: str
    moment: float
    last: Resource
    """The content, of a deletion the one before."""


@dataclass(frozen=True)
class Step:
    """A write of a world's beginning, at a time of its own."""

    path: str
    content: Resource | None
    time: int = 0

    @property
    def moment(self) -> float:
        """The time in epoch seconds."""
        return _FIRST + self.time * _STEP


World = Mapping[str, tuple[Version, ...]]
"""By `Type/id` the versions, the oldest first."""


def world_of(steps: Iterable[Step]) -> World:
    """Return the world that some steps make."""
    world: World = {}
    for step in steps:
        world = written(world, step.path, step.content, step.moment)
    return world


def written(world: World, path: str, content: Resource | None, moment: float = NOW) -> World:
    """Return a world with one more version; content that is there already makes none."""
    versions = world.get(path, ())
    if versions and content is not None and bare(versions[-1].content) == bare(content):
        return world
    number = len(versions) + 1
    is_new = not versions or versions[-1].content is None
    method = "DELETE" if content is None else "PUT"
    shown = None
    if content is not None:
        # The time is the server's; the linear search sorts by it.
        stamp = datetime.fromtimestamp(moment, UTC).isoformat()
        shown = {**content, "meta": {**content.get("meta", {}), "versionId": str(number), "lastUpdated": stamp}}
    last = shown or versions[-1].last
    assert not (content is None and is_new)
    return {**world, path: (*versions, Version(path, number, shown, method, moment, last))}


def bare(content: Resource | None) -> Resource:
    """Return content without what the server sets."""
    meta = {name: each for name, each in (content or {}).get("meta", {}).items() if name in ("tag", "security")}
    rest = {name: each for name, each in (content or {}).items() if name != "meta"}
    return rest | ({"meta": meta} if meta else {})


def current(world: World, path: str) -> Version | None:
    """Return the current version of a resource, None of what never was."""
    versions = world.get(path)
    return versions[-1] if versions else None


def present(world: World) -> dict[str, Resource]:
    """Return the resources that are there, by path."""
    return {path: last.content for path, versions in world.items() if (last := versions[-1]).content is not None}


def pair_of(random: Random, type_: str) -> tuple[str, str]:
    """Return a pair of a suffix that some resources of a type may have."""
    names = {**_VALUES[type_], **_MARKS}
    name = random.choice([*_VALUES[type_], *names])
    system, code = random.choice(names[name])
    system = f"http://hl7.org/fhir/{_SYSTEMS[type_, name]}" if (type_, name) in _SYSTEMS else system
    is_bare = not system or random.random() < 0.5
    return name, code if is_bare else f"{system}|{code}"


def generated_steps(random: Random, referred: str = "") -> list[Step]:
    """Return the steps of a generated world, of which one refers to a resource that is there besides (`Type/id`).

    All resources come first, each after what it refers to, then their later versions.
    """
    made: list[Resource] = [
        {"resourceType": "Patient", "id": who, "name": [{"family": "Smith"}], "gender": "female"} for who in PATIENTS
    ]
    for type_, make in _MAKERS.items():
        made += [make(random, who, number) for who in PATIENTS for number in _NUMBERS[type_]]
        if referred and _REFERRING.get(type_, ("",))[0] == referred.partition("/")[0]:
            made.append(_referring(random, type_, referred))
    begun = [*_directory(), *(Step(f"{each['resourceType']}/{each['id']}", each) for each in made)]
    later: list[Step] = []
    for each in made:
        name = each["resourceType"]
        if name == "Patient":
            continue
        path = f"{name}/{each['id']}"
        later += [Step(path, changed(random, each)) for _ in range(random.choice((0, 0, 1, 2)))]
        if name in ("Observation", "MedicationRequest") and random.random() < 0.2:
            later.append(Step(path, None))
            later += [Step(path, changed(random, each)) for _ in range(random.choice((0, 0, 1)))]
    return [replace(each, time=time) for time, each in enumerate((*begun, *later))]


def with_others(steps: Sequence[Step], others: Sequence[Step]) -> list[Step]:
    """Return steps with those of one resource more, as soon as what it refers to is there."""
    types = [f"{each.path.partition('/')[0]}/" for each in others[:1]]
    paths = [each.path for each in steps]
    places = [paths.index(path) for path in paths for type_ in types if path.startswith(type_)]
    place = max(places, default=0) + 1
    return [*steps[:place], *others, *steps[place:]]


def _directory() -> Iterator[Step]:
    yield Step("Organization/org", {"resourceType": "Organization", "id": "org", "name": "Moorside"})
    yield Step("Practitioner/gp", {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "Swamp"}]})
    code = {"coding": [{"code": "pill"}]}
    yield Step("Medication/pill", {"resourceType": "Medication", "id": "pill", "code": code})


def changed(random: Random, resource: Resource) -> Resource:
    """Return other content of a resource, with the same references."""
    made = generated_resource(random, resource["resourceType"], "a", "")
    kept = ("id", "subject", "patient", "context", "episodeOfCare", "diagnosis", "identifier")
    rest = {name: value for name, value in made.items() if name not in kept}
    return rest | {name: value for name, value in resource.items() if name in kept}


def generated_resource(random: Random, type_: str, who: str, number: str) -> Resource:
    """Return a resource of a patient's record."""
    return _MAKERS[type_](random, who, number)


def _observation(random: Random, who: str, number: str) -> Resource:
    """Return an Observation, perhaps within an encounter."""
    made = _marked(random, "Observation", f"{who}o{number}", who)
    if random.random() < 0.8:
        made["category"] = [_concept(random, "Observation", "category")]
    if random.random() < 0.3:
        made["component"] = [{"code": _concept(random, "Observation", "component-code"), "valueString": "x"}]
    if random.random() < 0.3:
        made["performer"] = [_to(random.choice(("Practitioner/gp", f"Patient/{who}")))]
    if random.random() < 0.7:
        made["context"] = _to(f"Encounter/{who}e{random.choice('00001')}")
    if random.random() < 0.8:
        made["effectiveDateTime"] = random.choice(DAYS)
    return made | {"status": _plain(random, "Observation", "status"), "code": _concept(random, "Observation", "code")}


def _encounter(random: Random, who: str, number: str) -> Resource:
    made = _marked(random, "Encounter", f"{who}e{number}", who)
    system, code = random.choice(_VALUES["Encounter"]["class"])
    if random.random() < 0.7:
        made["type"] = [_concept(random, "Encounter", "type")]
    made |= {"episodeOfCare": [_to(f"EpisodeOfCare/{who}p0")], "period": {"start": random.choice(DAYS)}}
    return made | {"status": _plain(random, "Encounter", "status"), "class": {"system": system, "code": code}}


def _condition(random: Random, who: str, number: str) -> Resource:
    made = _marked(random, "Condition", f"{who}c{number}", who)
    if random.random() < 0.8:
        made["category"] = [_concept(random, "Condition", "category")]
    made |= {"clinicalStatus": _plain(random, "Condition", "clinical-status"), "assertedDate": random.choice(DAYS)}
    return made | {"code": _concept(random, "Condition", "code")}


def _request(random: Random, who: str, number: str) -> Resource:
    made = _marked(random, "MedicationRequest", f"{who}m{number}", who)
    if random.random() < 0.6:
        made["category"] = _concept(random, "MedicationRequest", "category")
    if random.random() < 0.6:
        made["context"] = _to(f"Encounter/{who}e{random.choice('00001')}")
    made |= {"medicationReference": _to("Medication/pill"), "authoredOn": random.choice(DAYS)}
    return made | {name: _plain(random, "MedicationRequest", name) for name in ("status", "intent")}


def _episode(random: Random, who: str, number: str) -> Resource:
    made = _marked(random, "EpisodeOfCare", f"{who}p{number}", who)
    if random.random() < 0.8:
        made["type"] = [_concept(random, "EpisodeOfCare", "type")]
    made |= {"diagnosis": [{"condition": _to(f"Condition/{who}c0")}], "period": {"start": random.choice(DAYS)}}
    return made | {"status": _plain(random, "EpisodeOfCare", "status")}


_MAKERS: Final[Mapping[str, Callable[[Random, str, str], Resource]]] = {
    "Condition": _condition,
    "EpisodeOfCare": _episode,
    "Encounter": _encounter,
    "Observation": _observation,
    "MedicationRequest": _request,
}
_NUMBERS: Final = {
    "Condition": "01",
    "EpisodeOfCare": "0",
    "Encounter": "01",
    "Observation": "0123",
    "MedicationRequest": "01",
}
_REFERRING: Final = {
    "EpisodeOfCare": ("Condition", "diagnosis"),
    "Encounter": ("EpisodeOfCare", "episodeOfCare"),
    "Observation": ("Encounter", "context"),
}
"""The types that refer to another, and by which element."""
REFERRED: Final = tuple(each for each, _ in _REFERRING.values())


def _referring(random: Random, type_: str, referred: str) -> Resource:
    """Return a resource that refers to another."""
    _, name = _REFERRING[type_]
    reference = _to(referred)
    element = {"diagnosis": [{"condition": reference}], "episodeOfCare": [reference]}.get(name, reference)
    return {**_MAKERS[type_](random, "a", "r"), name: element}


def _marked(random: Random, type_: str, id_: str, who: str) -> Resource:
    """Return the beginning of a resource of a patient, perhaps with a tag and a label."""
    subject = "patient" if type_ == "EpisodeOfCare" else "subject"
    made: Resource = {"resourceType": type_, "id": id_, subject: _to(f"Patient/{who}")}
    meta = {name: [_coding(random.choice(_MARKS[f"_{name}"]))] for name in ("tag", "security") if random.random() < 0.3}
    if random.random() < 0.2:
        made["identifier"] = [{"system": NUMBERS, "value": id_}]
    return made | ({"meta": meta} if meta else {})


def _coding(token: tuple[str, str]) -> Resource:
    system, code = token
    return {"system": system, "code": code} if system else {"code": code}


def _concept(random: Random, type_: str, name: str) -> Resource:
    several = random.sample(_VALUES[type_][name], random.choice((1, 1, 2)))
    return {"coding": [_coding(each) for each in several]}


def _plain(random: Random, type_: str, name: str) -> str:
    return random.choice(_VALUES[type_][name])[1]


def _to(reference: str) -> Resource:
    return {"reference": reference}
