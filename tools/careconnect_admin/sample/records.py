"""The project's own sample of invented Care Connect records: the lines of `data`, an NDJSON file for each type."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from careconnect_records.parsing.exact_json import parse_json

SAMPLE: Final = Path(__file__).with_name("data")
"""The folder of the files."""

_STORIES: Final = {
    "4": "blood pressure, and a medicine changed for another",
    "5": "diabetes, and a dose that was doubled",
    "6": "five nights in hospital with a pneumonia",
}
"""What the record of a patient tells, by the patient's id."""


def sample_resources() -> Iterator[dict[str, Any]]:
    """Yield all resources: the directory, the medicines, and patients with full records, some with a story."""
    for path in sorted(SAMPLE.glob("*.ndjson")):
        yield from map(parse_json, path.read_text(encoding="utf-8").splitlines())


@dataclass(frozen=True, slots=True)
class StoryTeller:
    """A sample patient with a story in the record."""

    patient_id: str
    name: str
    nhs_number: str
    title: str


def story_tellers() -> Iterator[StoryTeller]:
    """Yield the patients with a story, with their names and NHS numbers."""
    for line in (SAMPLE / "Patient.ndjson").read_text(encoding="utf-8").splitlines():
        patient = json.loads(line)
        if title := _STORIES.get(patient["id"]):
            name = patient["name"][0]
            number = patient["identifier"][0]["value"]
            yield StoryTeller(patient["id"], " ".join((*name["given"], name["family"])), number, title)


def write_sample(folder: Path) -> dict[str, int]:
    """Copy the sample's files into `folder`, and return the count of resources by type."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for path in sorted(SAMPLE.glob("*.ndjson")):
        shutil.copyfile(path, folder / path.name)
        counts[path.stem] = len(path.read_bytes().splitlines())
    return counts
