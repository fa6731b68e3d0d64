"""A linear search over parsed resources: what the server's answers are compared with.

Written from the STU3 specification (Search §2.21.1) and from the contract alone. It shares no code with the
server: its own way to each parameter's values, its own date ranges, its own folding of texts. It is slow and
plain on purpose, to be checked by eye, and it takes well-formed queries only.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Resource = dict[str, Any]
Token = tuple[str, str]
"""(system, code); the system is empty where there is none."""
Period = tuple[datetime, datetime]
"""From the first instant to the one after the last."""

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)

MOST_CHAINED = 100
"""The contract's silence, the server's bound: a chain that more patients match is refused as too costly."""


class TooCostlyError(Exception):
    """A chain matches more patients than the server follows."""


# The ways to a parameter's values.


def at(node: Any, *names: str) -> list[Any]:
    """Return all elements at a path below `node`, lists opened."""
    found = [node]
    for name in names:
        found = [child for one in found if isinstance(one, dict) for child in _each(one.get(name))]
    return found


def _each(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [one for one in value if one is not None]
    return [] if value is None else [value]


def _texts(*paths: str) -> Callable[[Resource], list[str]]:
    return lambda resource: [text for path in paths for text in at(resource, *path.split("."))]


def _person_names(resource: Resource) -> list[str]:
    return [text for part in ("family", "given", "prefix", "suffix", "text") for text in at(resource, "name", part)]


def _identifiers(resource: Resource) -> list[Token]:
    return [(one.get("system", ""), one["value"]) for one in at(resource, "identifier") if "value" in one]


def _concepts(*paths: str) -> Callable[[Resource], list[Token]]:
    """A CodeableConcept's codings."""
    return _coding(*(f"{path}.coding" for path in paths))


def _coding(*paths: str) -> Callable[[Resource], list[Token]]:
    return lambda resource: [
        (one.get("system", ""), one["code"])
        for path in paths
        for one in at(resource, *path.split("."))
        if "code" in one
    ]


def _code(name: str, system: str) -> Callable[[Resource], list[Token]]:
    """A code or boolean, whose system the specification implies (§2.21.1.7)."""
    return lambda resource: [
        (f"http://hl7.org/fhir/{system}", str(value).lower() if isinstance(value, bool) else value)
        for value in at(resource, name)
    ]


def _contact(system: str) -> Callable[[Resource], list[Token]]:
    return lambda resource: [
        ("", one["value"]) for one in at(resource, "telecom") if one.get("system") == system and "value" in one
    ]


def _dates(*names: str) -> Callable[[Resource], list[Period]]:
    return lambda resource: [_period(value) for name in names for value in at(resource, name)]


def _last_updated(resource: Resource) -> list[Period]:
    return [_period(value) for value in at(resource, "meta", "lastUpdated")]


def _refers(name: str) -> Callable[[Resource], list[str]]:
    return lambda resource: [one["reference"] for one in at(resource, name) if "reference" in one]


@dataclass(frozen=True)
class Parameter:
    """A search parameter: `kind` is string, token, date or reference; `values` finds its values."""

    kind: str
    values: Callable[[Resource], list[Any]]
    target: str = ""
    """The type that a reference points at."""


_PATIENT_AS_SUBJECT = Parameter("reference", _refers("subject"), "Patient")
_PATIENT = Parameter("reference", _refers("patient"), "Patient")
_ENCOUNTER = Parameter("reference", _refers("context"), "Encounter")
_MEDICATION = Parameter("reference", _refers("medicationReference"), "Medication")
_IDENTIFIER = Parameter("token", _identifiers)
_ORGANISATION_NAME = Parameter("string", _texts("name", "alias"))
_POSTCODE = Parameter("string", _texts("address.postalCode"))

