"""Chains through any reference, and `_has`: their results, from either side, and the data that they never reveal."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import Resource, few_records, write_records
from careconnect_testing.records.fhir_models import valid_json
from careconnect_testing.running.cases import each_of
from fhir_reader.search import search_resources
from fhir_reader.search.chains.criteria import referrers

IN_ENCOUNTER = ["o3", "o2", "o1"]

FOUND: list[tuple[str, str, list[str]]] = [
    ("Observation", "encounter.status=finished", IN_ENCOUNTER),
    ("Observation", "encounter.date=2018", []),
    ("Observation", "encounter.patient=4", IN_ENCOUNTER),
    ("Observation", "encounter:Encounter.patient:Patient=4", IN_ENCOUNTER),
    ("Observation", "encounter.identifier:missing=true", IN_ENCOUNTER),
    ("Observation", "encounter._id=e1,e2", IN_ENCOUNTER),
    ("Observation", "encounter.episodeofcare.status=active", IN_ENCOUNTER),
    ("Observation", "encounter.patient.family=kanfeld&date=2017-10-02", ["o2"]),
    ("Observation", "encounter.status=finished&encounter.class=AMB", []),
    ("Observation", "patient._has:Condition:patient:code=195967001&date=2017-10-01", ["o1"]),
    ("Condition", "patient.gender:not=female", ["c5"]),
    ("MedicationRequest", "medication.code=10097211000001102", ["mr1"]),
    ("PractitionerRole", "practitioner.name=swamp&organization.name=moor", ["r1"]),
    ("HealthcareService", "organization.address-postalcode=LS1", []),
    ("Patient", "_has:Observation:patient:code=8867-4", ["4", "5"]),
    ("Patient", "_has:Condition:patient:code=44054006,195967001", ["4", "5"]),
    ("Patient", "_has:Condition:patient:code=44054006&_has:Condition:patient:code=195967001", ["4"]),
    ("Patient", "_has:Condition:subject:clinical-status:not=active", ["4"]),
    ("Patient", "_has:Condition:patient:asserted-date:missing=true", ["4"]),
    ("Patient", "_has:Condition:patient:_id=c5", ["5"]),
    ("Patient", "_has:Condition:patient:code=nonsense", []),
    ("Patient", "_has:Encounter:patient:date=ge2018&gender=female", ["4"]),
    ("Patient", "_has:Observation:patient:encounter.status=finished", ["4"]),
    ("Patient", "_has:Observation:subject:encounter:Encounter.status=planned", []),
    ("Patient", "_has:Encounter:patient:_has:Procedure:encounter:code=80146002", ["4"]),
    ("Patient", "_has:Encounter:patient:_has:Condition:encounter:code=80146002", []),
    ("Encounter", "_has:Procedure:encounter:status=completed&_has:Condition:encounter:code=195967001", ["e1"]),
    ("EpisodeOfCare", "_has:Encounter:episodeofcare:class=IMP", ["ep1"]),
    ("Medication", "_has:MedicationRequest:medication:patient.family=kanfeld", ["m1"]),
    ("Organization", "_has:PractitionerRole:organization:practitioner.name=swamp", ["P1"]),
    ("Practitioner", "_has:PractitionerRole:practitioner:organization=P1", ["G1"]),
]


@pytest.fixture(params=["from what is asked for", "from the candidates"])
def either_side(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide the conditions from the one side, then from the other."""
    if request.param == "from the candidates":
        monkeypatch.setattr(search_resources, "resolve_condition", lambda *_: None)


@each_of(("type_name", "query", "ids"), FOUND)
@pytest.mark.usefixtures("either_side")
def test_chains_and_has_find(reader: Reader, type_name: str, query: str, ids: list[str]) -> None:
    answer = reader.get(type_name, query)

    assert (answer.status, answer.ids(), answer.total) == (200, ids, len(ids)), answer.text
    # The names stay as they were given.
    assert parse_qsl(urlsplit(answer.link("self")).query) == parse_qsl(query)
    valid_json(answer.text, "Bundle")


@pytest.mark.usefixtures("either_side")
def test_their_pages_are_complete_and_disjoint(reader: Reader) -> None:
    pages = reader.walk("Observation", "encounter.patient.family=kanfeld&_count=1")

    assert [page.ids() for page in pages] == [[one] for one in IN_ENCOUNTER]


def test_every_reference_is_searched_in_both_directions(reader: Reader) -> None:
    for target in RESOURCE_TYPES:
        for source, reference in referrers(target):
            there = f"_has:{source.name}:{reference.name}:_lastUpdated=gt2000"
            back = f"{reference.name}:{target.name}._lastUpdated=gt2000"
            assert (reader.get(target.name, there).status, reader.get(source.name, back).status) == (200, 200)


REFUSED: list[tuple[str, str, str]] = [
    ("Observation", "encounter.episodeofcare.patient.family", "not-supported"),
    ("Observation", "encounter.nonsense.status", "not-supported"),
    ("Observation", "encounter.status.nonsense", "not-supported"),
    ("Observation", "encounter:Patient.status", "not-supported"),
    ("Observation", "encounter.", "not-supported"),
    ("Observation", "_has:Condition:patient:code", "not-supported"),
    ("Patient", "_has", "value"),
    ("Patient", "_has:Observation", "value"),
    ("Patient", "_has:Observation:patient", "value"),
    ("Patient", "_has:Observation:patient:", "value"),
    ("Patient", "_has::patient:code", "value"),
    ("Patient", "_has:Nonsense:patient:code", "not-supported"),
    ("Patient", "_has:AuditEvent:patient:type", "not-supported"),
    ("Patient", "_has:Observation:encounter:code", "not-supported"),
    ("Patient", "_has:Observation:code:code", "not-supported"),
    ("Patient", "_has:Observation:patient:nonsense", "not-supported"),
    ("Patient", "_has:Observation:patient:code.text", "not-supported"),
    ("Patient", "_has:Encounter:patient:_has:Observation:encounter:patient.family", "not-supported"),
    ("Patient", "_has:Encounter:patient:_has:Observation:encounter:_has:Observation:patient:code", "not-supported"),
]


