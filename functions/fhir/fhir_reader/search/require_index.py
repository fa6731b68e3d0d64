"""Refuse a search by what the index does not hold yet of every resource, rather than answer it by half (ADR 22)."""

from collections.abc import Iterator
from typing import Final

from careconnect import outcomes
from careconnect.resource_types import Home, ResourceType
from fhir_reader.search.context import SearchContext
from fhir_reader.search.deep_query import parameters_of
from fhir_reader.search.query import SearchQuery

_FIRST: Final = 1
"""The version that every index has at least, and that is never asked for."""


def require_index(query: SearchQuery, context: SearchContext) -> None:
    """Make sure that the index holds all that a search goes by; raises the 503 outcome that names what it lacks.

    The store is asked only where a parameter is newer than the first version of the index.
    """
    versions: dict[Home, int] = {}
    for type_, name, since in _used(query, context):
        if since > _FIRST:
            if type_.home not in versions:
                versions[type_.home] = context.store.index_version(type_)
            if since > versions[type_.home]:
                raise outcomes.index_out_of_date(name)


def _used(query: SearchQuery, context: SearchContext) -> Iterator[tuple[ResourceType, str, int]]:
    """Yield what a search goes by: the type that has it, what the client calls it, and the version that it needs."""
    for criterion in query.criteria:
        yield query.type, criterion.parameter.name, criterion.parameter.since
    for condition in query.deep:
        for type_, parameter in parameters_of(query.type, condition):
            yield type_, condition.name, parameter.since
    for include in query.includes:
        yield include.source, "_include", include.parameter.values_since
    for include in query.reverse_includes:
        yield include.source, "_revinclude", include.parameter.since
    for order in context.result.sort:
        yield query.type, "_sort", order.parameter.values_since
