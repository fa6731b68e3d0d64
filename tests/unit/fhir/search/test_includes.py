"""The includes of a search, and their authorisation entry by entry (`access.md`, Rule 3 and S6)."""

from collections.abc import Iterator

import pytest

from careconnect.fhir.resource_types import (
    RESOURCE_TYPES,
    REVERSE_INCLUDES,
    ParameterType,
    ResourceType,
    SearchParameter,
)
from careconnect.fhir.resource_types.stu3 import definition
from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.record_writers import Writer, module_writer, writer
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import OBSERVATIONS, Resource, write_records
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.running.cases import each_of
from fhir_reader import budget
from fhir_reader.search import includes, search_resources

__all__ = ["module_writer", "writer"]

IN_ENCOUNTER = ["Observation/o1", "Observation/o2", "Observation/o3"]

INCLUDED: list[tuple[str, str, list[str]]] = [
    ("Patient", "_id=4&_include=Patient:organization", ["Organization/P1"]),
    ("Patient", "_id=4&_include=Patient:general-practitioner", ["Practitioner/G1", "Organization/P1"]),
    ("Patient", "_id=4&_include=Patient:general-practitioner:Practitioner", ["Practitioner/G1"]),
    ("Patient", "birthdate=1998&_include=Patient:organization", ["Organization/P1"]),
    ("Patient", "_id=6&_include=Patient:organization", []),
    ("Condition", "patient=4&_include=Condition:patient", ["Patient/4"]),
    ("Condition", "patient=4&_include=Condition:patient:Patient", ["Patient/4"]),
    (
        "Condition",
        "_include=Condition:patient&_include=Condition:encounter",
        ["Patient/4", "Patient/5", "Encounter/e1"],
    ),
    ("Observation", "_id=o1&_include=Observation:encounter", ["Encounter/e1"]),
    ("Observation", "_id=o9&_include=Observation:encounter", []),
    ("Encounter", "_id=e1&_include=Encounter:patient", ["Patient/4"]),
    ("Encounter", "_id=e1&_include=Encounter:location", ["Location/L1"]),
    ("Encounter", "_id=e1&_include=Encounter:service-provider", ["Organization/P1"]),
    ("Encounter", "_id=e1&_include=Encounter:participant", ["Practitioner/G1"]),
    ("Procedure", "_include=Procedure:encounter", ["Encounter/e1"]),
    ("AllergyIntolerance", "_include=AllergyIntolerance:patient", ["Patient/4"]),
    ("Immunization", "_include=Immunization:patient", ["Patient/4"]),
    ("MedicationRequest", "patient=4&_include=MedicationRequest:medication", ["Medication/m1"]),
    ("MedicationRequest", "patient=4&_include=MedicationRequest:requester", ["Organization/P1"]),
    ("MedicationStatement", "_include=MedicationStatement:medication", ["Medication/m1"]),
    ("EpisodeOfCare", "_include=EpisodeOfCare:organization", ["Organization/P1"]),
    ("Location", "_include=Location:organization", ["Organization/P1"]),
    ("PractitionerRole", "_include=PractitionerRole:practitioner", ["Practitioner/G1"]),
    ("PractitionerRole", "_include=PractitionerRole:organization", ["Organization/P1"]),
    ("HealthcareService", "_include=HealthcareService:organization", ["Organization/P1"]),
    ("Patient", "_id=4&_revinclude=Encounter:patient", ["Encounter/e1", "Encounter/e2"]),
    ("Patient", "_id=4&_revinclude=Condition:patient", ["Condition/c1", "Condition/c2"]),
    ("Patient", "birthdate=1998&_revinclude=Condition:patient", ["Condition/c1", "Condition/c2", "Condition/c5"]),
    ("Patient", "_id=6&_revinclude=Condition:patient", []),
    ("Encounter", "_id=e1&_revinclude=Condition:encounter", ["Condition/c1"]),
    ("Encounter", "_id=e1&_revinclude=Procedure:encounter", ["Procedure/pr1"]),
    ("Encounter", "_revinclude=Observation:encounter", ["Observation/o1", "Observation/o2", "Observation/o3"]),
    ("Patient", "_id=4&_include=*", ["Practitioner/G1", "Organization/P1"]),
    ("Organization", "_include=*", []),
    (
        "Encounter",
        "_id=e1&_include=*",
        ["EpisodeOfCare/ep1", "Location/L1", "Organization/P1", "Patient/4", "Practitioner/G1"],
    ),
    ("Encounter", "_id=e1&_revinclude=*", ["Condition/c1", *IN_ENCOUNTER, "Procedure/pr1"]),
    ("Encounter", "_id=e2&_revinclude=*", []),
    # All of one type.
    ("Patient", "_id=4&_include=Patient:*", ["Practitioner/G1", "Organization/P1"]),
    ("Organization", "_include=Organization:*", []),
    ("Encounter", "_id=e1&_revinclude=Observation:*", IN_ENCOUNTER),
    ("Encounter", "_id=e1&_revinclude=Observation:*&_revinclude=Procedure:*", [*IN_ENCOUNTER, "Procedure/pr1"]),
    ("Patient", "_id=4&_revinclude=Encounter:*", ["Encounter/e1", "Encounter/e2"]),
    (
        "Observation",
        "_id=o1&_include=Observation:encounter&_include:iterate=Encounter:*",
        ["Encounter/e1", "EpisodeOfCare/ep1", "Location/L1", "Organization/P1", "Patient/4", "Practitioner/G1"],
    ),
    (
        "Patient",
        "_id=4&_revinclude=Encounter:patient&_revinclude:iterate=Observation:*",
        ["Encounter/e1", "Encounter/e2", *(f"Observation/o{number}" for number in range(1, OBSERVATIONS + 1))],
    ),
    # From what was included, on and on.
    ("Observation", "_id=o1&_include:iterate=Encounter:location", []),
    ("Observation", "_id=o1&_include:iterate=Observation:encounter", ["Encounter/e1"]),
    (
        "Observation",
        "_id=o1&_include=Observation:encounter&_include:recurse=Encounter:location&_include:iterate=Location:organization",
        ["Encounter/e1", "Location/L1", "Organization/P1"],
    ),
    (
        "Observation",
        "_id=o1&_include:iterate=*",
        ["Encounter/e1", "EpisodeOfCare/ep1", "Location/L1", "Organization/P1", "Patient/4", "Practitioner/G1"],
    ),
    (
        "Observation",
        "_id=o9&_include=Observation:patient&_include:iterate=Patient:general-practitioner:Practitioner",
        ["Patient/4", "Practitioner/G1"],
    ),
    (
        "Patient",
        "_id=4&_revinclude=Encounter:patient&_revinclude:iterate=Observation:encounter",
        ["Encounter/e1", "Encounter/e2", *IN_ENCOUNTER],
    ),
    (
        "Patient",
        "_id=4&_revinclude=Encounter:patient&_revinclude:recurse=Observation:encounter:Encounter",
        ["Encounter/e1", "Encounter/e2", *IN_ENCOUNTER],
    ),
    (
        "Patient",
        "_id=4&_revinclude=Encounter:patient&_include:iterate=Encounter:service-provider",
        ["Encounter/e1", "Encounter/e2", "Organization/P1"],
    ),
    (
        "Procedure",
        "_include=Procedure:encounter&_revinclude:iterate=Condition:encounter",
        ["Encounter/e1", "Condition/c1"],
    ),
]


