"""The audit events of the patients that a request names.

They are written concurrently with the request's look-ups (`audit.md`, Whose).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Final

from careconnect.audit.query import MOST_PATIENTS, PATIENT
from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import Home, ResourceType
from careconnect.search.criteria import Criterion, parse_criterion
from fhir_reader.search.access_paths import index_paths
from fhir_reader.search.context import SearchContext

_IDENTIFIER: Final = next(each for each in PATIENT.parameters if each is PATIENT.condition)
_EXPECTED: Final = 2
"""Estimated entries of one identifier: one patient, and one more."""


def audit_named_patients(type_: ResourceType, context: SearchContext) -> None:
    """Begin the audit events of all patients named in a request, after its validation and before any look-up.

    The events of patients that the caller may not see are written at the end, as refused. A request to the directory
    concerns no patient. Raises the 429 outcome.
    """
    if type_.home is Home.DIRECTORY:
        context.trail.touched()
        return
    seen = _seen(context.named, context)
    if seen:
        context.trail.touched(seen)
    if context.identifiers:
        _look_up(context)


def _look_up(context: SearchContext) -> None:
    """Begin to look up the patients with the requested identifiers: one query for each."""
    parsed = parse_criterion(_IDENTIFIER, "", ",".join(context.identifiers), fhir_base=context.fhir_base, now=0)
    # A system alone identifies no patient.
    criterion = Criterion(_IDENTIFIER, "", tuple(value for value in parsed.values if value.code))
    if not criterion.values:
        return
    (path,) = index_paths(PATIENT, [criterion])
    context.budget.look_up(len(path.ranges))
    streams = context.uncharged.entries(PATIENT, [replace(one, expected=_EXPECTED) for one in path.ranges])
    matches = criterion.matcher()

    def find() -> Sequence[str]:
        found = (
            entry for stream in streams for entry in islice(chain.from_iterable(stream.parts()), MOST_PATIENTS + 1)
        )
        patients = _seen([entry.id for entry in found if matches(entry.values)], context)
        if not context.trail.fits(patients):
            raise outcomes.too_many_patients()
        return patients

    context.trail.touched_when(find)


def _seen(patients: Sequence[str], context: SearchContext) -> list[str]:
    """Return the patients that the caller may see, and audit the others as refused."""
    hidden = [patient for patient in patients if not context.caller.sees(PATIENT, patient, ())]
    if hidden:
        context.trail.withheld(hidden)
    return [patient for patient in patients if patient not in hidden]
