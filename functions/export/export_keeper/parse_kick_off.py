"""Judge the parameters of a kick-off: what its job exports, and what lenient handling leaves out (`export.md`)."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from careconnect.export.job import MAX_FILTERS, MAX_PATIENTS, Selection, TypeFilter
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import safe_name
from careconnect.fhir.resource_types import ID_PATTERN, RESOURCE_TYPES, ResourceType, resource_type
from careconnect.search.criteria import MAX_ALTERNATIVES, criterion_of, parse_instant, split_unescaped
from export_keeper.elements import elements_called
from export_keeper.kick_off_parameters import PATIENTS, Given, split_texts, values_of

_FORMATS: Final = ("application/fhir+ndjson", "application/ndjson", "ndjson")
_INSTANTS: Final = ("Instant", "DateTime", "String")
_TYPES: Final = {
    "_outputFormat": ("String", "Code"),
    "_since": _INSTANTS,
    "_until": _INSTANTS,
    "_type": ("String", "Code"),
    "_elements": ("String",),
    "_typeFilter": ("String",),
    PATIENTS: ("Reference",),
}
"""The types of `value[x]` that a parameter takes."""
_ONCE: Final = ("_outputFormat", "_since", "_until")
_MAX_IGNORED: Final = 100
_FINER_THAN_MILLISECONDS: Final = re.compile(r"\.[0-9]{3}[0-9]*[1-9]")


@dataclass(frozen=True, slots=True)
class Level:
    """The level of an export: of all types, or of the patient compartment."""

    is_of_patients: bool

    def has(self, type_: ResourceType) -> bool:
        """Return True if exports of the level have resources of a type."""
        return type_.has_patients or not self.is_of_patients


@dataclass(slots=True)
class Leniency:
    """What becomes of what is not supported: it is refused or, if `is_lenient`, ignored and reported."""

    is_lenient: bool
    ignored: dict[str, None] = field(default_factory=dict)

    def leave_out(self, name: str, why: str) -> None:
        """Ignore a parameter, or a part of it; `why` is safe text.

        Raises the 400 outcome if the handling is strict, or if too many are ignored.
        """
        if not self.is_lenient:
            raise outcomes.invalid_parameter(name, why, code="not-supported")
        self.ignored[f"{safe_name(name)}: {why}"] = None
        if len(self.ignored) > _MAX_IGNORED:
            why = f"at most {_MAX_IGNORED} unsupported items are ignored."
            raise outcomes.invalid_parameter(name, why, code="too-costly")


def check_parameters(given: Sequence[Given], level: Level, leniency: Leniency) -> None:
    """Refuse parameters that are unknown, that have no place there, or that have another form; raises the outcome 400.

    Of the others the values are texts, but for references.
    """
    for each in given:
        name = each.name
        if each.is_empty:
            continue
        if name not in _TYPES:
            leniency.leave_out(name, "the parameter is not supported.")
        elif name == PATIENTS and not (level.is_of_patients and each.is_posted):
            why = "it is taken in the body of POST Patient/$export alone."
            raise outcomes.invalid_parameter(name, why, code="not-supported")
        elif each.is_posted and (each.type not in _TYPES[name] or isinstance(each.value, str) is (name == PATIENTS)):
            takes = " or ".join(f"value{type_}" for type_ in _TYPES[name])
            raise outcomes.invalid_parameter(name, f"takes {takes}.")
    for name in _ONCE:
        if len(values_of(name, given)) > 1:
            raise outcomes.invalid_parameter(name, "it is given more than once.")


def named_patients(given: Sequence[Given], fhir_base: str) -> tuple[str, ...]:
    """Return the ids that `patient` names, each once; raises the outcomes 400."""
    pattern = re.compile(rf"(?:{re.escape(fhir_base)}/)?Patient/({ID_PATTERN})")
    ids: dict[str, None] = {}
    for each in values_of(PATIENTS, given):
        reference = each.get("reference") if isinstance(each, dict) else None
        match = pattern.fullmatch(reference) if isinstance(reference, str) else None
        if match is None:
            raise outcomes.invalid_parameter(PATIENTS, "takes a reference such as Patient/4, or its URL here.")
        ids[match[1]] = None
    if len(ids) > MAX_PATIENTS:
        why = f"at most {MAX_PATIENTS} patients are taken: send them in parts."
        raise outcomes.invalid_parameter(PATIENTS, why, code="too-costly")
    return tuple(ids)


def selection_of(
    given: Sequence[Given],
    level: Level,
    opened: Collection[ResourceType],
    leniency: Leniency,
    *,
    fhir_base: str,
    now: int,
) -> Selection:
    """Return what a kick-off exports, of the types that its token opens; raises the outcomes 400 and 403.

    The parameters were checked. `now` is the kick-off's time, in epoch milliseconds.
    """
    _check_format(given)
    since, until = _bounds(given, now)
    patients = named_patients(given, fhir_base)
    types = _types(given, level, opened, leniency)
    return Selection(
        types=tuple(each.name for each in types),
        is_of_patients=level.is_of_patients,
        since=since,
        until=until,
        elements=_elements(given, types),
        filters=_filters(given, types, leniency, fhir_base, now),
        patients=patients,
    )


def _check_format(given: Sequence[Given]) -> None:
    for text in values_of("_outputFormat", given):
        # The query parser has turned an unencoded `+` into a space.
        if text.strip().lower().replace(" ", "+") not in _FORMATS:
            raise outcomes.invalid_parameter("_outputFormat", f"takes {', '.join(_FORMATS)}.", code="not-supported")


def _bounds(given: Sequence[Given], now: int) -> tuple[int | None, int | None]:
    """Return `_since` and `_until`, both exclusive: no version is between an instant and its millisecond."""
    since = next((parse_instant("_since", text) for text in values_of("_since", given)), None)
    until = None
    for text in values_of("_until", given):
        until = parse_instant("_until", text) + bool(_FINER_THAN_MILLISECONDS.search(text))
    if since is not None and since > now:
        raise outcomes.invalid_parameter("_since", "the instant is in the future.")
    if since is not None and until is not None and since >= until:
        raise outcomes.invalid_parameter("_since", "the instant is not before that of _until.")
    return since, until


def _types(
    given: Sequence[Given], level: Level, opened: Collection[ResourceType], leniency: Leniency
) -> list[ResourceType]:
    """Return the types of the job, in the order of the table."""
    names = split_texts("_type", given)
    if not names:
        return [each for each in RESOURCE_TYPES if each in opened and level.has(each)]
    chosen = []
    for name in names:
        type_ = resource_type(name)
        if type_ is None:
            leniency.leave_out("_type", f"{safe_name(name)} is not a type of exports.")
        elif not level.has(type_):
            leniency.leave_out("_type", f"{name} is not in the patient compartment.")
        else:
            chosen.append(type_)
    if not chosen:
        raise outcomes.invalid_parameter("_type", "none of the types can be exported.", code="not-supported")
    for type_ in chosen:
        if type_ not in opened:
            raise outcomes.insufficient_scope(f"system/{type_.name}.rs")
    return [each for each in RESOURCE_TYPES if each in chosen]


def _elements(given: Sequence[Given], types: Sequence[ResourceType]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the elements that types are cut down to, each type with its own and those that are given without one."""
    found: dict[str, dict[str, None]] = {}
    for text in split_texts("_elements", given):
        head, has_type, name = text.rpartition(".")
        whose = [head] if has_type else [each.name for each in types]
        called = {type_name: elements_called(type_name, name) for type_name in whose}
        if not any(called.values()):
            raise outcomes.invalid_parameter("_elements", f"{safe_name(text)} is no top-level element.")
        for type_name, names in called.items():
            # A type without the element shows no other for it.
            found.setdefault(type_name, {}).update(dict.fromkeys(names or (name,)))
    return tuple((each.name, tuple(found[each.name])) for each in types if each.name in found)


