"""The project's own sample of invented Care Connect records; the same seed gives the same bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from random import Random
from typing import Final

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_admin.sample.chart import Chart, Person
from careconnect_admin.sample.directory import directory
from careconnect_admin.sample.elements import Resource, nhs_numbers
from careconnect_admin.sample.record import record
from careconnect_admin.sample.stories import TITLES, story
from careconnect_records.parsing.exact_json import json_text

SEED: Final = 1948
PATIENTS: Final = 40

_TEST_DATA: Final = {"system": "http://hl7.org/fhir/v3/ActReason", "code": "HTEST", "display": "test health data"}
_FIRST: Final = {"system": "https://records.example.org/tags", "code": "first", "display": "The first of its type"}

# Fixed people, for use in documents and examples.
_PEOPLE: Final = {
    4: Person("Muñoz", ("Sofía", "Elena"), "female", date(1971, 8, 23)),
    5: Person("Antić", ("Goran",), "male", date(1958, 2, 11)),
}


def sample_resources(seed: int = SEED) -> Iterator[Resource]:
    """Yield the directory, the medicines and `PATIENTS` patients (ids from 1) with full records, some with a story.

    The first of each type has a tag and a security label.
    """
    labelled: set[str] = set()
    for each in _resources(seed):
        if each["resourceType"] not in labelled:
            labelled.add(each["resourceType"])
            each["meta"] |= {"security": [_TEST_DATA], "tag": [_FIRST]}
        yield each


def _resources(seed: int) -> Iterator[Resource]:
    # The data has to be reproducible, and none of it is secret.
    random = Random(seed)  # noqa: S311
    yield from directory(random)
    for number, nhs_number in zip(range(1, PATIENTS + 1), nhs_numbers(), strict=False):
        chart = Chart(random, number, nhs_number, _PEOPLE.get(number))
        yield from record(chart)
        yield from story(chart, seed)


@dataclass(frozen=True, slots=True)
class StoryTeller:
    """A sample patient with a story in the record."""

    patient_id: str
    name: str
    nhs_number: str
    title: str


def story_tellers(seed: int = SEED) -> Iterator[StoryTeller]:
    """Yield the patients with a story, with their names and NHS numbers."""
    for each in sample_resources(seed):
        if each["resourceType"] == "Patient" and each["id"] in TITLES:
            name = each["name"][0]
            number = each["identifier"][0]["value"]
            yield StoryTeller(each["id"], " ".join((*name["given"], name["family"])), number, TITLES[each["id"]])


def write_sample(folder: Path, seed: int = SEED) -> dict[str, int]:
    """Write the sample into `folder`, one NDJSON file per type, and return the count of resources by type."""
    lines: dict[str, list[str]] = {served.name: [] for served in RESOURCE_TYPES}
    for each in sample_resources(seed):
        lines[each["resourceType"]].append(f"{json_text(each)}\n")
    folder.mkdir(parents=True, exist_ok=True)
    for name, texts in lines.items():
        (folder / f"{name}.ndjson").write_bytes("".join(texts).encode())
    return {name: len(texts) for name, texts in lines.items()}
