"""The outcomes that refuse a write, each a named constructor with a fixed text (`write.md`, What is refused)."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.resource_types import ResourceType
from careconnect_records.parsing.faults import MAX_FAULTS

COMPARTMENT: Final = "compartment"
"""The audit trail's reason for a refusal of a client that is bound to a patient."""

_PLAIN_URL: Final = re.compile(r"https?://[A-Za-z0-9./_-]{1,200}")
_REFUSED: Final = ("WriteRefused",)


def unsupported_body() -> OutcomeError:
    """Return 415 for a body in another format than FHIR's."""
    return OutcomeError(
        415,
        "not-supported",
        "A resource is sent with the Content-Type application/fhir+json or application/fhir+xml, uncompressed UTF-8.",
    )


def unsupported_patch() -> OutcomeError:
    """Return 415 for a patch in another format than RFC 6902's."""
    return OutcomeError(
        415,
        "not-supported",
        "A patch is sent with the Content-Type application/json-patch+json (RFC 6902), uncompressed.",
    )


def too_large() -> OutcomeError:
    """Return 413 for a resource over the limit, as it was sent or as it would be stored."""
    return OutcomeError(413, "too-long", "A resource is at most 350 KB as JSON.")


def invalid_resources(faults: Sequence[Sequence[Issue]]) -> OutcomeError:
    """Return the outcome of the first of several invalid resources, with the faults of the others after its own."""
    first, *others = (outcomes.invalid_resource(each[:MAX_FAULTS]) for each in faults)
    first.issues = tuple(issue for each in (first, *others) for issue in each.issues)[:MAX_FAULTS]
    return first


def too_costly(expression: str, text: str) -> OutcomeError:
    """Return 422 for a resource that stores too much; `expression` is the cause, `text` is fixed (ADR 38)."""
    return OutcomeError(422, "too-costly", text, where=expression, metrics=("ResourceInvalid",))


def exceeding(units: int, most: int, instead: str) -> str:
    """Return the text for what costs more than the quota that one request may owe; `instead` is what to send."""
    return (
        f"This costs {units:,} units, and one request may cost {most:,}, the client's quota of ten minutes: send "
        f"{instead}, or ask the operator for a greater ClientAllowance."
    )


def exceeds_quota(units: int, most: int, instead: str) -> OutcomeError:
    """Return 422 for a write that costs more than the quota that one request may owe (ADR 38)."""
    return OutcomeError(422, "too-costly", exceeding(units, most, instead), metrics=("WriteRefused",))


def too_many_patients() -> OutcomeError:
    """Return 422 for a resource that refers to more patients than one request may record (`audit.md`)."""
    return OutcomeError(
        422, "business-rule", "A resource refers to at most 100 patients.", metrics=("ResourceInvalid",)
    )


def refers_to_too_many_patients(type_: ResourceType) -> OutcomeError:
    """Return 422 for a resource that refers to resources in the records of more patients than one request may tell."""
    return too_costly(type_.name, "The resources that this one refers to are in the records of more than 100 patients.")


def unreadable(text: str) -> OutcomeError:
    """Return 400 for a body that does not match its Content-Type; `text` is a fixed reason."""
    return OutcomeError(400, "structure", f"{text[:1].upper()}{text[1:]}.")


def another_type() -> OutcomeError:
    """Return 400 for a body of another type than the path's."""
    return OutcomeError(400, "structure", "The body's resourceType has to be that of the path.", where="resourceType")


def another_id() -> OutcomeError:
    """Return 400 for an update with a body without an id, or with another than the resource's."""
    return OutcomeError(400, "value", "The body's id has to be that of the resource that is updated.", where="id")


def criterion_not_supported(name: str) -> OutcomeError:
    """Return 400 for a criterion that no condition takes; the outcome echoes its name alone."""
    return outcomes.invalid_parameter(
        name, "a write finds its resource by one criterion only, identifier=system|value.", code="not-supported"
    )


def parameter_not_supported(name: str, takes: Sequence[str]) -> OutcomeError:
    """Return 400 for a parameter of a write without a condition in its query, which `takes` others."""
    text = f"this request takes {', '.join(takes)}."
    if name == "identifier":
        text += " A condition is for PUT and DELETE of a type, and for the If-None-Exist of a POST."
    return outcomes.invalid_parameter(name, text, code="not-supported")


