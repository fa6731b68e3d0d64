"""Example searches with their answers in both formats, and searches that are refused; in the long run over HTTP too."""

from collections.abc import Callable, Sequence
from urllib.parse import quote
from xml.etree import ElementTree

import pytest

from careconnect_admin.clients.demo import MEDICATION_ACCESS, PATIENT_ACCESS, DemoClient
from careconnect_testing.http.answer import Answer
from careconnect_testing.search.search_corpus import EXAMPLE_CODES
from careconnect_testing.search.search_reader import EVERYTHING, Reader, follow, walk
from careconnect_testing.search.search_tables import SearchTables

pytestmark = pytest.mark.integration

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"
EVEN, ODD = EXAMPLE_CODES
FHIR = "{http://hl7.org/fhir}"

ReaderFor = Callable[[DemoClient | None], Reader]


@pytest.fixture(scope="module", params=["in process", pytest.param("over HTTP", marks=pytest.mark.long)])
def reader_for(request: pytest.FixtureRequest) -> ReaderFor:
    """Return the reader for each client; without one, for a client that reads everything."""
    if request.param == "over HTTP":
        over_http: ReaderFor = request.getfixturevalue("search_stack").over_http
        return over_http
    tables: SearchTables = request.getfixturevalue("search_tables")
    return lambda client: tables.reader(" ".join(client.scopes) if client else EVERYTHING)


@pytest.fixture(scope="module")
def reader(reader_for: ReaderFor) -> Reader:
    return reader_for(None)


@pytest.fixture(scope="module")
def patient_only(reader_for: ReaderFor) -> Reader:
    """Return the API as the page's client sees it with a token that opens Patient and the directory."""
    return reader_for(PATIENT_ACCESS)


def observations(*numbers: int) -> list[str]:
    return [f"Observation/example-{number:03}" for number in numbers]


LATEST_FIRST = [
    *(number for hour in range(23, 0, -1) for number in (2 * hour + 1, 2 * hour)),
    1,
]
"""The numbers of the example's observations in the contract's order: by time, then by id, descending."""