@each_of(("type_name", "query", "included"), INCLUDED)
def test_an_include_brings_what_the_matches_refer_to_or_what_refers_to_them(
    reader: Reader, type_name: str, query: str, included: list[str]
) -> None:
    answer = reader.get(type_name, query)
    plain = reader.get(type_name, query.replace("_include", "_x").replace("_revinclude", "_x"))

    assert answer.status == 200, answer.text
    assert sorted(answer.found("include")) == sorted(included)
    # An included resource is no match: it is neither found nor counted.
    assert (answer.found(), answer.total) == (plain.found(), plain.total)
    valid_json(answer.text, "Bundle")
    valid_xml(reader.get(type_name, f"{query}&_format=xml").text, "Bundle")


def test_the_contracts_reverse_includes_are_offered(reader: Reader) -> None:
    clinical = {each.name for each in RESOURCE_TYPES if each.parameter("patient")}
    assert {source for source, _ in REVERSE_INCLUDES["Patient"]} == clinical
    for target, sources in REVERSE_INCLUDES.items():
        for source, parameter in sources:
            assert reader.get(target, f"_revinclude={source}:{parameter}:{target}").status == 200


def test_a_resource_is_there_once_whatever_leads_to_it(reader: Reader) -> None:
    answer = reader.get("Condition", "patient=4&_include=Condition:patient&_include=Condition:patient:Patient")
    assert answer.found("include") == ["Patient/4"]
    # A match is not included besides.
    answer = reader.get("Patient", "_revinclude=MedicationRequest:patient")
    assert sorted(answer.found("include")) == ["MedicationRequest/mr1", "MedicationRequest/mr5"]


