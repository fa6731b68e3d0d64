"""One sample patient with a full record: every clinical type, linked to the directory."""

from collections.abc import Iterator

from careconnect_admin.sample.chart import Chart
from careconnect_admin.sample.clinical_history import allergies, conditions, immunizations, procedures
from careconnect_admin.sample.elements import Resource
from careconnect_admin.sample.encounters import encounters, episodes
from careconnect_admin.sample.medication import medication
from careconnect_admin.sample.observations import observations
from careconnect_admin.sample.patient import patient


def record(chart: Chart) -> Iterator[Resource]:
    """Yield the patient and the whole record, ordered so that each resource refers only to earlier ones.

    Only the episode refers to a later resource, its condition.
    """
    yield patient(chart)
    yield from episodes(chart)
    yield from encounters(chart)
    yield from conditions(chart)
    yield from observations(chart)
    yield from procedures(chart)
    yield from allergies(chart)
    yield from immunizations(chart)
    yield from medication(chart)