_COMMON = {
    "_id": Parameter("token", lambda resource: [("", resource["id"])]),
    "_lastUpdated": Parameter("date", _last_updated),
}

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "Patient": {
        "identifier": _IDENTIFIER,
        "name": Parameter("string", _person_names),
        "family": Parameter("string", _texts("name.family")),
        "given": Parameter("string", _texts("name.given")),
        "birthdate": Parameter("date", _dates("birthDate")),
        "gender": Parameter("token", _code("gender", "administrative-gender")),
        "address-postalcode": _POSTCODE,
        "email": Parameter("token", _contact("email")),
        "phone": Parameter("token", _contact("phone")),
    },
    "Condition": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "subject": _PATIENT_AS_SUBJECT,
        "encounter": _ENCOUNTER,
        "category": Parameter("token", _concepts("category")),
        "clinical-status": Parameter("token", _code("clinicalStatus", "condition-clinical")),
        "code": Parameter("token", _concepts("code")),
        "asserted-date": Parameter("date", _dates("assertedDate")),
    },
    "Observation": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "subject": _PATIENT_AS_SUBJECT,
        "encounter": _ENCOUNTER,
        "category": Parameter("token", _concepts("category")),
        "code": Parameter("token", _concepts("code")),
        "date": Parameter("date", _dates("effectiveDateTime", "effectivePeriod")),
    },
    "Encounter": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "date": Parameter("date", _dates("period")),
        "status": Parameter("token", _code("status", "encounter-status")),
        "type": Parameter("token", _concepts("type")),
        "class": Parameter("token", _coding("class")),
        "episodeofcare": Parameter("reference", _refers("episodeOfCare"), "EpisodeOfCare"),
    },
    "Procedure": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "subject": _PATIENT_AS_SUBJECT,
        "encounter": _ENCOUNTER,
        "date": Parameter("date", _dates("performedDateTime", "performedPeriod")),
        "code": Parameter("token", _concepts("code")),
        "status": Parameter("token", _code("status", "event-status")),
    },
    "AllergyIntolerance": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT,
        "date": Parameter("date", _dates("assertedDate")),
        "clinical-status": Parameter("token", _code("clinicalStatus", "allergy-clinical-status")),
        "verification-status": Parameter("token", _code("verificationStatus", "allergy-verification-status")),
        "code": Parameter("token", _concepts("code", "reaction.substance")),
    },
    "Immunization": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT,
        "date": Parameter("date", _dates("date")),
        "status": Parameter("token", _code("status", "immunization-status")),
        "vaccine-code": Parameter("token", _concepts("vaccineCode")),
        "notgiven": Parameter("token", _code("notGiven", "special-values")),
    },
    "MedicationRequest": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "medication": _MEDICATION,
        "code": Parameter("token", _concepts("medicationCodeableConcept")),
        "status": Parameter("token", _code("status", "medication-request-status")),
        "intent": Parameter("token", _code("intent", "medication-request-intent")),
        "authoredon": Parameter("date", _dates("authoredOn")),
    },
    "MedicationStatement": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "medication": _MEDICATION,
        "code": Parameter("token", _concepts("medicationCodeableConcept")),
        "status": Parameter("token", _code("status", "medication-statement-status")),
        "effective": Parameter("date", _dates("effectiveDateTime", "effectivePeriod")),
    },
    "Medication": {"code": Parameter("token", _concepts("code"))},
    "EpisodeOfCare": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT,
        "status": Parameter("token", _code("status", "episode-of-care-status")),
        "date": Parameter("date", _dates("period")),
    },
    "Organization": {"identifier": _IDENTIFIER, "name": _ORGANISATION_NAME, "address-postalcode": _POSTCODE},
    "Location": {"identifier": _IDENTIFIER, "name": _ORGANISATION_NAME, "address-postalcode": _POSTCODE},
    "Practitioner": {
        "identifier": _IDENTIFIER,
        "name": Parameter("string", _person_names),
        "address-postalcode": _POSTCODE,
    },
    "PractitionerRole": {
        "practitioner": Parameter("reference", _refers("practitioner"), "Practitioner"),
        "organization": Parameter("reference", _refers("organization"), "Organization"),
        "identifier": _IDENTIFIER,
    },
    "HealthcareService": {
        "identifier": _IDENTIFIER,
        "name": Parameter("string", _texts("name")),
        "organization": Parameter("reference", _refers("providedBy"), "Organization"),
    },
}

CLINICAL_DATE = {
    "Patient": "birthdate",
    "Condition": "asserted-date",
    "Observation": "date",
    "Encounter": "date",
    "Procedure": "date",
    "AllergyIntolerance": "date",
    "Immunization": "date",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "EpisodeOfCare": "date",
}
"""The date that orders a type's results; the others have none."""

_ANY_CASE = ("gender", "email", "phone")


@dataclass(frozen=True)
class Result:
    """The ids of all matches in order."""

    ids: list[str]

    @property
    def total(self) -> int:
        return len(self.ids)