EXAMPLES: list[tuple[str, list[str]]] = [
    # Names: several words, accents, case, whole and in part.
    ("Patient?name=jose munoz", ["Patient/example-1"]),
    ("Patient?name=muñoz josé", ["Patient/example-1"]),
    ("Patient?name=MUÑOZ&name=angel", ["Patient/example-1"]),
    ("Patient?name=munoz garcia", ["Patient/example-1"]),
    ("Patient?name=jose kanfeld", []),
    ("Patient?family=munoz gar&given=Jose", ["Patient/example-1"]),
    ("Patient?family=garcia&_id=example-1", []),
    ("Patient?family:contains=garcia&_id=example-1", ["Patient/example-1"]),
    ("Patient?family:exact=Muñoz García&_id=example-1", ["Patient/example-1"]),
    ("Patient?family:exact=Munoz Garcia&_id=example-1", []),
    ("Patient?family=struve,munoz&given=angel", ["Patient/example-1"]),
    # Dates: ranges, partial dates, zones.
    ("Patient?birthdate=ge1970-06-01&birthdate=le1970-06-30&name=munoz", ["Patient/example-1"]),
    ("Patient?birthdate=1970&name=munoz", ["Patient/example-1"]),
    ("Patient?birthdate=1970-06&name=munoz", ["Patient/example-1"]),
    ("Patient?birthdate=1970-06-15&name=munoz", ["Patient/example-1"]),
    ("Patient?birthdate=1970-06-16&name=munoz", []),
    ("Patient?birthdate=gt1970&name=munoz garcia", []),
    ("Patient?birthdate=gt1969&name=munoz garcia", ["Patient/example-1"]),
    ("Patient?birthdate=lt1970-06-16&name=munoz jose", ["Patient/example-1"]),
    ("Observation?patient=example-1&date=2018-01-10T01:30:00Z", observations(3, 2)),
    ("Observation?patient=example-1&date=2018-01-10T02:30:00+01:00", observations(3, 2)),
    ("Observation?patient=example-1&date=2018-01-10T01:30", observations(3, 2)),
    ("Observation?patient=example-1&date=sa2018-01-11T10:29:59Z", observations(47, 46, 45, 44)),
    ("Observation?patient=example-1&date=eb2018-01-10T01:00Z", observations(1)),
    ("Encounter?patient=example-1&date=2018-02", ["Encounter/example-2"]),
    ("Encounter?patient=example-1&date=ge2018-02-10T09:10:00Z", ["Encounter/example-3", "Encounter/example-2"]),
    # Tokens and references.
    (f"Patient?identifier={NHS_NUMBER}|9990548609", ["Patient/example-1"]),
    ("Patient?identifier=9990548609", ["Patient/example-1"]),
    ("Patient?identifier=|9990548609", []),
    ("Patient?identifier=https://example.org/other|9990548609", []),
    ("Patient?identifier=https://example.org/a\\|b|x\\,y\\$z\\\\w\\|v", ["Patient/awkward.1"]),
    ("Patient?phone=01134960123", ["Patient/example-1"]),
    ("Patient?phone=(0113) 496-0123", ["Patient/example-1"]),
    ("Patient?gender=MALE&name=munoz jose", ["Patient/example-1"]),
    ("Patient?gender:not=male&name=munoz jose", []),
    (f"Observation?patient=example-1&code={SNOMED}|{EVEN}&date=lt2018-01-10T03:00Z", observations(4, 2)),
    (f"Observation?patient=example-1&code={EVEN},{ODD}&date=lt2018-01-10T02:00Z", observations(3, 2, 1)),
    (f"Observation?patient=example-1&code=http://loinc.org|{EVEN}", []),
    (f"Observation?patient=Patient/example-1&code=|{EVEN}", []),
    (f"Condition?patient.identifier={NHS_NUMBER}|9990548609", ["Condition/example-2", "Condition/example-1"]),
    (f"Condition?subject.identifier={NHS_NUMBER}|9990548609", ["Condition/example-2", "Condition/example-1"]),
    ("Condition?patient:Patient=example-1", ["Condition/example-2", "Condition/example-1"]),
    ("Condition?patient:Patient.name=munoz garcia", ["Condition/example-2", "Condition/example-1"]),
    ("Condition?encounter=example-1&_sort=asserted-date", ["Condition/example-1", "Condition/example-2"]),
    ("Condition?patient=example-1&encounter:missing=true", []),
    ("Condition?patient=no-such-patient", []),
]


def ask(reader: Reader, url: str, **headers: str) -> Answer:
    """GET a URL written for people: this function encodes its query."""
    path, _, query = url.partition("?")
    return reader.raw(f"{path}?{quote(query, safe='=&:/,')}", **headers)


def xml_references(text: str) -> list[str]:
    bundle = ElementTree.fromstring(text)  # noqa: S314 - the server's own
    found = []
    for entry in bundle.findall(f"{FHIR}entry"):
        resource = entry.find(f"{FHIR}resource/*")
        assert resource is not None
        identity = resource.find(f"{FHIR}id")
        assert identity is not None
        found.append(f"{resource.tag.removeprefix(FHIR)}/{identity.get('value')}")
    return found


@pytest.mark.parametrize(("url", "references"), EXAMPLES)
def test_a_search_finds_what_it_asks_for_in_both_formats(reader: Reader, url: str, references: list[str]) -> None:
    answer = ask(reader, url, accept="application/fhir+json")
    xml = ask(reader, url, accept="application/fhir+xml")

    assert (answer.status, xml.status) == (200, 200), answer.text
    assert answer.found() == references
    assert answer.total == len(references)
    assert xml.headers["Content-Type"].startswith("application/fhir+xml")
    assert xml_references(xml.text) == references


def test_absolute_references_of_this_server_are_relative_ones(reader: Reader) -> None:
    answer = ask(reader, f"Condition?patient={reader.base}/Patient/example-1")

    assert answer.found() == ["Condition/example-2", "Condition/example-1"]


def test_plus_and_percent_20_are_both_a_space(reader: Reader) -> None:
    answers = [reader.raw(f"Patient?name=jose{space}mu%C3%B1oz") for space in ("+", "%20")]

    assert [answer.ids() for answer in answers] == [["example-1"], ["example-1"]]


