"""Generated criteria and parameters of searches, over what the stores of a pair may hold."""

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Final

from careconnect.fhir.resource_types import (
    COMMON_PARAMETERS,
    DATA_TABLES,
    RESOURCE_TYPES,
    ParameterType,
    ResourceType,
    SearchParameter,
    resource_type,
)
from careconnect_testing.http.writes import NHS_NUMBER
from careconnect_testing.pairs.asked import Pairs
from careconnect_testing.pairs.crowd import CROWDED, MARKED
from careconnect_testing.pairs.lives import BIRTHS, CODES, DAYS, DEATH, HE, MOVED, NUMBERS

TYPES: Final = tuple(each for each in RESOURCE_TYPES if each.table in DATA_TABLES)
WEIGHTS: Final = {"Patient": 6, "Observation": 4, "Encounter": 3, "Condition": 2, "MedicationRequest": 2}
"""How often a type is asked of, beside one of the directory."""
IDS: Final = {
    "Patient": (HE, HE, "a", "z", "none"),
    "Observation": ("x1", "x2", "x1", "a1", "a2", MOVED, "none"),
    "Encounter": ("xe", "xe", "ae", "none"),
    "Condition": ("xc", "xc", "none"),
    "MedicationRequest": ("xm", "xm", "none"),
    "Organization": ("org", "none"),
    "Practitioner": ("gp",),
    "Location": ("ward",),
    "Medication": ("pill",),
}
_NAMES: Final = ("smith", "jones", "ann", "bob", "sm", "SMITH")
_TOKENS: Final[Mapping[str, tuple[str, ...]]] = {
    "gender": ("female", "male"),
    "active": ("true", "false"),
    "deceased": ("true", "false"),
    "status": ("final", "amended", "finished", "in-progress", "active", "stopped"),
    "code": (*CODES, f"http://loinc.org|{CODES[0]}", "195967001", "pill"),
    "clinical-status": ("active",),
    "language": ("en",),
    "phone": ("01134960002",),
    "telecom": ("01134960002",),
}
_DATES: Final = (*DAYS, "2017-10-01T08:00Z", *BIRTHS, DEATH)


def _values(type_: ResourceType, parameter: SearchParameter) -> tuple[str, ...]:
    """Return values that some resource may have."""
    name = parameter.name
    if name == "_id":
        return IDS.get(type_.name, ("none",))
    if name == "identifier":
        return tuple(f"{NHS_NUMBER}|{each}" for each in (*NUMBERS, "OBS", "ENC", "0000000000")) + NUMBERS[:1]
    match parameter.type:
        case ParameterType.REFERENCE:
            both = [(target, id_) for target in parameter.targets for id_ in IDS.get(target, ())]
            return tuple([f"{target}/{id_}" for target, id_ in both] + [id_ for _, id_ in both]) or ("none",)
        case ParameterType.DATE:
            return tuple(prefix + each for each in _DATES for prefix in ("", "ge", "lt", "ne"))
        case ParameterType.QUANTITY:
            return ("36", "gt36", "lt40")
        case ParameterType.STRING if name.startswith("address"):
            return ("Leeds", "LS1")
        case ParameterType.STRING:
            return _NAMES
        case ParameterType.COMPOSITE:
            return tuple(f"{each}$gt36" for each in CODES)
    return _TOKENS.get(name, ("final",))


def _plain(type_: ResourceType) -> list[tuple[str, tuple[str, ...]]]:
    """Return all (name with modifier, values) of a type's own parameters."""
    found = []
    for parameter in (*COMMON_PARAMETERS, *type_.searchable):
        values = _values(type_, parameter)
        found.append((parameter.name, values))
        if parameter.type is not ParameterType.COMPOSITE:
            found.append((f"{parameter.name}:missing", ("true", "false")))
        if parameter.type is ParameterType.TOKEN:
            found.append((f"{parameter.name}:not", values))
        if parameter.type is ParameterType.STRING:
            found += [(f"{parameter.name}:{each}", values) for each in ("exact", "contains")]
        if parameter.type is ParameterType.REFERENCE:
            found += [(f"{parameter.name}:{each}", IDS[each]) for each in parameter.targets if each in IDS]
    return found


_PLAIN: Final = {each.name: _plain(each) for each in TYPES}
_HAVE: Final[Mapping[str, str]] = {
    "Patient": "_id identifier name family given birthdate gender address-city phone active deceased death-date",
    "Observation": "_id identifier patient subject context encounter code date status performer value-quantity",
    "Encounter": "_id patient date status location",
    "Condition": "_id patient subject code clinical-status asserted-date",
    "MedicationRequest": "_id patient medication status",
    "Organization": "_id identifier name",
    "Practitioner": "_id name",
    "Location": "_id name organization",
    "Medication": "_id code",
}
_OF_SOME: Final = {
    type_: [each for each in _PLAIN[type_] if each[0].partition(":")[0] in names.split()]
    for type_, names in _HAVE.items()
}
"""The parameters of which some resource of the stores has a value."""