@each_of(("type_name", "name", "code"), REFUSED)
def test_what_is_malformed_or_not_offered_is_refused_by_name(
    reader: Reader, type_name: str, name: str, code: str
) -> None:
    answer = reader.get(type_name, [(name, "x")])

    assert (answer.status, answer.issue["code"]) == (400, code)
    assert answer.issue["diagnostics"].startswith(f"{name}: ")
    assert reader.calls == []


def test_a_refusal_of_has_gives_examples_that_work(reader: Reader) -> None:
    told = reader.get("Encounter", "_has=x").issue["diagnostics"]

    examples = told.rpartition("such as ")[2].removesuffix(".").split(", ")
    assert "_has:Observation:encounter:_id" in examples
    for example in examples:
        assert reader.get("Encounter", f"{example}=x").status == 200


@pytest.mark.parametrize("name", ["_has:Observation:performer:code", "_has:Patient:organization:name"])
def test_the_directory_does_not_reach_records(reader: Reader, name: str) -> None:
    """Its function cannot read them."""
    answer = reader.get("Organization", f"{name}=x")

    assert (answer.status, answer.issue["code"]) == (400, "not-supported")
    assert "does not reach records" in answer.issue["diagnostics"]


def test_an_inner_value_is_checked_as_its_own_parameters(reader: Reader) -> None:
    answer = reader.get("Patient", "_has:Observation:patient:date=nonsense")

    assert (answer.status, answer.issue["code"]) == (400, "value")
    assert answer.issue["diagnostics"].startswith("date: ")


SCOPED = [
    ("Patient.rs", "Patient", "_has:Observation:patient:code=x", 403),
    ("Patient.rs Observation.r", "Patient", "_has:Observation:patient:code=x", 403),
    ("Patient.rs Observation.s", "Patient", "_has:Observation:patient:code=x", 200),
    ("Patient.rs Observation.s", "Patient", "_has:Observation:patient:encounter.status=x", 403),
    ("Patient.rs Observation.s Encounter.s", "Patient", "_has:Observation:patient:encounter.status=x", 200),
    ("Observation.rs Encounter.s", "Observation", "encounter.patient.name=x", 403),
    ("Observation.rs Patient.s", "Observation", "encounter.patient.name=x", 403),
    ("Observation.rs Encounter.s Patient.s", "Observation", "encounter.patient.name=x", 200),
    # The reference itself is the encounter's, and nothing of the patient.
    ("Observation.rs Encounter.s", "Observation", "encounter.patient=4", 200),
]


@each_of(("scope", "type_name", "query", "status"), SCOPED)
@pytest.mark.usefixtures("either_side")
def test_s6_each_type_that_is_looked_at_needs_the_scope(
    reader: Reader, scope: str, type_name: str, query: str, status: int
) -> None:
    scope = " ".join(f"user/{one}" for one in scope.split())
    # Whether or not there is anything to look at.
    for also in ("", "&_id=nobody"):
        assert reader.as_caller(scope).get(type_name, query + also).status == status


@pytest.fixture(scope="module")
def entangled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Yield the few records, and one of Patient 5 that refers to an Encounter of Patient 4."""
    foreign: Resource = {
        "resourceType": "Observation",
        "id": "o51",
        "status": "final",
        "code": {"coding": [{"code": "secret"}]},
        "subject": {"reference": "Patient/5"},
        "context": {"reference": "Encounter/e1"},
    }
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("entangled"), [*few_records(), foreign]))
        yield reader


ENTANGLED = [
    # Of 4's encounter, 5 learns nothing by the observation that refers to it.
    ("5", "Observation", "encounter.status=finished", ["o51"], []),
    ("5", "Observation", "encounter.status:missing=false", ["o51"], []),
    ("5", "Observation", "encounter.patient.family=kanfeld", ["o51"], []),
    ("5", "Patient", "_has:Observation:patient:encounter.status=finished", ["5"], []),
    # Of 5's observation, 4 learns nothing by the encounter that is referred to.
    ("4", "Encounter", "_has:Observation:encounter:code=secret", ["e1"], []),
    ("4", "Encounter", "_has:Observation:encounter:patient.family=munoz", ["e1"], []),
    ("4", "Patient", "_has:Encounter:patient:_has:Observation:encounter:code=secret", ["4"], []),
    ("4", "EpisodeOfCare", "_has:Encounter:episodeofcare:_has:Observation:encounter:code=secret", ["ep1"], []),
    # Its own records answer the query.
    ("4", "Encounter", "_has:Observation:encounter:code=8867-4", ["e1"], ["e1"]),
    ("4", "Observation", "encounter.patient.family=kanfeld", [*IN_ENCOUNTER, "o51"], IN_ENCOUNTER),
]


@pytest.mark.parametrize(("patient", "type_name", "query", "to_all", "to_bound"), ENTANGLED)
@pytest.mark.usefixtures("either_side")
def test_s4_what_is_not_the_bound_patients_decides_nothing(
    entangled: Reader, patient: str, type_name: str, query: str, to_all: list[str], to_bound: list[str]
) -> None:
    everybodys = entangled.get(type_name, query)
    own = entangled.as_caller(patient=patient).get(type_name, query)

    assert set(to_all) <= set(everybodys.ids())
    assert (own.ids(), own.total, own.link("next")) == (to_bound, len(to_bound), "")
