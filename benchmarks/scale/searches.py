"""The kinds of searches that are measured over populations of any size, with an example of each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from benchmarks.scale.population import CONDITION, ENCOUNTER, OBSERVATION, PATIENT, Kind, Population, resource_id
from benchmarks.scale.templates import (
    COMMON_CODE,
    LOINC,
    NHS_NUMBER,
    RARE_CODE,
    RARE_NAME,
    SECOND_CODE,
    nhs_number,
)

from careconnect.storage.keys import SHARDS
from careconnect_records.items.resource_items import instant_text

Query = Callable[[Population], str]
"""Returns the path and query of a search, below the FHIR base."""


@dataclass(frozen=True, slots=True)
class Search:
    """A kind of search.

    `is_refused` says that it is 400 `too-costly` in a large population, as the contract says. A page with a `middle`
    begins after the middle number of that kind, by a `next` link; any other is a first page. `settles_at` is the number
    of patients from which on a page costs the same: more are found in a larger population, until the page's limit is
    reached.
    """

    name: str
    query: Query
    is_refused: bool = False
    middle: Kind | None = None
    settles_at: int = 1_000


def _always(text: str) -> Query:
    return lambda _: text


def _one(text: str) -> Query:
    """Return a query about one patient, in the middle of the population: its id, number and records are filled in."""

    def query(population: Population) -> str:
        number = population.patients // 3 * 2
        return text.format(
            patient=resource_id(PATIENT, number),
            nhs=f"{NHS_NUMBER}|{nhs_number(number)}",
            other=f"{NHS_NUMBER}|{nhs_number(number + 1)}",
            observation=resource_id(OBSERVATION, number),
            condition=resource_id(CONDITION, number),
            encounter=resource_id(ENCOUNTER, number),
        )

    return query


def _day(text: str) -> Query:
    """Return a query with a day, its month and the day after, from the middle of all observations."""

    def query(population: Population) -> str:
        day = population.date(OBSERVATION, population.total(OBSERVATION) // 2)
        born = population.date(PATIENT, population.patients // 2)
        return text.format(
            day=f"{day:%Y-%m-%d}", year_later=f"{day + timedelta(days=365):%Y-%m-%d}", born=f"{born:%Y-%m-%d}"
        )

    return query


def _last_changed(text: str) -> Query:
    """Return a query with the time before the last five changes in each shard."""

    def query(population: Population) -> str:
        newest = population.loaded_at(OBSERVATION, population.blocks(OBSERVATION) - 1) * SHARDS
        return text.format(before=instant_text(population.updated(OBSERVATION, newest) - 5))

    return query


SEARCHES: Final = (
    Search("read", _one("Patient/{patient}")),
    Search("history", _one("Patient/{patient}/_history")),
    Search("`$everything`", _one("Patient/{patient}/$everything")),
    Search("`_id`", _one("Patient?_id={patient}")),
    Search("`identifier`", _one("Patient?identifier={nhs}")),
    Search("`identifier`, a list", _one("Patient?identifier={nhs},{other}")),
    Search("`email`", _one("Patient?email={patient}@example.org")),
    Search("`name`, rare", _always(f"Patient?name={RARE_NAME}")),
    Search("`name`, common", _always("Patient?name=mur"), settles_at=100_000),
    Search("`name`, one letter", _always("Patient?name=m"), settles_at=100_000),
    Search("`family` and `given`", _always("Patient?family=ogden&given=kit"), settles_at=100_000),
    Search("`name:contains`", _always("Patient?name:contains=gat")),
    Search("`address-postalcode`", _always("Patient?address-postalcode=XB3"), settles_at=100_000),
    Search("`birthdate`, a day", _day("Patient?birthdate={born}"), settles_at=100_000_000),
    Search("`birthdate`, a range", _day("Patient?birthdate=ge1950&birthdate=lt1980"), settles_at=10_000),
    Search("`gender`", _always("Patient?gender=female")),
    Search("`gender`, rare", _always("Patient?gender=other")),
    Search("`gender:not`", _always("Patient?gender:not=female")),
    Search("`gender`, a list", _always("Patient?gender=female,other")),
    Search("`:missing`", _always("Patient?death-date:missing=true")),
    Search("`organization`", _always("Patient?organization=SAMPLE-GP2"), settles_at=10_000),
    Search("`_security`", _always("Patient?_security=HTEST"), settles_at=10_000),
    Search("no parameter", _always("Observation")),
    Search("no parameter, in the middle", _always("Observation"), middle=OBSERVATION),
    Search("`patient`", _one("Observation?patient={patient}")),
    Search("`patient` and `code`", _one(f"Observation?patient={{patient}}&code={LOINC}|{COMMON_CODE}")),
    Search("`patient` and `date`", _one("Observation?patient={patient}&date=ge2015&date=lt2020")),
    Search("compartment", _one("Patient/{patient}/Condition")),
    Search("`encounter`", _one("Observation?encounter={encounter}")),
    Search("`code`", _always(f"Observation?code={LOINC}|{COMMON_CODE}")),
    Search("`code`, of any system", _always(f"Observation?code={SECOND_CODE}")),
    Search("`code`, a list", _always(f"Observation?code={LOINC}|{COMMON_CODE},{LOINC}|{SECOND_CODE}")),
    Search("`code`, rare", _always(f"Observation?code={LOINC}|{RARE_CODE}")),
    Search("`code:not`", _always(f"Observation?code:not={LOINC}|{COMMON_CODE}")),
    Search("`date`, newest first", _day("Observation?date=le{day}&_sort=-date")),
    Search("`date`, oldest first", _day("Observation?date=ge{day}&date=lt{year_later}&_sort=date")),
    Search("`value-quantity`", _always("Observation?value-quantity=gt150")),
    Search("`code-value-quantity`", _always(f"Observation?code-value-quantity={COMMON_CODE}$gt150")),
    Search("`performer`", _always("Observation?performer=Practitioner/gp-1-1")),
    Search("`_sort=_lastUpdated`", _always("Observation?_sort=_lastUpdated")),
    Search("`_sort=-_lastUpdated`", _always("Observation?_sort=-_lastUpdated")),
    Search("`_sort=birthdate`", _always("Patient?_sort=birthdate")),
    Search("`_lastUpdated`", _last_changed("Observation?_lastUpdated=gt{before}")),
    Search("`_sort=family`", _always("Patient?_sort=family"), is_refused=True, settles_at=1_000_000),
    Search("`_sort=family` of a rare name", _always(f"Patient?name={RARE_NAME}&_sort=family")),
    Search("`_total=accurate`", _always("Observation?_total=accurate"), is_refused=True),
    Search("`_summary=count`", _always("Patient?_summary=count"), is_refused=True, settles_at=100_000),
    Search("`patient.identifier`", _one("Observation?patient.identifier={nhs}")),
    Search("`patient.name`, rare", _always(f"Observation?patient.name={RARE_NAME}")),
    Search("`patient.name`, common", _always("Observation?patient.name=mur"), settles_at=100_000),
    Search("`patient.gender`", _always("Observation?patient.gender=female")),
    Search("`encounter.patient`", _one("Observation?encounter.patient={patient}")),
    Search("`performer.name`", _always("Observation?performer:Practitioner.name=vickers")),
    Search("`_has`, rare", _always(f"Patient?_has:Observation:patient:code={LOINC}|{RARE_CODE}")),
    Search("`_has`, common", _always(f"Patient?_has:Observation:patient:code={LOINC}|{SECOND_CODE}")),
    Search("`_has` of few", _always("Patient?_has:Observation:patient:value-quantity=gt155"), settles_at=1_000_000),
    Search("`_include`", _always("Observation?_include=Observation:patient&_include=Observation:encounter")),
    Search("`_revinclude`", _always("Patient?_revinclude=Condition:patient")),
    Search("`_revinclude` of one", _one("Patient?_id={patient}&_revinclude=Observation:patient")),
)
"""The first pages of searches for one patient, for values that many or few have, and for all of a type."""