def type_without_identifiers(type_name: str) -> OutcomeError:
    """Return 400 for a condition on a type that has no identifiers."""
    text = f"{type_name} has none in STU3, and so takes no condition: name the resource by its id."
    return outcomes.invalid_parameter("identifier", text, code="not-supported")


def profile_not_checked(profile: object) -> OutcomeError:
    """Return 400 for a profile whose rules are not all checked; the outcome echoes a plain URL alone."""
    is_plain = isinstance(profile, str) and _PLAIN_URL.fullmatch(profile)
    named = profile if is_plain else "the profile"
    return outcomes.invalid_parameter(
        "profile", f"not all rules of {named} are checked: leave it out.", code="not-supported"
    )


def faulty_parameters(issues: Sequence[Issue]) -> OutcomeError:
    """Return 400 for Parameters with at least one fault of their own, not of the resource in them."""
    first = issues[0]
    error = OutcomeError(400, first.code, first.diagnostics, where=first.expression)
    error.issues = tuple(issues)
    return error


def malformed_if_match() -> OutcomeError:
    """Return 400 for an If-Match without an entity tag."""
    return OutcomeError(400, "value", 'If-Match holds the version as an ETag has it: W/"1".', where="http.If-Match")


def malformed_if_none_exist() -> OutcomeError:
    """Return 400 for an If-None-Exist that is no query of its type in UTF-8."""
    text = "If-None-Exist holds a query in UTF-8, such as identifier=system%7Cvalue."
    return OutcomeError(400, "value", text, where="http.If-None-Exist")


def precondition_not_supported(name: str) -> OutcomeError:
    """Return 400 for an unsupported precondition of HTTP; `name` is one of a fixed list."""
    text = f"{name}: a write takes If-Match, and If-None-Exist to create."
    return OutcomeError(400, "not-supported", text, where=f"http.{name}")


def too_many_patients_together(limit: int) -> OutcomeError:
    """Return 400 for a transaction that is about more patients than its audit events have room for."""
    return OutcomeError(
        400, "too-costly", f"The entries of a transaction are about at most {limit} patients.", where="Bundle.entry"
    )


def too_much_together() -> OutcomeError:
    """Return 413 for a transaction that would store too much."""
    return OutcomeError(
        413,
        "too-costly",
        "A transaction writes at most 6,000 items and 20 MB, with index entries, and a list of their keys of 390 KB.",
    )


def twice_together(other: int) -> OutcomeError:
    """Return 400 for a second entry of one resource, or of one condition; `other` is the position of the first."""
    text = f"Bundle.entry[{other}] is for the same resource or condition: a transaction has one entry for each."
    return OutcomeError(400, "duplicate", text)


def too_many_conditions(limit: int) -> OutcomeError:
    """Return 400 for a transaction with more conditional references than one request may look up."""
    text = f"A transaction has at most {limit} conditional references that differ."
    return OutcomeError(400, "too-costly", text, where="Bundle.entry")


def nothing_matches() -> OutcomeError:
    """Return 412 for a conditional reference that leads to no resource."""
    text = "No resource meets the condition: create it before, or refer to an entry that creates it by its full URL."
    return OutcomeError(412, "not-found", text, metrics=_REFUSED)


def neither_id_nor_condition(method: str, type_: ResourceType) -> OutcomeError:
    """Return 412 for a PUT or DELETE of a type alone."""
    condition = " Or give a condition: identifier=system|value." if type_.condition else ""
    text = f"Give the id in the path: {method} /{type_.name}/{{id}}.{condition}"
    return OutcomeError(412, "required", text, metrics=_REFUSED)


def not_one_identifier() -> OutcomeError:
    """Return 412 for a condition without an identifier, or with several."""
    text = "A condition is one identifier=system|value: send exactly one."
    return OutcomeError(412, "required", text, metrics=_REFUSED)


def identifier_without_system() -> OutcomeError:
    """Return 412 for a condition's identifier without a `|`."""
    text = "The identifier lacks its system: send identifier=system|value, or identifier=|value if it has none."
    return OutcomeError(412, "required", text, metrics=_REFUSED)