def test_includes_belong_to_their_page(reader: Reader) -> None:
    pages = reader.walk("Condition", "_include=Condition:patient&_count=1&_sort=_id")

    assert [(page.ids(), page.found("include")) for page in pages] == [
        (["c1"], ["Patient/4"]),
        (["c2"], ["Patient/4"]),
        (["c5"], ["Patient/5"]),
    ]


ALL_OF_PATIENT = "&".join(f"_revinclude={source}:patient" for source, _ in REVERSE_INCLUDES["Patient"])


def test_s6_a_patient_only_token_gets_nothing_else_through_includes(reader: Reader) -> None:
    patient_only = reader.as_caller("patient/Patient.read user/Patient.read")

    answer = patient_only.get("Patient", f"_id=4&{ALL_OF_PATIENT}&_include=Patient:organization")

    assert (answer.found(), answer.found("include"), answer.total) == (["Patient/4"], [], 1)
    # Nor does it differ from the answer about a patient without such a record.
    assert len(answer.json["entry"]) == 1
    assert [link["relation"] for link in answer.json["link"]] == ["self"]


@pytest.mark.parametrize(
    ("scope", "types"),
    [
        ("user/Patient.read profile", {"Organization"}),
        ("user/Patient.read user/Condition.read", {"Condition"}),
        # To follow a reference back is to search; to follow one is to read.
        ("user/Patient.read user/Condition.r", set()),
        ("user/Patient.read user/Condition.s", set()),
        ("user/Patient.read user/Condition.rs", {"Condition"}),
        ("user/Patient.read user/Organization.r", {"Organization"}),
        ("user/Patient.read user/Organization.s", set()),
        ("user/Patient.read user/MedicationOrder.read", {"MedicationRequest"}),
        ("user/Patient.read user/Observation.write", set()),
    ],
)
def test_s6_an_include_brings_the_types_of_the_scope_alone(reader: Reader, scope: str, types: set[str]) -> None:
    answer = reader.as_caller(scope).get("Patient", f"_id=4&{ALL_OF_PATIENT}&_include=Patient:organization")

    assert {reference.partition("/")[0] for reference in answer.found("include")} == types


def test_s4_a_bound_client_gets_nothing_foreign_through_includes(reader: Reader) -> None:
    everything = reader.get("MedicationRequest", "_id=mr5&_include=MedicationRequest:requester")
    assert everything.found("include") == ["Patient/4"]

    bound = reader.as_caller(patient="5").get("MedicationRequest", "_id=mr5&_include=MedicationRequest:requester")
    assert (bound.found(), bound.found("include")) == (["MedicationRequest/mr5"], [])
    bound = reader.as_caller(patient="5").get("Patient", ALL_OF_PATIENT)
    assert sorted(bound.found("include")) == ["Condition/c5", "MedicationRequest/mr5", "Observation/o50"]


def _in_everybodys_records(number: int) -> list[Resource]:
    """Return the resources of one patient among many that share a medication and a place."""
    patient = {"reference": f"Patient/s{number}"}
    return [
        {
            "resourceType": "MedicationRequest",
            "id": f"s{number}",
            "status": "active" if number else "stopped",
            "intent": "order",
            "medicationReference": {"reference": "Medication/shared"},
            "subject": patient,
        },
        {
            "resourceType": "Encounter",
            "id": f"s{number}",
            "status": "finished",
            "subject": patient,
            "location": [{"location": {"reference": "Location/shared"}}],
        },
    ]


