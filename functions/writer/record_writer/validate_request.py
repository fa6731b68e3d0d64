"""Read the write that `$validate` is to judge: of a resource, perhaps within Parameters (STU3 Resource §2.26.3.2)."""

from typing import Any, Final

from careconnect.audit.disclosures import Disclosures
from careconnect.endpoint.interaction_endpoint import Requested
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue
from careconnect.fhir.resource_types import valid_id
from careconnect_records.stu3.validation import faults_of
from record_writer import refusals
from record_writer.checks.compartment import patients_in_body
from record_writer.request.preconditions import require_no_criteria
from record_writer.request.request_body import LARGEST_SENT, any_resource_in
from record_writer.request.write_request import Kind, WriteRequest

_MODES: Final = {each.value: each for each in (Kind.CREATE, Kind.UPDATE, Kind.DELETE)}
_VALUES: Final = {"mode": "valueCode", "profile": "valueUri", "resource": "resource"}
"""The parameters in a body of Parameters, each with the element that holds it."""

_TAKES: Final = "$validate takes a resource, a mode as valueCode and a profile as valueUri, each once at most."


def judged_write_of(requested: Requested, met: Disclosures) -> WriteRequest:
    """Return the write that a request asks to judge, and add the patients that it names to `met`.

    Raises the outcomes 413 and 415, and 400 for what cannot be parsed, is of another type, or is not offered.
    """
    path = requested.path
    met.disclose(filter(None, (path.patient,)))
    given = _given(requested)
    if "profile" in given:
        raise refusals.profile_not_checked(given["profile"])
    kind = _kind_of(given.get("mode"), path.id)
    root = requested.context.base_url.root
    if kind is Kind.DELETE:
        return WriteRequest(kind=kind, type=path.type, caller=requested.caller, root=root, id=path.id)
    resource = given.get("resource")
    if not isinstance(resource, dict):
        raise outcomes.invalid_request("There is no resource to validate: send it, or Parameters with it.")
    if resource.get("resourceType") != path.type.name:
        raise refusals.another_type()
    patients = patients_in_body(path.type, resource, root)
    met.disclose(patients)
    body_id = resource.pop("id", None)
    if kind is Kind.UPDATE:
        if not valid_id(body_id) or path.id not in ("", body_id):
            raise refusals.another_id()
        resource["id"] = body_id
    return WriteRequest(
        kind=kind,
        type=path.type,
        caller=requested.caller,
        root=root,
        id=body_id if kind is Kind.UPDATE else "",
        resource=resource,
        body_id=body_id,
        patients=patients,
    )


def _given(requested: Requested) -> dict[str, Any]:
    """Return the parameters of the query and of the body, those of the body first."""
    request = requested.request
    require_no_criteria(request.query, requested.interaction.takes)
    given: dict[str, Any] = {}
    for name, text in request.query:
        if name in _VALUES and given.setdefault(name, text) != text:
            raise outcomes.invalid_parameter(name, "is given twice.")
    if not request.encoded_body:
        return given
    sent = any_resource_in(request, LARGEST_SENT, refusals.too_large)
    return given | (_parameters_in(sent) if sent.get("resourceType") == "Parameters" else {"resource": sent})


def _parameters_in(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what Parameters hold, by name; raises the 400 outcomes for a fault of theirs, not of the resource."""
    listed = sent.get("parameter")
    parameters = listed if isinstance(listed, list) else []
    bare = {**sent, "parameter": list(map(_without_resource, parameters))} if parameters else sent
    faults, _ = faults_of(bare)
    issues = [Issue("invalid", fault.text, expression=fault.expression) for fault in faults]
    given: dict[str, Any] = {}
    for position, each in enumerate(() if issues else parameters):
        value = _VALUES.get(each["name"], "")
        if value not in each or each["name"] in given:
            where = f"Parameters.parameter[{position}]"
            issues.append(Issue("invalid", _TAKES, expression=where))
        else:
            given[each["name"]] = each[value]
    if issues:
        raise refusals.faulty_parameters(issues)
    return given


def _without_resource(parameter: Any) -> Any:
    """Return a parameter whose resource, which is judged by itself, is an empty one."""
    if not isinstance(parameter, dict) or "resource" not in parameter:
        return parameter
    return {**parameter, "resource": {"resourceType": "Basic", "code": {"text": "-"}}}


def _kind_of(mode: Any, resource_id: str) -> Kind:
    """Return the write of a mode, by default an update of the resource in the path, else a create."""
    if mode is None:
        return Kind.UPDATE if resource_id else Kind.CREATE
    kind = _MODES.get(mode) if isinstance(mode, str) else None
    if kind is None or (kind is Kind.DELETE and not resource_id):
        raise outcomes.invalid_parameter("mode", "takes create or update, and below an id delete.")
    return kind
