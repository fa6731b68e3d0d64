"""Read the parameters of an interaction that reads: those of its query, its form and its `next` link."""

from dataclasses import dataclass, replace

from careconnect.audit.facts import Facts
from careconnect.audit.query import audit_query
from careconnect.endpoint.interaction_endpoint import Requested
from careconnect.fhir import outcomes
from careconnect.fhir.request import Parameters, parameters_of
from careconnect.search.links import Links, SealKey, sealed_parameters
from careconnect.search.result_parameters import ResultParameters, parse_result_parameters


@dataclass(frozen=True, slots=True)
class Reading:
    """The parameters of a read: all of them in order, its result parameters, and the facts that they tell."""

    parameters: Parameters
    result: ResultParameters
    links: Links
    facts: Facts


def read_one_parameters(requested: Requested) -> ResultParameters:
    """Return the result parameters of a read of one resource; raises the 400 outcomes."""
    return _result_of(requested, parameters_of(requested.request, requested.path))


def read_parameters(requested: Requested, seal_key: SealKey) -> Reading:
    """Return the parameters of a request with pages, and tell the audit trail its criteria.

    `seal_key` is the key of the `next` links. Raises the outcomes 400, 413 and 415.
    """
    path, caller, recorder = requested.path, requested.caller, requested.context.recorder
    facts, parameters = recorder.facts, parameters_of(requested.request, path)
    recorder.facts = _with_criteria(facts, requested, parameters)
    sealed = sealed_parameters(parameters, seal_key, caller, path.asked)
    if sealed:
        parameters = [*sealed, *parameters]
        recorder.facts = _with_criteria(facts, requested, parameters)
    if recorder.facts.query.names_too_many:
        raise outcomes.too_many_patients()
    result = _result_of(requested, parameters)
    is_sealed = requested.request.method == "POST" or bool(sealed)
    links = Links(requested.context.base_url.fhir, path.asked, caller, seal_key, is_sealed)
    return Reading(parameters, result, links, recorder.facts)


def _with_criteria(facts: Facts, requested: Requested, parameters: Parameters) -> Facts:
    """Return the facts of a request with its parameters, of which those that are criteria name patients."""
    if not requested.interaction.is_search:
        return facts
    query = audit_query(requested.path.type, parameters, requested.context.base_url.fhir)
    # Too many are refused, and that is recorded for none of them.
    named = () if query.names_too_many else query.patients
    return replace(facts, query=query, patients=(*facts.patients, *named))


def _result_of(requested: Requested, parameters: Parameters) -> ResultParameters:
    return parse_result_parameters(
        requested.path.type, parameters, requested.request.headers, requested.interaction.takes
    )