def test_given_and_family_name_find_everyone_who_bears_them(reader: Reader, search_tables: SearchTables) -> None:
    patients = [one for one in search_tables.resources if one["resourceType"] == "Patient"]
    named = [(one["id"], one["name"][0]) for one in patients if "family" in one.get("name", [{}])[0]]
    for patient, name in named[::7]:
        words = " ".join([*name.get("given", ()), name["family"]])

        assert patient in reader.get("Patient", [("name", words.lower()), ("_count", "100")]).ids()


def test_encounters_are_included_with_their_patient(reader: Reader) -> None:
    answer = ask(reader, "Patient?_id=example-1&_revinclude=Encounter:patient")
    xml = ask(reader, "Patient?_id=example-1&_revinclude=Encounter:patient&_format=xml")

    assert (answer.total, answer.found()) == (1, ["Patient/example-1"])
    assert answer.found("include") == [f"Encounter/example-{number}" for number in (3, 2, 1)]
    assert xml_references(xml.text) == [*answer.found(), *answer.found("include")]


def test_the_organisation_is_included_with_a_patient(reader: Reader) -> None:
    answer = ask(reader, "Patient?_id=example-1&_include=Patient:organization")
    xml = ask(reader, "Patient?_id=example-1&_include=Patient:organization&_format=xml")

    assert (answer.total, answer.found()) == (1, ["Patient/example-1"])
    assert answer.found("include") == ["Organization/example-1"]
    assert xml_references(xml.text) == ["Patient/example-1", "Organization/example-1"]


def test_a_walk_along_next_links_is_complete_disjoint_and_ordered(reader: Reader) -> None:
    pages = walk(reader, ask(reader, "Observation?patient=example-1&_count=10&_total=accurate"))

    assert [len(page.ids()) for page in pages] == [10, 10, 10, 10, 7]
    assert [one for page in pages for one in page.found()] == observations(*LATEST_FIRST)
    assert {page.total for page in pages} == {47}
    assert len(set(LATEST_FIRST)) == 47


def test_a_sorted_walk_in_xml_is_complete_too(reader: Reader) -> None:
    answer = ask(reader, "Observation?patient=example-1&_count=20&_sort=date&_format=xml")
    found = xml_references(answer.text)
    while links := _xml_links(answer.text, "next"):
        answer = follow(reader, links[0])
        found += xml_references(answer.text)

    assert found == observations(*range(1, 48))


def _xml_links(text: str, relation: str) -> list[str]:
    links = ElementTree.fromstring(text).findall(f"{FHIR}link")  # noqa: S314 - the server's own
    return [
        str(link.findall(f"{FHIR}url")[0].get("value"))
        for link in links
        if link.findall(f"{FHIR}relation")[0].get("value") == relation
    ]


@pytest.mark.parametrize(
    ("type_name", "parameters"),
    [
        ("Patient", [("name", "jose munoz")]),
        ("Observation", [("patient", "example-1"), ("code", f"{SNOMED}|{EVEN}"), ("_count", "5")]),
        ("Condition", [("patient.identifier", f"{NHS_NUMBER}|9990548609"), ("_include", "Condition:patient")]),
        ("Organization", [("name", "example & surgery +"), ("_pretty", "true")]),
    ],
)
def test_a_posted_search_answers_as_a_got_one(
    reader: Reader, type_name: str, parameters: Sequence[tuple[str, str]]
) -> None:
    got = reader.get(type_name, parameters)
    posted = reader.post(f"{type_name}/_search", parameters)
    both = reader.post(f"{type_name}/_search", parameters[1:], parameters[:1])

    assert got.status == 200
    onward = got.link("next")
    for one in (posted, both):
        # The link after a form shows nothing of it, and leads to the same page.
        assert one.text.replace(one.link("next") or "-", onward or "-") == got.text
        assert bool(one.link("next")) == bool(onward)
        if onward:
            assert follow(reader, one.link("next")).json["entry"] == follow(reader, onward).json["entry"]


# Resources that a token does not open are not returned, not counted and not referred to (access.md, Rule 3).


@pytest.mark.parametrize("source", ["Condition", "Observation", "Encounter", "Procedure"])
def test_a_token_for_patients_gets_no_record_through_revinclude(
    reader: Reader, patient_only: Reader, source: str
) -> None:
    url = f"Patient?_id=example-1&_revinclude={source}:patient"
    answer = ask(patient_only, url)

    assert (answer.status, answer.total) == (200, 1)
    assert answer.found() == ["Patient/example-1"]
    assert answer.found("include") == []
    assert source not in answer.text.replace(f"{source}:patient", "")
    assert source == "Procedure" or ask(reader, url).found("include")


