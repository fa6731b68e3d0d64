"""Generated requests of every interaction, over what the stores of a pair may hold."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

from careconnect.fhir.interactions import INTERACTIONS, SEARCH, Condition, Interaction, Shape
from careconnect.fhir.resource_types import (
    COMMON_PARAMETERS,
    DATA_TABLES,
    RESOURCE_TYPES,
    ParameterType,
    ResourceType,
    SearchParameter,
    resource_type,
)
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.events import FORM, Event, fhir_event, rest_event
from careconnect_testing.http.writes import JSON, NHS_NUMBER, PATCH, Resource
from careconnect_testing.pairs.lives import BIRTHS, CODES, DAYS, DEATH, HE, NUMBERS, lives, others

T = TypeVar("T")
Pairs = tuple[tuple[str, str], ...]

CALLERS: Final[Mapping[str, dict[str, Any]]] = {
    "reads and writes": {"scope": "system/*.cruds"},
    "a user": {"scope": "user/*.cruds"},
    "reads": {"scope": "system/*.rs"},
    "searches": {"scope": "system/*.s"},
    "writes": {"scope": "system/*.cud"},
    "reads encounters": {"scope": "system/Encounter.rs system/Organization.rs"},
    "is bound to him": {"scope": "patient/*.cruds", "patient": HE},
    "is bound to another": {"scope": "patient/*.cruds", "patient": "a"},
    "is bound to another, and writes": {"scope": "patient/*.cruds user/Organization.rs", "patient": "z"},
}
_SHARES: Final = (8, 2, 2, 1, 1, 1, 2, 2, 1)
"""How often each caller asks."""
BOUND_TO_OTHERS: Final = ("is bound to another", "is bound to another, and writes")
"""The callers that may see nothing of him."""
NARROW: Final = "reads encounters"
"""The caller that may see his encounters, and nothing else of him."""


@dataclass(frozen=True)
class Asked:
    """A request below the FHIR base, or a Bundle of some."""

    caller: str
    method: str = "POST"
    path: str = ""
    query: Pairs = ()
    headers: Pairs = ()
    content: str = ""
    entries: tuple["Asked", ...] = ()

    @property
    def type(self) -> ResourceType | None:
        """The type that the path begins with."""
        return resource_type(self.path.partition("/")[0])

    @property
    def is_read(self) -> bool:
        """Whether a reader answers it."""
        return self.method in ("GET", "HEAD") or self.path.endswith(("/_search", "/$everything"))

    @property
    def is_search(self) -> bool:
        """Whether its parameters are criteria."""
        last = self.path.rpartition("/")[2]
        return self.is_read and (last == "_search" or resource_type(last) is not None)

    @property
    def searched(self) -> ResourceType | None:
        """The type that a search, or a condition, is of."""
        return resource_type(self.path.removesuffix("/_search").rpartition("/")[2])

    def event(self, context: Mapping[str, str]) -> Event:
        """Return the gateway's event of the request of a caller."""
        if self.entries:
            return rest_event(
                "POST",
                fhir_event("POST", "")["path"].rstrip("/"),
                headers={"Content-Type": JSON},
                body=json_text(self.bundle),
                authorizer=context,
            )
        headers = {"Accept": JSON, **dict(self.headers)}
        if self.method == "POST" and self.path.endswith("/_search"):
            headers["Content-Type"] = FORM
            return fhir_event("POST", self.path, headers=headers, body=_form(self.query), authorizer=context)
        if self.content:
            headers["Content-Type"] = PATCH if self.method == "PATCH" else JSON
        return fhir_event(
            self.method, self.path, self.query, headers=headers, body=self.content or None, authorizer=context
        )

    @property
    def bundle(self) -> Resource:
        """The Bundle of the entries; `path` is its type."""
        return {"resourceType": "Bundle", "type": self.path, "entry": [each.entry for each in self.entries]}

    @property
    def entry(self) -> Resource:
        """The request as an entry of a Bundle."""
        elements = {"If-Match": "ifMatch", "If-None-Match": "ifNoneMatch", "If-None-Exist": "ifNoneExist"}
        url = f"{self.path}?{_form(self.query)}" if self.query else self.path
        request = {"method": self.method, "url": url}
        request |= {elements[name]: text for name, text in self.headers if name in elements}
        return {"request": request} | ({"resource": json.loads(self.content)} if self.content else {})

    def __str__(self) -> str:
        """Return the request as a reader would write it down."""
        if self.entries:
            return f"{self.caller}: {self.path} of\n  " + "\n  ".join(str(each) for each in self.entries)
        query = "&".join(f"{name}={value}" for name, value in self.query)
        headers = "".join(f" {name}: {value};" for name, value in self.headers)
        return (
            f"{self.caller}: {self.method} {self.path}{'?' + query if query else ''}{headers} {self.content}".rstrip()
        )