def _filters(
    given: Sequence[Given], types: Sequence[ResourceType], leniency: Leniency, fhir_base: str, now: int
) -> tuple[TypeFilter, ...]:
    texts = list(dict.fromkeys(values_of("_typeFilter", given)))
    if len(texts) > MAX_FILTERS:
        raise outcomes.invalid_parameter("_typeFilter", f"at most {MAX_FILTERS} are taken.", code="too-costly")
    found = []
    for text in texts:
        name, pairs = filter_parts(text)
        type_ = next((each for each in types if each.name == name), None)
        if type_ is None:
            leniency.leave_out("_typeFilter", f"{safe_name(name)} is not exported.")
        elif criteria := _criteria(type_, pairs, leniency, fhir_base, now):
            found.append(TypeFilter(name, criteria))
    return tuple(found)


def filter_parts(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the type and the decoded parameters of a filter, without empty ones; raises the 400 outcome."""
    name, has_query, query = text.partition("?")
    try:
        if has_query:
            return name, parse_qsl(query, errors="strict")
    except UnicodeDecodeError:
        pass
    raise outcomes.invalid_parameter("_typeFilter", "takes a search of a type, such as Observation?status=final.")


def _criteria(
    type_: ResourceType, pairs: Sequence[tuple[str, str]], leniency: Leniency, fhir_base: str, now: int
) -> tuple[tuple[str, str], ...]:
    """Return the parameters of a filter that its type offers; raises the outcomes 400."""
    found: dict[tuple[str, str], None] = {}
    values: Counter[str] = Counter()
    for name, text in pairs:
        # A chain has a point: `patient:Patient.name` is no modifier.
        if "." in name or criterion_of(type_, name, text, fhir_base=fhir_base, now=now) is None:
            leniency.leave_out("_typeFilter", f"{type_.name}?{safe_name(name)} is not offered in an export.")
        elif (name, text) not in found:
            found[name, text] = None
            head = name.partition(":")[0]
            values[head] += sum(map(bool, split_unescaped(text, ",")))
            if values[head] > MAX_ALTERNATIVES:
                why = f"at most {MAX_ALTERNATIVES} values are taken in a filter."
                raise outcomes.invalid_parameter(head, why, code="too-costly")
    return tuple(found)
