"""Judge a resource by STU3's invariants of level error: each has a key, HL7's text, and a row here that checks it.

Key, text and places are HL7's own, in `invariants.json` (`make stu3-definitions`). The rows say in Python what the
FHIRPath expressions beside them say: an engine for these would take longer than the whole write. A row holds if its
expression is true. Where that is neither true nor false it is broken, unless there is nothing to compare.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final

from careconnect.search.values import SearchValueError, date_range
from careconnect_records.parsing.faults import Fault
from careconnect_records.stu3.schema import Element, model_beside_primitive, model_of, shape_of

PATH: Final = Path(__file__).with_name("invariants.json")

EMPTY: Final = "ele-1: has neither a value nor children"
"""The predicate of an element that is empty, or has no more than an id."""

UCUM: Final = "http://unitsofmeasure.org"
CURRENCIES: Final = "urn:iso:std:iso:4217"
_ENDED: Final = ("resolved", "remission", "inactive")
_END_OF_STEP: Final = re.compile(r"[.\[]|$")
_MEALS: Final = frozenset(("C", "CM", "CD", "CV"))
_ENTERED_IN_ERROR: Final = "entered-in-error"

_Node = dict[str, Any]


class _Outermost:
    """Finds what invariants ask of the outermost resource, once for all elements."""

    def __init__(self, resource: _Node) -> None:
        self._resource = resource

    @cached_property
    def references(self) -> frozenset[str]:
        """The texts of all references within it."""
        return frozenset(_references_in(self._resource))

    @cached_property
    def contained_types(self) -> dict[str, Any]:
        """The types of the resources that it contains, by id. They may have faults of their own."""
        contained = self._resource.get("contained")
        items = [each for each in contained if isinstance(each, dict)] if isinstance(contained, list) else []
        return {each["id"]: each.get("resourceType") for each in items if isinstance(each.get("id"), str)}


def _references_in(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _references_in(each)
    elif isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for each in node.values():
            yield from _references_in(each)


_Row = Callable[[_Node, _Outermost], bool]
"""Says whether an invariant holds for an element or resource."""


def _has(node: _Node, name: str) -> bool:
    """Return True if there is an element, perhaps with extensions alone; `value[x]` is any form of the choice."""
    if name.endswith("[x]"):
        return any(key.removeprefix("_").startswith(name[:-3]) for key in node)
    return name in node or f"_{name}" in node


def _any_of(*names: str) -> _Row:
    return lambda it, _: any(_has(it, name) for name in names)


def _needs(name: str, other: str) -> _Row:
    return lambda it, _: not _has(it, name) or _has(it, other)


def _not_both(name: str, other: str) -> _Row:
    return lambda it, _: not (_has(it, name) and _has(it, other))


def _needs_value(name: str, other: str, value: Any) -> _Row:
    return lambda it, _: not _has(it, name) or it.get(other) == value


def _not_negative(name: str) -> _Row:
    return lambda it, _: not _has(it, name) or it.get(name, -1) >= 0


def _not_at_home(it: _Node, _root: _Outermost) -> bool:
    return bool(it.get("use") != "home")


def _has_status_unless_in_error(it: _Node, _root: _Outermost) -> bool:
    return it.get("verificationStatus") == _ENTERED_IN_ERROR or _has(it, "clinicalStatus")


def _has_no_status_in_error(it: _Node, _root: _Outermost) -> bool:
    return not _has(it, "clinicalStatus") or it.get("verificationStatus") != _ENTERED_IN_ERROR


def _abated(it: _Node, _root: _Outermost) -> bool:
    return not _has(it, "abatement[x]") or it.get("abatementBoolean") is False or it.get("clinicalStatus") in _ENDED


def _measured(it: _Node, system: str = UCUM) -> bool:
    """Return True if a value has a code, and a system is the one that the type asks for."""
    return ("code" in it or not _has(it, "value")) and (not _has(it, "system") or it.get("system") == system)


def _age(it: _Node, _root: _Outermost) -> bool:
    return _measured(it) and (not _has(it, "value") or it.get("value", 0) > 0)


def _count(it: _Node, _root: _Outermost) -> bool:
    value = it.get("value")
    is_whole = value is not None and value == Decimal(value).to_integral_value()
    return _measured(it) and (not _has(it, "code") or it.get("code") == "1") and (is_whole or not _has(it, "value"))


def _duration(it: _Node, _root: _Outermost) -> bool:
    return not _has(it, "code") or (it.get("system") == UCUM and _has(it, "value"))


def _extension(it: _Node, _root: _Outermost) -> bool:
    return _has(it, "extension") != _has(it, "value[x]")


def _given(it: _Node, _root: _Outermost) -> bool:
    return it.get("notGiven") is not True or not (_has(it, "reaction") or "reason" in it.get("explanation", ()))


def _not_given(it: _Node, _root: _Outermost) -> bool:
    return it.get("notGiven") is True or "reasonNotGiven" not in it.get("explanation", ())


def _period(it: _Node, _root: _Outermost) -> bool:
    if "start" not in it or "end" not in it:
        return True
    try:
        start, end = date_range(it["start"]), date_range(it["end"])
    except SearchValueError:
        # It is a fault of its own.
        return True
    # A day is not compared with an hour of it, nor a month with a day.
    return start[0] <= end[0] or (not ("T" in it["start"] and "T" in it["end"]) and start[0] < end[1])


def _range(it: _Node, _root: _Outermost) -> bool:
    low, high = it.get("low", {}), it.get("high", {})
    if "value" not in low or "value" not in high or _unit(low) != _unit(high):
        return True
    return bool(low["value"] <= high["value"])


def _unit(quantity: _Node) -> tuple[Any, ...]:
    return (quantity.get("system"), quantity["code"]) if "code" in quantity else (quantity.get("unit"),)


def _ratio(it: _Node, _root: _Outermost) -> bool:
    return _has(it, "numerator") == _has(it, "denominator") and (_has(it, "numerator") or _has(it, "extension"))


def _offset(it: _Node, _root: _Outermost) -> bool:
    return not _has(it, "offset") or (_has(it, "when") and _MEALS.isdisjoint(it.get("when", ())))


def _own_value(it: _Node, _root: _Outermost) -> bool:
    """Return True unless there is a value, and a component of the same codes in the same systems."""
    if not _has(it, "value[x]"):
        return True
    own = _codings(it)
    return not (all(own) and own in map(_codings, it.get("component", ())))


def _codings(node: _Node) -> tuple[list[Any], ...]:
    """Return the codes of a code and their systems, each as FHIRPath collects them: without those that are absent."""
    codings = node.get("code", {}).get("coding", ())
    return tuple([each.get(name) for each in codings if _has(each, name)] for name in ("code", "system"))


def _on_behalf(it: _Node, root: _Outermost) -> bool:
    """Return True unless an agent of another type acts on behalf of somebody; its reference tells the type, if any."""
    text = it.get("agent", {}).get("reference", "")
    if text.startswith("#"):
        type_name = root.contained_types.get(text[1:])
    else:
        type_name = text.partition("/_history/")[0].rpartition("/")[0].rpartition("/")[2]
    is_known = isinstance(type_name, str) and model_of(type_name) is not None
    return not (_has(it, "onBehalfOf") and is_known) or type_name in ("Device", "Practitioner")


def _contained_without(name: str) -> _Row:
    return lambda it, _: not any(name in each for each in it.get("contained", ()))


def _contained_unversioned(it: _Node, _root: _Outermost) -> bool:
    metas = (each.get("meta", {}) for each in it.get("contained", ()))
    return not any(_has(meta, "versionId") or _has(meta, "lastUpdated") for meta in metas)


def _contained_referred_to(it: _Node, root: _Outermost) -> bool:
    contained = {f"#{each['id']}" for each in it.get("contained", ()) if "id" in each}
    return not contained or contained <= root.references


ROWS: Final[dict[str, _Row]] = {
    "age-1": _age,
    "ait-1": _has_status_unless_in_error,
    "ait-2": _has_no_status_in_error,
    "att-1": _needs("data", "contentType"),
    "cnt-3": _count,
    "con-1": _any_of("summary", "assessment"),
    "con-2": _any_of("code", "detail"),
    "con-3": _has_status_unless_in_error,
    "con-4": _abated,
    "cpt-2": _needs("value", "system"),
    "dis-1": lambda it, _: _measured(it),
    "dom-1": _contained_without("text"),
    "dom-2": _contained_without("contained"),
    "dom-3": _contained_referred_to,
    "dom-4": _contained_unversioned,
    "drt-1": _duration,
    "ext-1": _extension,
    "gol-1": _needs("detail[x]", "measure"),
    "imm-1": _given,
    "imm-2": _not_given,
    "mny-1": lambda it, _: _measured(it, CURRENCIES),
    "mps-1": _on_behalf,
    "mst-1": _needs_value("reasonNotTaken", "taken", "n"),
    "obs-3": _any_of("low", "high", "text"),
    "obs-6": _not_both("dataAbsentReason", "value[x]"),
    "obs-7": _own_value,
    "org-1": _any_of("identifier", "name"),
    "org-2": _not_at_home,
    "org-3": _not_at_home,
    "pat-1": _any_of("name", "telecom", "address", "organization"),
    "per-1": _period,
    "pro-1": _needs_value("notDoneReason", "notDone", value=True),
    "qty-3": _needs("code", "system"),
    "rat-1": _ratio,
    "rng-2": _range,
    "sqty-1": lambda it, _: not _has(it, "comparator"),
    "tim-1": _needs("duration", "durationUnit"),
    "tim-2": _needs("period", "periodUnit"),
    "tim-4": _not_negative("duration"),
    "tim-5": _not_negative("period"),
    "tim-6": _needs("periodMax", "period"),
    "tim-7": _needs("durationMax", "duration"),
    "tim-8": _needs("countMax", "count"),
    "tim-9": _offset,
    "tim-10": _not_both("timeOfDay", "when"),
}
"""The invariants that a row checks, by key."""

ELSEWHERE: Final = {
    "ele-1": "here and in `validation.py`, of every element",
    "ref-1": "in `items/references.py`, with all other references",
    "txt-1": "in `parsing/narrative.py`",
    "txt-2": "in `parsing/narrative.py`",
}
"""The others, by key: the place of their check. They have codes of their own."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """An invariant: its key, HL7's text and FHIRPath expression, and its places.

    A place is a type, or an element by its path as JSON names it (`Organization.address`).
    """

    key: str
    text: str
    expression: str
    places: tuple[str, ...]


INVARIANTS: Final = tuple(
    Invariant(key, each["text"], each["expression"], tuple(each["places"]))
    for key, each in json.loads(PATH.read_bytes()).items()
)
"""All invariants of level error of the types that can be written, and of the data types in them."""


def broken_invariants(resource: _Node, faulty: Collection[str] = ()) -> list[Fault]:
    """Return the faults of a resource that breaks invariants, also of those contained in it, in order.

    `faulty` are the expressions of its other faults: no element is judged that has one of them.
    """
    judge = _Judge(resource, {place for expression in faulty for place in _around(expression)})
    judge.judge_resource(resource, resource["resourceType"])
    return judge.found


def _around(expression: str) -> Iterator[str]:
    """Yield the element of an expression and all that it is within."""
    for end in _END_OF_STEP.finditer(expression):
        yield expression[: end.start()]


_Checks = tuple[tuple[_Row, str], ...]


@lru_cache(maxsize=1024)
def _checks_of(*names: str) -> _Checks:
    """Return the rows, each with its text, for the places with the joined names."""
    return tuple(
        (ROWS[each.key], f"{each.key}: {each.text}")
        for each in INVARIANTS
        if each.key in ROWS and not {*names}.isdisjoint(map(_joined, each.places))
    )


def _joined(place: str) -> str:
    """Return the name of a place as the model of its elements has it: `ObservationReferenceRange`."""
    return "".join(f"{step[0].upper()}{step[1:]}" for step in place.split("."))


@lru_cache(maxsize=512)
def _children_of(model: Any) -> dict[str, tuple[Element, _Checks]]:
    """Return the elements of a type that are no primitives, by name, each with its rows."""
    return {
        name: (element, _checks_of(element.type_class.__name__, _joined(f"{model.__name__}.{name}")))
        for name, element in shape_of(model).items()
        if not element.primitive
    }


class _Judge:
    """Collects in `found` the invariants that one resource breaks, except at the `faulty` places."""

    def __init__(self, resource: _Node, faulty: Collection[str]) -> None:
        self._outermost = _Outermost(resource)
        self._faulty = faulty
        self.found: list[Fault] = []

    def judge_resource(self, node: Any, path: str) -> None:
        """Judge the outermost resource or a contained one."""
        type_name = node.get("resourceType") if isinstance(node, dict) else None
        model = model_of(type_name) if isinstance(type_name, str) else None
        if model is not None:
            self._judge(node, model, _checks_of("DomainResource", model.__name__), path)

    def _judge(self, node: _Node, model: Any, checks: _Checks, path: str) -> None:
        if path not in self._faulty:
            for holds, text in checks:
                if not holds(node, self._outermost):
                    self.found.append(Fault("invariant", path, text))
        children = _children_of(model)
        for name, value in node.items():
            if child := children.get(name):
                self._judge_child(value, *child, f"{path}.{name}")
            elif name.startswith("_"):
                self._judge_beside(value, node.get(name[1:]), f"{path}.{name[1:]}")

    def _judge_child(self, value: Any, element: Element, checks: _Checks, path: str) -> None:
        for index, node in enumerate(value if isinstance(value, list) else (value,)):
            where = f"{path}[{index}]" if element.repeats else path
            if element.type_class.__name__ == "Resource":
                self.judge_resource(node, where)
            elif isinstance(node, dict):
                self._require_children(node, where)
                self._judge(node, element.type_class, checks, where)

    def _judge_beside(self, beside: Any, value: Any, path: str) -> None:
        """Judge the extensions beside the value of a primitive, or beside each repetition of it."""
        repeats = isinstance(beside, list)
        values = value if isinstance(value, list) else [value]
        for index, node in enumerate(beside if repeats else [beside]):
            where = f"{path}[{index}]" if repeats else path
            if isinstance(node, dict):
                if index >= len(values) or values[index] is None:
                    self._require_children(node, where)
                self._judge(node, model_beside_primitive(), (), where)

    def _require_children(self, node: _Node, path: str) -> None:
        if len(node) == 1 and "id" in node and path not in self._faulty:
            self.found.append(Fault.at(path, "invalid", EMPTY))
