"""A linear search over parsed resources, the reference for the server's responses.

Written from the STU3 specification (Search §2.21.1) and from the contract alone. It shares no code with the server: it
has its own functions for each parameter's values (`linear_parameters`), its own date ranges and folding of texts
(`linear_values`). It is slow and simple on purpose, to be checked by eye, and it takes well-formed queries only.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from careconnect_testing.search.linear_parameters import (
    CLINICAL_DATE,
    PARAMETERS,
    Parameter,
    Resource,
    parameter_names,
    parameter_of,
)
from careconnect_testing.search.linear_values import (
    BEGINNING,
    composite_test,
    date_test,
    fold,
    quantity_test,
    split,
    string_test,
    token_test,
    unescape,
)

RESULT_PARAMETERS = ("_sort", "_count", "_total")
"""Parameters that do not filter the matches."""


@dataclass(frozen=True)
class Result:
    """The ids of all matches in order."""

    ids: list[str]

    @property
    def total(self) -> int:
        return len(self.ids)


class LinearSearch:
    """Searches `resources` one by one; `base` is the server's FHIR base, and `ap` is measured from `now`."""

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
        """Return the matches of all `parameters`, decoded (name, value) pairs, in the requested order."""
        parameters = list(parameters)
        found = list(self._by_type[type_name])
        for name, value in parameters:
            if name not in RESULT_PARAMETERS:
                matches = self._criterion(type_name, name, value)
                found = [resource for resource in found if matches(resource)]
        sort = [key for name, value in parameters if name == "_sort" for key in value.split(",")]
        return Result([resource["id"] for resource in self._ordered(type_name, found, sort)])

    def values(self, type_name: str, name: str, resource: Resource) -> list[Any]:
        """Return a resource's values of one parameter."""
        key = (type_name, resource["id"], name)
        if key not in self._known_values:
            self._known_values[key] = parameter_of(type_name, name).values(resource)
        return self._known_values[key]

    # Criteria.

    def _criterion(self, type_name: str, name: str, text: str) -> Callable[[Resource], bool]:
        if name.startswith("_has:"):
            return self._reverse_chain(type_name, name, text)
        name, _, chained = name.partition(".")
        name, _, modifier = name.partition(":")
        if chained:
            return self._chain(type_name, name, modifier, chained, text)
        if modifier == "missing":
            return lambda resource: (not self.values(type_name, name, resource)) == (text == "true")
        parameter = parameter_of(type_name, name)
        targets = (modifier,) if modifier in parameter.targets else parameter.targets
        alternatives = [part for part in split(text, ",") if part]
        tests = [self._test(parameter, name, modifier, targets, alternative) for alternative in alternatives]

        def any_matches(resource: Resource) -> bool:
            values = self.values(type_name, name, resource)
            return any(test(values) for test in tests)

        if modifier == "not":
            return lambda resource: not any_matches(resource)
        return any_matches

    def _test(
        self, parameter: Parameter, name: str, modifier: str, targets: Sequence[str], text: str
    ) -> Callable[[list[Any]], bool]:
        """Return a test of a resource's values for one alternative of one parameter."""
        match parameter.kind:
            case "string":
                return string_test(name, modifier, unescape(text))
            case "token":
                return token_test(name, text)
            case "date":
                return date_test(text, self._now)
            case "quantity":
                return quantity_test(text)
            case "composite":
                return composite_test(text)
            case "uri":
                return lambda values: unescape(text) in values
            case _:
                return self._reference_test(targets, unescape(text))

    def _reference_test(self, targets: Sequence[str], text: str) -> Callable[[list[str]], bool]:
        """Return a test of references; a bare id matches any of the target types."""
        whole = [text] if "/" in text or ":" in text else [f"{target}/{text}" for target in targets]
        wanted = {self._relative(one) for one in whole}
        return lambda values: any(self._relative(value) in wanted for value in values)

    def _relative(self, reference: str) -> str:
        return reference.removeprefix(self.base + "/")

    def _chain(self, type_name: str, name: str, target: str, chained: str, text: str) -> Callable[[Resource], bool]:
        """Return a test for `reference.parameter=…`, over each target type with the parameter, or `target` alone."""
        targets = [target] if target else parameter_of(type_name, name).targets
        wanted = {
            f"{each}/{found}"
            for each in targets
            if has_parameter(each, chained)
            for found in self.search(each, [(chained, text)]).ids
        }
        return lambda resource: any(self._relative(one) in wanted for one in self.values(type_name, name, resource))

    def _reverse_chain(self, type_name: str, name: str, text: str) -> Callable[[Resource], bool]:
        """Return a test for `_has:Type:reference:parameter=…`: a match of the other type refers to the resource."""
        _, source, reference, asked = name.split(":", 3)
        sources = set(self.search(source, [(asked, text)]).ids)
        wanted = {
            self._relative(one)
            for resource in self._by_type[source]
            if resource["id"] in sources
            for one in self.values(source, reference, resource)
        }
        return lambda resource: f"{type_name}/{resource['id']}" in wanted

    # Order.

    def _ordered(self, type_name: str, found: list[Resource], sort: Sequence[str]) -> list[Resource]:
        """Return the matches in the contract's order: by `_sort`, ties by id; by default the latest first."""
        date = CLINICAL_DATE.get(type_name, "")
        match [*sort]:
            case []:
                return self._by_date(type_name, date, found, latest_first=True)
            case [("_lastUpdated" | "-_lastUpdated") as key]:
                return self._by_date(type_name, "_lastUpdated", found, latest_first=key.startswith("-"))
            case [key] if date and key.removeprefix("-") == date:
                return self._by_date(type_name, date, found, latest_first=key.startswith("-"))
        found = sorted(found, key=lambda resource: str(resource["id"]))
        for key in reversed(sort):
            # Sort by the last key first, because sorting is stable. A missing value comes last in both directions.
            name, descending = key.removeprefix("-"), key.startswith("-")
            valued = [(self._sort_value(type_name, name, one, descending), one) for one in found]
            present = [(value, one) for value, one in valued if value is not None]
            present.sort(key=lambda pair: pair[0], reverse=descending)
            found = [one for _, one in present] + [one for value, one in valued if value is None]
        return found

    def _by_date(self, type_name: str, date: str, found: list[Resource], *, latest_first: bool) -> list[Resource]:
        """Return the matches in the order of a date, the undated last; ties by id, in the date's own direction.

        A period without a start is undated too: it has no beginning.
        """

        def start(resource: Resource) -> datetime:
            starts = [start for start, _ in self.values(type_name, date, resource)] if date else []
            return min(starts, default=BEGINNING)

        ordered = sorted(found, key=lambda resource: (start(resource), resource["id"]), reverse=latest_first)
        dated = [resource for resource in ordered if start(resource) > BEGINNING]
        return dated + [resource for resource in ordered if start(resource) == BEGINNING]

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


def has_parameter(type_name: str, chained: str) -> bool:
    """Return True if a type is served and has the first parameter of a chain's rest (`name:contains`), or a `_has`."""
    name = chained.partition(".")[0].partition(":")[0]
    return type_name in PARAMETERS and (name == "_has" or name in parameter_names(type_name))