class LinearSearch:
    """Searches `resources` one by one; `base` is the server's FHIR base, `now` what `ap` measures from."""

    def __init__(self, resources: Iterable[Resource], *, base: str, now: datetime) -> None:
        self._by_type: dict[str, list[Resource]] = {name: [] for name in PARAMETERS}
        for resource in resources:
            self._by_type[resource["resourceType"]].append(resource)
        self.base = base
        self._now = now
        self._known_values: dict[tuple[str, str, str], list[Any]] = {}

    def resources(self, type_name: str) -> Sequence[Resource]:
        """Return all resources of a type."""
        return self._by_type[type_name]

    def search(self, type_name: str, parameters: Iterable[tuple[str, str]]) -> Result:
        """Return the matches of all `parameters`, decoded (name, value) pairs, in the order asked for."""
        criteria = [(name, value) for name, value in parameters if name not in ("_sort", "_count")]
        sort = [key for name, value in parameters if name == "_sort" for key in value.split(",")]
        found = self._by_type[type_name]
        for name, value in criteria:
            matches = self._criterion(type_name, name, value)
            found = [resource for resource in found if matches(resource)]
        return Result([resource["id"] for resource in self._ordered(type_name, found, sort)])

    def values(self, type_name: str, name: str, resource: Resource) -> list[Any]:
        """Return a resource's values of one parameter."""
        key = (type_name, resource["id"], name)
        if key not in self._known_values:
            self._known_values[key] = parameter_of(type_name, name).values(resource)
        return self._known_values[key]

    def _criterion(self, type_name: str, name: str, text: str) -> Callable[[Resource], bool]:
        """Return what one parameter asks of a resource."""
        name, _, chained = name.partition(".")
        name, _, modifier = name.partition(":")
        parameter = parameter_of(type_name, name)
        if chained:
            patients = self.search(parameter.target, [(chained, text)]).ids
            if len(patients) > MOST_CHAINED:
                raise TooCostlyError
            targets = {f"{parameter.target}/{patient}" for patient in patients}
            return lambda resource: any(
                self._relative(one) in targets for one in self.values(type_name, name, resource)
            )
        if modifier == "missing":
            return lambda resource: (not self.values(type_name, name, resource)) == (text == "true")
        alternatives = [part for part in _split(text, ",") if part]
        tests = [self._test(parameter, name, modifier, alternative) for alternative in alternatives]

        def any_matches(resource: Resource) -> bool:
            values = self.values(type_name, name, resource)
            return any(test(values) for test in tests)

        if modifier == "not":
            return lambda resource: not any_matches(resource)
        return any_matches

    def _test(self, parameter: Parameter, name: str, modifier: str, text: str) -> Callable[[list[Any]], bool]:
        """Return what one alternative of one parameter asks of a resource's values."""
        match parameter.kind:
            case "string":
                return _string_test(name, modifier, _unescape(text))
            case "token":
                return _token_test(name, text)
            case "date":
                return self._date_test(text)
            case _:
                return self._reference_test(parameter.target, _unescape(text))

    def _date_test(self, text: str) -> Callable[[list[Period]], bool]:
        prefix, date = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
        low, high = date_range(date)
        if prefix == "ap":
            slack = abs(self._now - low) / 10
            low, high = low - slack, high + slack
        return lambda values: any(_compare(prefix, (low, high), value) for value in values)

    def _reference_test(self, target: str, text: str) -> Callable[[list[str]], bool]:
        wanted = self._relative(text if "/" in text else f"{target}/{text}")
        return lambda values: any(self._relative(value) == wanted for value in values)

    def _relative(self, reference: str) -> str:
        return reference.removeprefix(self.base + "/")

    def _ordered(self, type_name: str, found: list[Resource], sort: Sequence[str]) -> list[Resource]:
        """Order as the contract says: by `_sort`, then by id; else the latest first, then the greater id."""
        if not sort:
            date = CLINICAL_DATE.get(type_name)

            def place(resource: Resource) -> tuple[datetime, str]:
                starts = [start for start, _ in self.values(type_name, date, resource)] if date else []
                return min(starts, default=BEGINNING), resource["id"]

            return sorted(found, key=place, reverse=True)
        found = sorted(found, key=lambda resource: str(resource["id"]))
        for key in reversed(sort):
            # The last key first: sorting is stable. What has no value comes last, either way.
            name, descending = key.removeprefix("-"), key.startswith("-")
            valued = [(self._sort_value(type_name, name, one, descending), one) for one in found]
            present = [(value, one) for value, one in valued if value is not None]
            present.sort(key=lambda pair: pair[0], reverse=descending)
            found = [one for _, one in present] + [one for value, one in valued if value is None]
        return found

    def _sort_value(self, type_name: str, name: str, resource: Resource, descending: bool) -> Any:
        values = self.values(type_name, name, resource)
        match parameter_of(type_name, name).kind:
            case "string":
                keys: list[Any] = [fold(text) for text in values]
            case "date":
                keys = [start for start, _ in values]
            case _:
                keys = [code for _, code in values]
        if not keys:
            return None
        return max(keys) if descending else min(keys)


def parameter_of(type_name: str, name: str) -> Parameter:
    """Return a type's parameter, or the common one."""
    return PARAMETERS[type_name].get(name) or _COMMON[name]


def parameter_names(type_name: str) -> list[str]:
    """Return the names of all parameters of a type."""
    return [*_COMMON, *PARAMETERS[type_name]]


