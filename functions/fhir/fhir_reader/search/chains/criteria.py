"""Chains and `_has`: criteria on a resource's targets, and on its referrers (STU3 Search §2.21.1.5.6, 7)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from careconnect.fhir import outcomes
from careconnect.fhir.nearest_parameter import hint
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import RESOURCE_TYPES, Rank, ResourceType, SearchParameter, resource_type
from careconnect.search.criteria import Criterion, parse_criterion

HAS: Final = "_has"

MAX_HOPS: Final = 2
"""Maximum references that one parameter may follow, forwards or backwards."""

_MAX_LISTED: Final = 5
"""References that a refusal lists."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A chain's condition on its targets of one type."""

    type: ResourceType
    condition: "SearchCondition"


@dataclass(frozen=True, slots=True)
class Chain:
    """A condition on the targets of a reference (`patient.identifier=…`), met if any of the branches is.

    `name` is the name of the whole parameter as the client sent it, here and below.
    """

    name: str = field(compare=False)
    reference: SearchParameter
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A condition on the referrers of a `target` (`_has:Observation:patient:code=…`), met if any `source` meets it."""

    name: str = field(compare=False)
    target: ResourceType
    source: ResourceType
    reference: SearchParameter
    inner: "SearchCondition"


SearchCondition = Criterion | Chain | Has
ChainedCondition = Chain | Has
"""A condition that a resource's own values cannot decide."""


def parse_chained(type_: ResourceType, name: str, text: str, *, fhir_base: str, now: int) -> ChainedCondition:
    """Parse a parameter named `_has:…`, or chained by a dot to a parameter of `type_`.

    `fhir_base` and `now` are as in `parse_criterion`. Raises the 400 outcomes for a malformed name or value, for an
    unsupported reference or parameter, and for more than `MAX_HOPS` references.
    """
    condition = _Parser(type_, name, text, fhir_base, now).condition(type_, name, MAX_HOPS)
    if condition is None or isinstance(condition, Criterion):
        raise _no_chain(type_, name)
    return condition


def types_looked_at(condition: SearchCondition) -> Iterator[ResourceType]:
    """Yield the types of which a condition uses a parameter, in order, but not the one that it is a condition on."""
    match condition:
        case Chain():
            for branch in condition.branches:
                # A `_has` uses the parameters of those that refer to the branch's resources alone.
                if not isinstance(branch.condition, Has):
                    yield branch.type
                yield from types_looked_at(branch.condition)
        case Has():
            yield condition.source
            yield from types_looked_at(condition.inner)


def criteria_of(type_: ResourceType, condition: SearchCondition) -> Iterator[tuple[ResourceType, Criterion]]:
    """Yield the criteria at the ends of a condition on a type, each with its own type."""
    match condition:
        case Criterion():
            yield type_, condition
        case Chain():
            for branch in condition.branches:
                yield from criteria_of(branch.type, branch.condition)
        case Has():
            yield from criteria_of(condition.source, condition.inner)


def hops_of(condition: SearchCondition) -> int:
    """Return the most resources through which a condition leads to one match."""
    if isinstance(condition, Chain):
        return 1 + max(hops_of(branch.condition) for branch in condition.branches)
    return 1 + hops_of(condition.inner) if isinstance(condition, Has) else 0


def referrers(type_: ResourceType) -> list[tuple[ResourceType, SearchParameter]]:
    """Return the references to resources of a type by which `_has` may search."""
    return [
        (source, parameter)
        for source in RESOURCE_TYPES
        for parameter in source.searchable
        if type_.name in parameter.targets and type_.reaches(source)
    ]


def rank_of(condition: SearchCondition) -> Rank:
    """Return the selectivity rank of a condition's innermost criterion."""
    match condition:
        case Criterion():
            return Rank.COMPARED if condition.modifier else condition.parameter.rank
        case Chain():
            return max(rank_of(branch.condition) for branch in condition.branches)
        case Has():
            return rank_of(condition.inner)


def asks_of_each(condition: SearchCondition) -> bool:
    """Return True if a condition takes one lookup per candidate, and not one per hundred candidates."""
    match condition:
        case Criterion():
            return False
        case Chain():
            return any(asks_of_each(branch.condition) for branch in condition.branches)
        case Has():
            return True