def _form(pairs: Pairs) -> str:
    return urlencode(pairs)


_TYPES: Final = tuple(each for each in RESOURCE_TYPES if each.table in DATA_TABLES)
_WEIGHTS: Final = {"Patient": 6, "Observation": 4, "Encounter": 3, "Condition": 2, "MedicationRequest": 2}
"""How often a type is asked of, beside one of the directory."""
_IDS: Final = {
    "Patient": (HE, HE, "a", "z", "none"),
    "Observation": ("x1", "x2", "x1", "a1", "a2", "none"),
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
_DATES: Final = (*DAYS, *BIRTHS, DEATH)


def _values(type_: ResourceType, parameter: SearchParameter) -> tuple[str, ...]:
    """Return values that some resource may have."""
    name = parameter.name
    if name == "_id":
        return _IDS.get(type_.name, ("none",))
    if name == "identifier":
        return tuple(f"{NHS_NUMBER}|{each}" for each in (*NUMBERS, "OBS", "0000000000")) + NUMBERS[:1]
    match parameter.type:
        case ParameterType.REFERENCE:
            both = [(target, id_) for target in parameter.targets for id_ in _IDS.get(target, ())]
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
            found += [(f"{parameter.name}:{each}", _IDS[each]) for each in parameter.targets if each in _IDS]
    return found


_PLAIN: Final = {each.name: _plain(each) for each in _TYPES}
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
    return tuple((each.name, target) for each in type_.chained for target in each.targets if target in _IDS)


@cache
def _links_back(type_: ResourceType) -> tuple[tuple[str, str], ...]:
    """Return the types and references by which `_has` may come to a type."""
    return tuple(
        (source.name, parameter.name)
        for source in _TYPES
        if source.name in _IDS and type_.reaches(source)
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
    ("_summary", "true"),
    ("_elements", "status"),
    ("_sort", "_id"),
    ("_sort", "-_lastUpdated"),
)


def _search_query(random: Random, type_: ResourceType) -> Pairs:
    query = [_criterion(random, type_) for _ in range(random.choice((0, 1, 1, 1, 1, 2)))]
    query += random.sample(_PAGES, random.choice((0, 1, 1)))
    query += random.sample(_RESULT, random.choice((0, 0, 1)))
    includes = [("_include", each) for each in type_.includes]
    includes += [("_revinclude", each) for each in type_.reverse_includes]
    if includes and random.random() < 0.2:
        query.append(random.choice(includes))
    return tuple(query)


def _stored() -> dict[str, list[Resource]]:
    found: dict[str, list[Resource]] = {}
    for life in (others(), *lives(0, 6)):
        for step in life:
            if step.resource:
                found.setdefault(step.resource["resourceType"], []).append(step.resource)
    return found


_STORED: Final = _stored()
_CONDITIONS: Final = tuple(f"{NHS_NUMBER}|{each}" for each in (*NUMBERS, "OBS", "0000000000"))
_VERSIONS: Final = ('W/"1"', 'W/"2"', 'W/"3"')
_PATCHES: Final = (
    '[{"op":"test","path":"/gender","value":"female"}]',
    '[{"op":"test","path":"/status","value":"final"}]',
    '[{"op":"replace","path":"/status","value":"amended"}]',
    '[{"op":"add","path":"/language","value":"en"}]',
    '[{"op":"remove","path":"/active"}]',
)


def _body(random: Random, type_: ResourceType, id_: str) -> Resource:
    """Return a resource to write: of anybody, and perhaps with references to anybody's."""
    made = {name: value for name, value in random.choice(_STORED[type_.name]).items() if name != "id"}
    if "subject" in made:
        conditional = f"Patient?identifier={random.choice(_CONDITIONS)}"
        whose = random.choice((f"Patient/{HE}", f"Patient/{HE}", "Patient/a", "Patient/none", conditional))
        made["subject"] = {"reference": whose}
    if "context" in made:
        made["context"] = {"reference": random.choice(("Encounter/xe", "Encounter/ae"))}
    if type_.name == "Observation" and random.random() < 0.5:
        made["performer"] = [{"reference": random.choice((f"Patient/{HE}", "Patient/a", "Practitioner/gp"))}]
    if random.random() < 0.2:
        made["status" if "status" in made else "gender"] = random.choice(("amended", "female", "odd"))
    return {**made, "id": id_} if id_ else made


@cache
def _types_of(interaction: Interaction) -> tuple[ResourceType, ...]:
    """Return the types that a row is asked of: those of records oftener."""
    of = [each for each in _TYPES if interaction.of(each) and each.name in _IDS]
    if interaction.shape in (Shape.RECORD, Shape.RECORD_SEARCH):
        of = [each for each in of if each.owners]
    if not interaction.is_search:
        of = [each for each in of if each.name in _STORED]
    if interaction.condition:
        of = [each for each in of if each.condition]
    return tuple(each for each in of for _ in range(_WEIGHTS.get(each.name, 1)))


def _single(random: Random, caller: str, interaction: Interaction) -> Asked:
    """Return one request of a row of the table of interactions."""
    shape, method = interaction.shape, random.choice((interaction.methods[0], *interaction.methods))
    type_ = random.choice(_types_of(interaction))
    id_, owner = random.choice(_IDS[type_.name]), random.choice(_IDS["Patient"])
    path = shape.value.format(
        type=type_.name, id=id_, version=random.choice("123"), operation=interaction.operation, owner="Patient"
    )
    if shape in (Shape.RECORD, Shape.RECORD_SEARCH):
        path = path.replace(f"Patient/{id_}", f"Patient/{owner}")
    asked = Asked(caller, method, path)
    if interaction.is_search:
        return replace(asked, query=_search_query(random, type_))
    if asked.is_read:
        headers = random.choice(((), (), *((("If-None-Match", each),) for each in _VERSIONS[:2])))
        query = random.choice(((), (("_count", "0"),), (("_count", "1"),), (("_since", "2025-06-03"),)))
        return replace(asked, headers=headers, query=query if "_count" in interaction.takes else ())
    if interaction.condition is Condition.HEADER:
        asked = replace(asked, headers=(("If-None-Exist", f"identifier={random.choice(_CONDITIONS)}"),))
    elif interaction.condition:
        asked = replace(asked, query=(("identifier", random.choice(_CONDITIONS)),))
    elif not interaction.operation and method != "POST":
        asked = replace(asked, headers=random.choice(((), (), *((("If-Match", each),) for each in _VERSIONS))))
    if method == "PATCH":
        return replace(asked, content=random.choice(_PATCHES))
    if method == "DELETE":
        return asked
    return replace(asked, content=json_text(_body(random, type_, id_ if shape is Shape.INSTANCE else "")))


_SINGLE: Final = tuple(each for each in INTERACTIONS if each.shape is not Shape.BASE)
_IN_BUNDLES: Final = tuple(each for each in _SINGLE if each.name != "patch")


def generated(random: Random) -> Asked:
    """Return a request of any interaction and caller."""
    caller = random.choices(tuple(CALLERS), _SHARES)[0]
    interaction = random.choice((*INTERACTIONS, SEARCH, SEARCH, SEARCH))
    if interaction.shape is not Shape.BASE:
        return _single(random, caller, interaction)
    entries = [_single(random, caller, random.choice(_IN_BUNDLES)) for _ in range(random.choice((1, 2, 3)))]
    alike = tuple(replace(each, method="GET") if each.method == "HEAD" else each for each in entries)
    return Asked(caller, path=interaction.name, entries=alike)


def shorter(asked: Asked) -> Iterator[Asked]:
    """Yield requests that are a little shorter: of one entry alone, or without a parameter, a value or a header."""
    for place, each in enumerate(asked.entries):
        yield each
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