@cache
def _links(type_: ResourceType) -> tuple[tuple[str, str], ...]:
    """Return the references that a chain of a type may follow, each with a type that it leads to."""
    return tuple((each.name, target) for each in type_.chained for target in each.targets if target in IDS)


@cache
def _links_back(type_: ResourceType) -> tuple[tuple[str, str], ...]:
    """Return the types and references by which `_has` may come to a type."""
    return tuple(
        (source.name, parameter.name)
        for source in TYPES
        if source.name in IDS and type_.reaches(source)
        for parameter in source.chained
        if type_.name in parameter.targets
    )


def _criterion(random: Random, type_: ResourceType, steps: int = 2) -> tuple[str, str]:
    kind = random.random() if steps else 1
    if kind < 0.2 and _links(type_):
        reference, target = random.choice(_links(type_))
        name, value = _criterion(random, _type(target), steps - 1)
        return f"{reference}:{target}.{name}", value
    if kind < 0.4 and _links_back(type_):
        source, reference = random.choice(_links_back(type_))
        name, value = _criterion(random, _type(source), steps - 1)
        return f"_has:{source}:{reference}:{name}", value
    has_some = type_.name in _OF_SOME and random.random() < 0.9
    name, values = random.choice((_OF_SOME if has_some else _PLAIN)[type_.name])
    number = 2 if len(values) > 1 and random.random() < 0.2 else 1
    return name, ",".join(random.sample(values, number))


def _type(name: str) -> ResourceType:
    type_ = resource_type(name)
    assert type_ is not None
    return type_


_PAGES: Final = (("_count", "1"), ("_count", "1"), ("_count", "2"), ("_count", "0"))
_RESULT: Final = (
    ("_total", "accurate"),
    ("_total", "none"),
    ("_summary", "count"),
    ("_sort", "_id"),
    ("_sort", "-_id"),
    ("_sort", "_lastUpdated"),
    ("_sort", "-_lastUpdated"),
)
VIEWS: Final = (
    ("_summary", "true"),
    ("_summary", "text"),
    ("_summary", "data"),
    ("_elements", "status"),
    ("_elements", "subject,birthDate"),
    ("_format", "xml"),
    ("_pretty", "true"),
)


def search_query(random: Random, type_: ResourceType) -> Pairs:
    """Return the parameters of a search."""
    query = [_criterion(random, type_) for _ in range(random.choice((0, 1, 1, 1, 1, 2)))]
    query += random.sample(_PAGES, random.choice((0, 1, 1)))
    query += random.sample((*_RESULT, *_sorted_by(type_)), random.choice((0, 0, 1)))
    query += random.sample(VIEWS, random.choice((0, 0, 0, 0, 1)))
    includes = [("_include", each) for each in type_.includes]
    includes += [("_revinclude", each) for each in type_.reverse_includes]
    if includes and random.random() < 0.2:
        query.append(random.choice(includes))
    return tuple(query)


@cache
def _sorted_by(type_: ResourceType) -> tuple[tuple[str, str], ...]:
    """Return orders of a type by its dates and strings."""
    kinds = (ParameterType.DATE, ParameterType.STRING)
    names = [each.name for each in type_.searchable if each.type in kinds]
    return tuple(("_sort", sign + name) for name in names[:3] for sign in ("", "-"))


_NUMBERED: Final = (("_summary", "count"), ("_count", "0"), ("_total", "accurate"), ("_total", "accurate"))
_SHOWN: Final = (("_count", "1"), ("_count", "2"), ("_count", "5"), ("_count", "100"))


def crowd_query(random: Random, type_: ResourceType) -> Pairs:
    """Return the parameters of a search that many of the crowd meet."""
    if type_.is_patient and random.random() < 0.5:
        mark = random.choice(MARKED)
        # As many as have it: a next match is then his.
        page = random.choice((*_NUMBERED, *[("_count", mark[1:])] * 3))
        return (random.choice(("phone", "language", "telecom")), mark), page
    query = [random.choice(CROWDED[type_.name])]
    if random.random() < 0.15:
        query.append(_criterion(random, type_))
    if random.random() < 0.5:
        query.append(random.choice(_NUMBERED))
    if _NUMBERED[1] not in query and random.random() < 0.7:
        query.append(random.choice(_SHOWN))
    if random.random() < 0.2:
        query.append(random.choice(_RESULT))
    return tuple(query)