def test_a_token_for_patients_gets_the_patient_alone_through_everything(reader: Reader, patient_only: Reader) -> None:
    whole, own = (ask(each, "Patient/example-1/$everything?_count=100") for each in (reader, patient_only))

    assert whole.total == 1 + 3 + 47 + 2
    assert own.total == 1
    assert own.found() == ["Patient/example-1"]
    assert own.found("include") == ["Organization/example-1"]
    assert not own.link("next")


def test_everything_counts_what_the_token_opens(reader_for: ReaderFor) -> None:
    medication = reader_for(MEDICATION_ACCESS)
    pages = walk(medication, ask(medication, "Patient/awkward.1/$everything?_count=3"))
    types = {reference.partition("/")[0] for page in pages for reference in page.found()}

    assert "Encounter" in types
    assert types <= {"Patient", "Condition", "Observation", "Encounter", "MedicationRequest", "MedicationStatement"}
    assert {page.total for page in pages} == {sum(len(page.found()) for page in pages)}


@pytest.mark.parametrize(
    "url",
    [
        "Condition?patient=example-1",
        "Condition?patient=example-1&_count=0",
        "Condition?patient.name=munoz",
        "Condition?_summary=count",
    ],
)
def test_a_token_for_patients_may_not_search_conditions(patient_only: Reader, url: str) -> None:
    answer = ask(patient_only, url)

    assert answer.status == 403
    assert answer.json["issue"][0]["code"] == "forbidden"


def test_a_chain_needs_the_scope_of_its_target(search_tables: SearchTables) -> None:
    reader = search_tables.reader("user/Condition.rs")

    assert reader.get("Condition", [("patient", "example-1")]).total == 2
    assert reader.get("Condition", [("patient.name", "munoz")]).status == 403


def test_next_links_serve_no_other_access(reader: Reader, patient_only: Reader) -> None:
    patients = ask(reader, "Patient?_count=1").link("next")
    conditions = ask(reader, "Condition?patient=example-1&_count=1").link("next")
    everything = ask(reader, "Patient/example-1/$everything?_count=2").link("next")

    assert follow(reader, everything).status == 200
    assert follow(patient_only, patients).status == 400
    assert follow(patient_only, conditions).status == 403
    assert follow(patient_only, everything).status == 400


def test_a_bound_client_finds_its_own_patient_only(search_tables: SearchTables) -> None:
    reader = search_tables.reader("patient/*.rs", patient="example-1")

    assert reader.get("Patient").ids() == ["example-1"]
    assert reader.get("Observation").total == 47
    assert reader.get("Observation", [("patient", "awkward.1")]).total == 0
    assert reader.get("Observation", [("patient.family", "Ångström")]).total == 0
    assert reader.get("Patient", [("_id", "awkward.1")]).total == 0
    assert reader.get("Patient/awkward.1/$everything").status == 404
    assert {one for page in walk(reader, reader.get("Encounter", [("_count", "2")])) for one in page.ids()} == {
        "example-1",
        "example-2",
        "example-3",
    }


# Bad input: 400 with an OperationOutcome that names the parameter, and never a 5xx.