SHARED_BY = 30


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader over records that refer to the same things."""
    things: list[Resource] = [{"resourceType": name, "id": "shared"} for name in ("Medication", "Location")]
    records = (one for number in range(SHARED_BY) for one in _in_everybodys_records(number))
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("shared"), [*things, *records]))
        yield reader


SHARED_SEARCHES = [
    ("Medication", "_revinclude=MedicationRequest:medication", ["MedicationRequest/s0"]),
    ("Encounter", "_include=Encounter:location&_revinclude:iterate=Encounter:location", ["Location/shared"]),
    ("Medication", "_has:MedicationRequest:medication:status=stopped", []),
    ("Medication", "_has:MedicationRequest:medication:status=active", []),
]


@pytest.mark.parametrize(("type_name", "query", "included"), SHARED_SEARCHES)
def test_s4_what_others_refer_to_costs_a_bound_client_its_own_alone(
    shared: Reader, monkeypatch: pytest.MonkeyPatch, type_name: str, query: str, included: list[str]
) -> None:
    """The number of other patients on the same medicine shows in no error and in no cost."""
    monkeypatch.setattr(includes, "MAX_INCLUDED", SHARED_BY - 1)
    monkeypatch.setattr(budget, "MAX_ENTRIES", SHARED_BY - 1)
    # Only resolution from the candidates' side follows the references to them.
    monkeypatch.setattr(search_resources, "resolve_condition", lambda *_: None)

    answer = shared.as_caller(patient="s0").get(type_name, query)

    assert answer.status == 200, answer.text
    assert answer.found("include") == included
    assert answer.total == (0 if query.endswith("=active") else 1)
    # A caller that may see all of it pays for all of it.
    assert shared.get(type_name, query).status == (200 if query.endswith("=active") else 400)


def test_all_of_a_type_is_what_its_table_lists(reader: Reader) -> None:
    for each in RESOURCE_TYPES:
        for name, listed in (("_include", each.includes), ("_revinclude", each.reverse_includes)):
            one_by_one = reader.get(each.name, [(name, one) for one in listed])
            at_once = reader.get(each.name, f"{name}=*")
            assert (at_once.status, at_once.found("include")) == (200, one_by_one.found("include"))


def test_to_iterate_needs_the_scope_of_each_type_between(reader: Reader) -> None:
    query = "_id=o1&_include=Observation:encounter&_include:iterate=Encounter:location"
    query += "&_include:iterate=Location:organization"
    scope = "user/Observation.rs user/Encounter.r user/Organization.r"

    assert reader.as_caller(scope).get("Observation", query).found("include") == ["Encounter/e1"]
    # Finding the references to an included resource is a search of their type.
    query = "_id=4&_revinclude=Encounter:patient&_revinclude:iterate=Observation:encounter"
    for observations, brought in (("r", []), ("s", []), ("rs", IN_ENCOUNTER)):
        caller = reader.as_caller(f"user/Patient.rs user/Encounter.rs user/Observation.{observations}")
        found = caller.get("Patient", query).found("include")
        assert sorted(found) == sorted(["Encounter/e1", "Encounter/e2", *brought])


def test_s4_what_a_bound_client_may_not_see_leads_nowhere(reader: Reader) -> None:
    """5's requester is Patient 4. Only 4's own callers may see the practitioner and encounters that 4 leads to."""
    start = "_id=mr5&_include=MedicationRequest:requester"
    onward = "&_include:iterate=Patient:general-practitioner"
    onward += "&_revinclude:iterate=Encounter:patient&_include:iterate=Encounter:location"

    everybodys = reader.get("MedicationRequest", start + onward).found("include")
    assert {"Patient/4", "Practitioner/G1", "Encounter/e1", "Location/L1"} <= set(everybodys)
    bound = reader.as_caller(patient="5").get("MedicationRequest", start + onward)
    assert (bound.found(), bound.found("include")) == (["MedicationRequest/mr5"], [])


def test_references_in_a_circle_come_to_an_end(reader: Reader) -> None:
    query = "_id=e1&_include:iterate=Observation:patient&_revinclude:iterate=Observation:encounter"
    query += "&_include:iterate=Encounter:patient&_revinclude:iterate=Encounter:patient"

    answer = reader.get("Encounter", query)

    assert sorted(answer.found("include")) == sorted(["Patient/4", "Encounter/e2", *IN_ENCOUNTER])


def test_included_resources_are_shown_as_the_matches_are(reader: Reader) -> None:
    answer = reader.get("Condition", "_id=c1&_include=Condition:patient&_elements=gender")

    patient = answer.json["entry"][1]["resource"]
    assert patient["gender"] == "female"
    assert "name" not in patient
    assert patient["meta"]["tag"][0]["code"] == "SUBSETTED"


EVERYTHING_OF_4 = 2 + 1 + 2 + OBSERVATIONS + 1 + 1 + 1 + 1 + 1 + 1 + 1


def test_everything_is_the_patients_record_and_what_it_refers_to(reader: Reader) -> None:
    answer = reader.get("Patient/4/$everything", "_count=100")

    matches = answer.found()
    assert matches[0] == "Patient/4"
    assert answer.total == len(matches) == len(set(matches)) == EVERYTHING_OF_4
    assert not any(reference.endswith(("c5", "o50", "mr5", "Patient/5")) for reference in matches)
    assert sorted(answer.found("include")) == ["Location/L1", "Medication/m1", "Organization/P1", "Practitioner/G1"]
    valid_json(answer.text, "Bundle")
    valid_xml(reader.get("Patient/4/$everything", "_format=xml&_count=100").text, "Bundle")
    assert reader.get("Patient/6/$everything").found() == ["Patient/6"]


@pytest.mark.parametrize("count", [1, 2, 7, 20, 23, 24])
def test_everything_pages_are_complete_and_disjoint(reader: Reader, count: int) -> None:
    pages = reader.walk("Patient/4/$everything", f"_count={count}")

    assert [one for page in pages for one in page.found()] == reader.get("Patient/4/$everything", "_count=100").found()
    assert {page.total for page in pages} == {EVERYTHING_OF_4}


def test_everything_by_count_and_view(reader: Reader) -> None:
    only_total = reader.get("Patient/4/$everything", "_count=0")
    assert (only_total.total, only_total.json.get("entry")) == (EVERYTHING_OF_4, None)
    summary = reader.get("Patient/4/$everything", "_summary=true&nonsense=1")
    assert "text" not in summary.json["entry"][0]["resource"]
    assert summary.link("self").endswith("/Patient/4/$everything?_summary=true")
    counted = reader.get("Patient/4/$everything", "_summary=count")
    assert (counted.total, counted.json.get("entry")) == (EVERYTHING_OF_4, None)
    assert reader.get("Patient/4/$everything", "_count=x").status == 400
    assert reader.get("Patient/nobody/$everything").status == 404


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_everything_says_which_parameters_it_ignored(reader: Reader, format_: str) -> None:
    query = f"starting=2020-01-01&types=Observation&_count=1&_format={format_}"
    answer = reader.get("Patient/4/$everything", query)

    bundle = (valid_json if format_ == "json" else valid_xml)(answer.text, "Bundle")
    outcome = bundle.entry[0]
    assert (bundle.total, outcome.search.mode) == (EVERYTHING_OF_4, "outcome")
    assert [issue.diagnostics.partition(":")[0] for issue in outcome.resource.issue] == ["starting", "types"]
    assert not any("starting" in link.url for link in bundle.link)
    strict = reader.get("Patient/4/$everything", query, Prefer="handling=strict")
    assert (strict.status, "starting" in strict.text) == (400, True)
    assert reader.get("Patient/4/$everything", "_count=1", Prefer="handling=strict").status == 200


@pytest.mark.parametrize(
    ("scope", "types"),
    [
        ("user/Patient.read", {"Patient"}),
        ("user/Patient.read user/Condition.read", {"Patient", "Condition"}),
        ("user/Patient.read user/Condition.s", {"Patient"}),
        ("user/Patient.read user/Condition.r", {"Patient"}),
        ("user/Patient.r user/Condition.rs", {"Patient", "Condition"}),
        ("user/Patient.read user/Medication.read profile", {"Patient"}),
    ],
)
def test_s6_everything_is_as_much_as_the_scope_opens_and_counts_no_more(
    reader: Reader, scope: str, types: set[str]
) -> None:
    pages = reader.as_caller(scope).walk("Patient/4/$everything", "_count=1")

    found = [one for page in pages for one in page.found()]
    assert {one.partition("/")[0] for one in found} == types
    assert {page.total for page in pages} == {len(found)}
    included = {one.partition("/")[0] for page in pages for one in page.found("include")}
    assert included == ({"Organization", "Practitioner"} if "profile" in scope else set())


def test_s4_everything_of_a_bound_client_is_of_its_patient(reader: Reader) -> None:
    bound = reader.as_caller(patient="5")

    assert bound.get("Patient/4/$everything").status == 404
    answer = bound.get("Patient/5/$everything")
    assert sorted(answer.found()) == ["Condition/c5", "MedicationRequest/mr5", "Observation/o50", "Patient/5"]
    assert answer.found("include") == ["Organization/P1"]


def names_of(source: ResourceType, parameter: SearchParameter) -> Iterator[tuple[str, set[str]]]:
    """Yield the names that STU3 has for the element of a reference, each with the served types that it is of."""
    for name, other in definition(source.name)["parameters"].items():
        if tuple(other.get("paths", ())) == parameter.paths:
            own = source.parameter(name)
            targets = {*parameter.targets} & {*(own.targets if own else other.get("targets", parameter.targets))}
            yield name, {each.name for each in RESOURCE_TYPES if each.name in targets and each.reaches(source)}


@each_of("source", RESOURCE_TYPES)
def test_a_reference_is_followed_under_every_name_that_stu3_gives_it(reader: Reader, source: ResourceType) -> None:
    for parameter in source.searchable:
        for name, targets in names_of(source, parameter) if parameter.type is ParameterType.REFERENCE else ():
            text = f"{source.name}:{name}"
            assert reader.get(source.name, [("_include", text)]).status == 200, text
            for target in targets:
                assert reader.get(target, [("_revinclude", text)]).status == 200, (target, text)


def test_what_was_recorded_in_an_episode_is_included_for_it(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    episode = {"resourceType": "EpisodeOfCare", "id": "e", "status": "active", "patient": {"reference": "Patient/4"}}
    writer.made(episode)
    writer.made(observation("Patient/4", id="in", context={"reference": "EpisodeOfCare/e"}))
    writer.made(observation("Patient/4", id="out"))

    for asked in ("Observation:context", "*", "Observation:*"):
        answer = writer.reader.get("EpisodeOfCare", [("_revinclude", asked)])
        assert answer.found("include") == ["Observation/in"], asked
    assert writer.reader.get("EpisodeOfCare", "_revinclude=Observation:encounter").status == 400


def test_another_name_includes_what_the_first_one_does(reader: Reader) -> None:
    for type_name, name, other in (
        ("Observation", "patient", "subject"),
        ("Encounter", "patient", "subject"),
        ("Condition", "encounter", "context"),
    ):
        by_name, by_other = (reader.get(type_name, f"_include={type_name}:{each}") for each in (name, other))
        assert by_name.found("include") == by_other.found("include") != []
    for target, name, other in (
        ("Patient", "Observation:patient", "Observation:subject"),
        ("Encounter", "Observation:encounter", "Observation:context"),
    ):
        by_name, by_other = (reader.get(target, f"_revinclude={each}") for each in (name, other))
        assert by_name.found("include") == by_other.found("include") != []
    # The same reference under two names is followed once.
    both = reader.get("Patient", "_revinclude=Observation:patient&_revinclude=Observation:subject")
    assert both.found("include") == reader.get("Patient", "_revinclude=Observation:subject").found("include")
    assert reader.get("Patient", "_revinclude=Observation:subject:Group").status == 400
    assert reader.get("Observation", "_include=Observation:subject:Group").status == 400