def identifier_without_value() -> OutcomeError:
    """Return 412 for a condition's identifier with a system alone."""
    text = "The identifier lacks its value: send identifier=system|value."
    return OutcomeError(412, "required", text, metrics=_REFUSED)


def several_match() -> OutcomeError:
    """Return 412 for a condition that more than one resource meets."""
    return OutcomeError(
        412,
        "duplicate",
        "More than one resource meets the condition: name the one that is meant by its id.",
        metrics=_REFUSED,
    )


def cannot_be_met(*, why: str = "") -> OutcomeError:
    """Return 412 for a condition that a resource outside the caller's compartment violates."""
    return OutcomeError(412, "conflict", "The condition cannot be met.", metrics=_REFUSED, why=why)


def another_version() -> OutcomeError:
    """Return 409 for an If-Match of another version than the current one (STU3 HTTP §3.1.0.4)."""
    return OutcomeError(
        409,
        "conflict",
        "If-Match names another version than the current one: read the resource again.",
        where="http.If-Match",
        metrics=_REFUSED,
    )


def still_referred_to(types: Iterable[str], *, others: bool) -> OutcomeError:
    """Return 409 for the deletion of a resource that resources of these types refer to, and perhaps of `others`."""
    named = ", ".join(sorted(types)) or "none that the token may read or search"
    return OutcomeError(
        409,
        "conflict",
        f"The resource is still referred to, by resources of these types: {named}{', and others' if others else ''}. "
        "Change or delete those first.",
        metrics=_REFUSED,
    )


def outside_compartment() -> OutcomeError:
    """Return 403 for a write outside the compartment of the token's patient."""
    return OutcomeError(
        403,
        "forbidden",
        "The access token is bound to a patient, and writes in that record only.",
        metrics=_REFUSED,
        why=COMPARTMENT,
    )


def identity_of_patient() -> OutcomeError:
    """Return the 403 for a bound client's change of a Patient's identity, or search of a Patient by identifier."""
    return OutcomeError(
        403,
        "forbidden",
        "The access token is bound to a patient: it changes neither identifier, link nor active of a Patient, deletes "
        "none, and takes no condition on one.",
        metrics=_REFUSED,
        why=COMPARTMENT,
    )


def other_identifier_system() -> OutcomeError:
    """Return 403 for an identifier or a condition of a system that a bound client is not registered for."""
    return OutcomeError(
        403,
        "forbidden",
        "The access token is bound to a patient: it adds, changes, removes and names identifiers only of the systems "
        "in its identifier_systems.",
        metrics=_REFUSED,
        why=COMPARTMENT,
    )


def not_a_patch(text: str) -> OutcomeError:
    """Return 400 for a patch that is no list of RFC 6902's operations; `text` is fixed."""
    return OutcomeError(400, "structure", text)


def patch_failed(position: int) -> OutcomeError:
    """Return 422 for an operation that cannot be done, or a test that fails; `position` counts from 0."""
    return OutcomeError(
        422,
        "processing",
        "The operation cannot be applied: what its path or from names is not there, or its test fails.",
        where=f"[{position}]",
        metrics=("ResourceInvalid",),
    )


def patch_of_identity() -> OutcomeError:
    """Return 422 for a patch of an element that the server sets."""
    return OutcomeError(
        422,
        "business-rule",
        "A patch leaves resourceType, id and meta.versionId as they are.",
        metrics=("ResourceInvalid",),
    )


def too_many_operations(limit: int) -> OutcomeError:
    """Return 413 for a patch with too many operations."""
    return OutcomeError(413, "too-long", f"A patch has at most {limit:,} operations.")


def lost_to_others() -> OutcomeError:
    """Return 503 for a write that conflicted with others until its time was up."""
    text = "Other writes of the same resources kept coming first, and nothing was written: try again shortly."
    return outcomes.unavailable("lost to other writes", text=text)


def out_of_time() -> OutcomeError:
    """Return 503 for a write that took so long that it may not commit any more."""
    text = "It took too long, and nothing was written: try again, or send less at once."
    return outcomes.unavailable("out of time", text=text)


def not_written(reason: str) -> OutcomeError:
    """Return 503 for a write that failed, and that will never be done; `reason` is for the log."""
    text = "Temporarily unavailable, and nothing was written: try again shortly."
    return outcomes.unavailable(reason, text=text)