@dataclass(frozen=True, slots=True)
class _Parser:
    """Parse one parameter of a search of the type `root`."""

    root: ResourceType
    name: str
    text: str
    fhir_base: str
    now: int

    def condition(self, type_: ResourceType, name: str, hops: int) -> SearchCondition | None:
        """Parse a condition on resources of a type; None if the type offers no such parameter."""
        if name.partition(":")[0] == HAS:
            return self._has(type_, name, self._fewer(hops))
        head, dot, chained = name.partition(".")
        head, _, modifier = head.partition(":")
        parameter = type_.parameter(head)
        if parameter is None or not parameter.searchable:
            return None
        if dot:
            return self._chain(parameter, modifier, chained, self._fewer(hops))
        return parse_criterion(parameter, modifier, self.text, fhir_base=self.fhir_base, now=self.now)

    def _chain(self, reference: SearchParameter, modifier: str, chained: str, hops: int) -> Chain | None:
        branches = []
        for name in reference.targets:
            target = resource_type(name)
            if modifier not in ("", name) or target is None or not self.root.reaches(target):
                continue
            condition = self.condition(target, chained, hops)
            if condition is not None:
                branches.append(Branch(target, condition))
        return Chain(self.name, reference, tuple(branches)) if branches else None

    def _has(self, type_: ResourceType, name: str, hops: int) -> Has:
        _, source_name, reference_name, inner_name = [*name.split(":", 3), "", "", ""][:4]
        if not (source_name and reference_name and inner_name):
            raise self._refused(
                "takes a type, its reference to here and its parameter", type_, source_name, code="value"
            )
        source = resource_type(source_name)
        if source is not None and not self.root.reaches(source):
            raise self._refused("a search of the directory does not reach records", type_)
        reference = source.parameter(reference_name) if source else None
        if source is None or (source, reference) not in referrers(type_) or reference is None:
            raise self._refused(f"no such reference to {type_.with_article} is offered", type_, source_name)
        inner = self.condition(source, inner_name, hops)
        if inner is None:
            near = hint(re.split("[:.]", inner_name, maxsplit=1)[0], [each.name for each in source.searchable])
            raise self._refused(f"no such parameter of {source.with_article} is offered", type_, source_name, near=near)
        return Has(self.name, type_, source, reference, inner)

    def _fewer(self, hops: int) -> int:
        if not hops:
            raise outcomes.invalid_parameter(
                self.name, f"it goes through more than {MAX_HOPS} references.", code="not-supported"
            )
        return hops - 1

    def _refused(
        self, why: str, type_: ResourceType, source_name: str = "", *, near: str = "", code: str = "not-supported"
    ) -> OutcomeError:
        """Return the 400 outcome for a `_has`, with references that a search of the type supports.

        They are those of the named source, if it has any. `near` is a hint for the end.
        """
        known = referrers(type_)
        named = [(source, reference) for source, reference in known if source.name == source_name] or known
        listed = ", ".join(f"{HAS}:{source.name}:{reference.name}:_id" for source, reference in named[:_MAX_LISTED])
        takes = f"of {type_.name} it takes such as {listed}" if listed else f"nothing refers to {type_.with_article}"
        return outcomes.invalid_parameter(self.name, f"{why}; {takes}.{near}", code=code)


def _no_chain(type_: ResourceType, name: str) -> OutcomeError:
    """Return the 400 outcome for a chain; it lists the chains that a type supports."""
    chains = ", ".join(one.chain for one in type_.chained)
    takes = f" {type_.name} takes such as {chains}." if chains else ""
    head, _, rest = name.partition(".")
    reference = type_.parameter(head.partition(":")[0])
    targets = filter(None, map(resource_type, reference.targets if reference else ()))
    names = [each.name for target in targets for each in target.searchable]
    near = hint(re.split("[:.]", rest, maxsplit=1)[0], names)
    return outcomes.invalid_parameter(name, f"the chain is not supported.{takes}{near}", code="not-supported")