# Strings (§2.21.1.4).


def fold(text: str) -> str:
    """Return a text without case, accents (strokes are accents too) and surplus spaces."""
    letters = [one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one)]
    lower = "".join(letters).lower().replace("ł", "l").replace("ø", "o").replace("đ", "d")
    return " ".join(lower.replace("ß", "ss").split())


def _string_test(name: str, modifier: str, text: str) -> Callable[[list[str]], bool]:
    wanted = fold(text)

    def starts(values: list[str]) -> bool:
        return any(fold(value).startswith(wanted) for value in values)

    def starts_in_turn(values: list[str], words: list[str]) -> bool:
        """Several words of a name each match some part; a part of several words takes as many of them."""
        parts = [fold(value) for value in values]
        return not words or any(
            any(part.startswith(" ".join(words[:number])) for part in parts) and starts_in_turn(values, words[number:])
            for number in range(1, len(words) + 1)
        )

    match modifier:
        case "exact":
            return lambda values: text in values
        case "contains":
            return lambda values: any(wanted in fold(value) for value in values)
        case _ if name == "name":
            return lambda values: starts_in_turn(values, wanted.split())
        case _:
            return starts


# Tokens (§2.21.1.7).


def _token_test(name: str, text: str) -> Callable[[list[Token]], bool]:
    parts = [_unescape(part) for part in _split(text, "|")]
    wanted = _comparable(name, parts[-1])

    def matches(system: str, code: str) -> bool:
        code = _comparable(name, code)
        if len(parts) == 1:
            return code == wanted  # code: whatever the system
        if not wanted:
            return system == parts[0]  # system|: any code of it
        return system == parts[0] and code == wanted  # system|code, and |code for no system

    return lambda values: any(matches(system, code) for system, code in values)


def _comparable(name: str, code: str) -> str:
    if name == "phone":
        code = "".join(one for one in code if one.isalnum())
    return code.lower() if name in _ANY_CASE else code


# Dates (§2.21.1.5).


def date_range(text: str) -> Period:
    """Return the time that a date of any precision covers; without a zone it is UTC."""
    match len(text):
        case 4:
            year = int(text)
            return datetime(year, 1, 1, tzinfo=UTC), _first_of(year + 1, 1)
        case 7:
            year, month = int(text[:4]), int(text[5:])
            return datetime(year, month, 1, tzinfo=UTC), _first_of(year + month // 12, month % 12 + 1)
        case 10:
            start = datetime.fromisoformat(text).replace(tzinfo=UTC)
            return start, _after(start, timedelta(days=1))
    start = datetime.fromisoformat(text)
    start = start.astimezone(UTC) if start.tzinfo else start.replace(tzinfo=UTC)
    clock = re.split(r"[Z+-]", text[11:])[0]
    precision = {5: timedelta(minutes=1), 8: timedelta(seconds=1)}.get(len(clock), timedelta(milliseconds=1))
    return start, _after(start, precision)


def _after(start: datetime, precision: timedelta) -> datetime:
    return start + precision if start < END - precision else END


def _first_of(year: int, month: int) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC) if year < 10_000 else END


def _period(value: Any) -> Period:
    """Return the range of a date, or of a Period, which is open where it has no start or no end."""
    if isinstance(value, str):
        return date_range(value)
    start, end = value.get("start"), value.get("end")
    return (date_range(start)[0] if start else BEGINNING), (date_range(end)[1] if end else END)


def _compare(prefix: str, searched: Period, target: Period) -> bool:
    """Say whether `target` has to `searched` the relation that §2.21.1.5.1's table gives for a prefix."""
    contained = searched[0] <= target[0] and target[1] <= searched[1]
    reaches_above = target[1] > searched[1]
    reaches_below = target[0] < searched[0]
    match prefix:
        case "eq":
            return contained
        case "ne":
            return not contained
        case "gt":
            return reaches_above
        case "lt":
            return reaches_below
        case "ge":
            return reaches_above or contained
        case "le":
            return reaches_below or contained
        case "sa":
            return target[0] >= searched[1]
        case "eb":
            return target[1] <= searched[0]
        case "ap":
            return target[0] < searched[1] and searched[0] < target[1]
    raise ValueError(prefix)


# Escapes (§2.21.1.3).


def _split(text: str, separator: str) -> list[str]:
    r"""Split at the separators that no backslash escapes."""
    parts, escaped = [""], False
    for character in text:
        if character == separator and not escaped:
            parts.append("")
            continue
        parts[-1] += character
        escaped = character == "\\" and not escaped
    return parts


def _unescape(text: str) -> str:
    return re.sub(r"\\([\\,|$])", r"\1", text)