MALFORMED = [
    ("Patient?birthdate=yesterday", "birthdate"),
    ("Patient?birthdate=2017-02-30", "birthdate"),
    ("Patient?birthdate=17-2-3", "birthdate"),
    ("Patient?birthdate=xx2017", "birthdate"),
    ("Patient?birthdate=ge", "birthdate"),
    ("Patient?birthdate=２０１７", "birthdate"),
    ("Observation?date=2017-10-19T08", "date"),
    ("Observation?date=2017-10-19T25:00:00Z", "date"),
    ("Observation?date=2017-10-19T08:00:00+99:00", "date"),
    ("Patient?_lastUpdated=now", "_lastUpdated"),
    ("Patient?identifier=|", "identifier"),
    ("Patient?identifier=a|b|c", "identifier"),
    ("Patient?gender=,", "gender"),
    ("Patient?name=´", "name"),
    ("Patient?phone=---", "phone"),
    ("Observation?patient=a b", "patient"),
    ("Observation?patient=Patient/../4", "patient"),
    ("Observation?patient:missing=maybe", "patient"),
    ("Patient?name:soundex=x", "name"),
    ("Patient?gender:exact=male", "gender"),
    ("Patient?birthdate:not=2017", "birthdate"),
    ("Observation?patient:Group=4", "patient"),
    ("Observation?code:in=http://example.org/vs", "code"),
    ("Observation?encounter.birthdate=2017", "encounter.birthdate"),
    ("Observation?patient.nonsense=1", "patient.nonsense"),
    ("Patient?_include=Patient:nonsense", "_include"),
    ("Patient?_include=Observation:patient", "_include"),
    ("Patient?_include=Observation:*", "_include"),
    ("Patient?_include=Patient:organization:Patient", "_include"),
    ("Patient?_include:nonsense=Patient:organization", "_include"),
    ("Patient?_revinclude=Nonsense:patient", "_revinclude"),
    ("Patient?_revinclude=Organization:partof", "_revinclude"),
    ("Patient?_count=-1", "_count"),
    ("Patient?_count=ten", "_count"),
    ("Patient?_count=1.5", "_count"),
    ("Patient?_count=99999999999", "_count"),
    ("Patient?_sort=gender", "_sort"),
    ("Patient?_sort=--name", "_sort"),
    ("Patient?_sort=name,", "_sort"),
    ("Patient?_summary=most", "_summary"),
    ("Patient?_elements=a b", "_elements"),
    ("Patient?_pretty=maybe", "_pretty"),
    ("Patient?_cursor=nonsense", "_cursor"),
    ("Patient?_cursor=%25%25%25", "_cursor"),
    ("Patient/example-1/$everything?_count=-1", "_count"),
    ("Patient/example-1/$everything?_cursor=AAAA", "_cursor"),
    (f"Patient?name={'x' * 9000}", "name"),
    (f"Observation?code={','.join(['1'] * 101)}", "code"),
]


@pytest.mark.parametrize(("url", "name"), MALFORMED, ids=[url[:60] for url, _ in MALFORMED])
def test_malformed_input_is_refused_by_name(reader: Reader, url: str, name: str) -> None:
    answer = ask(reader, url)

    assert answer.status == 400, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"
    assert answer.diagnostics.startswith(f"{name}: ")


def test_malformed_input_is_refused_in_xml_too(reader: Reader) -> None:
    answer = ask(reader, "Patient?birthdate=yesterday", accept="application/fhir+xml")

    assert answer.status == 400
    assert "<OperationOutcome" in answer.text
    assert "birthdate: " in answer.text


def test_a_tampered_or_foreign_cursor_is_refused(reader: Reader) -> None:
    url = ask(reader, "Observation?patient=example-1&_count=10").link("next")
    middle = len(url) - 20
    tampered = url[:middle] + ("A" if url[middle] != "A" else "B") + url[middle + 1 :]

    for forged in (tampered, url.replace("example-1", "awkward.1"), url.replace("_count=10", "_count=9"), url[:-1]):
        answer = follow(reader, forged)
        assert (answer.status, answer.diagnostics.partition(":")[0]) == (400, "_cursor")
    assert follow(reader, url).status == 200


def test_an_unknown_parameter_is_reported_and_ignored_or_refused_on_request(reader: Reader) -> None:
    url = "Patient?_id=example-1&favourite-colour=blue"
    lenient, strict = ask(reader, url), ask(reader, url, prefer="handling=strict")

    assert (lenient.status, lenient.ids()) == (200, ["example-1"])
    assert "favourite-colour" not in lenient.link("self")
    assert [one["search"]["mode"] for one in lenient.json["entry"]] == ["outcome", "match"]
    outcome = lenient.json["entry"][0]["resource"]
    assert outcome["issue"][0]["diagnostics"].startswith("favourite-colour: ")
    assert (strict.status, strict.diagnostics.partition(":")[0]) == (400, "favourite-colour")


@pytest.mark.parametrize("size", [10_240, 60_000])
def test_a_query_of_10_kb_or_more_is_refused_or_answered(reader: Reader, size: int) -> None:
    got = ask(reader, f"Patient?name={'x' * size}")
    posted = reader.post("Patient/_search", [("name", "é" * (size // 8))])

    assert 400 <= got.status < 500
    assert posted.status == 200
    assert posted.total == 0
