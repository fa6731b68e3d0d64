"""`Patient/{id}/Type` is the search of the type with the patient as one more criterion (`search.md`, Compartments)."""

from urllib.parse import quote, urlencode

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.oauth.scopes import Letter, grants_of
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.cursors import cursor_of
from careconnect_testing.parts.stores import FHIR_BASE, Reader
from careconnect_testing.running.cases import each_of

MEMBERS = [each.name for each in RESOURCE_TYPES if each.patient_parameter]
NOBODY = "nobody"

QUERIES = [
    "",
    "_count=100",
    "code=8867-4",
    "code=http://loinc.org|8867-4",
    "date=ge2017-10-03&date=lt2017-10-07",
    "date=2017-10-02,2017-10-03",
    "_sort=date",
    "_sort=-date&_count=3",
    "category:missing=true",
    "_id=o1,o2,o9",
    "_id=" + ",".join(f"o{number}" for number in range(1, 60)),
    "encounter=e1",
    "code:not=8867-4",
    "patient.name=kanfeld",
    "_include=Observation:patient&_count=2",
    "_include=Observation:encounter",
    "_count=0",
    "_summary=count",
    "_elements=code",
    "_format=xml",
    "nonsense=1",
]


def reported(answer: Answer) -> tuple[int, object]:
    """Return a search's status and content without the links, which repeat the request."""
    if "xml" in answer.headers["Content-Type"]:
        return answer.status, answer.text.partition("<link>")[0] + answer.text.rpartition("</link>")[2]
    return answer.status, {name: value for name, value in answer.json.items() if name != "link"}


@each_of("query", QUERIES)
@each_of("patient", ["4", "5", "6", NOBODY])
def test_it_finds_what_the_search_with_the_patient_finds(reader: Reader, patient: str, query: str) -> None:
    below = reader.get(f"Patient/{patient}/Observation", query)
    beside = reader.get("Observation", f"{query}&patient={patient}")

    assert below.status == 200
    assert reported(below) == reported(beside)
    assert "nonsense" in query or "xml" in query or below.total == beside.total


@each_of("name", MEMBERS)
@each_of("patient", ["4", "5", NOBODY])
def test_every_type_of_a_record_is_searched_so(reader: Reader, patient: str, name: str) -> None:
    below, beside = reader.get(f"Patient/{patient}/{name}"), reader.get(name, f"patient={patient}")

    assert (below.status, below.ids()) == (200, beside.ids())
    assert bool(below.ids()) is (patient == "4" or bool(beside.total))
    assert reader.post(f"Patient/{patient}/{name}/_search", "").ids() == below.ids()


def test_it_costs_what_the_search_with_the_patient_costs(reader: Reader) -> None:
    reader.get("Observation", "patient=4&code=8867-4")
    beside, reader.calls[:] = list(reader.calls), []
    reader.get("Patient/4/Observation", "code=8867-4")

    assert reader.calls == beside


@pytest.mark.parametrize(
    ("query", "found"), [("patient=4", 12), ("patient=5", 0), ("subject=5", 0), ("patient=4,5", 12), ("patient=", 12)]
)
def test_another_patient_in_the_parameters_is_a_criterion_too(reader: Reader, query: str, found: int) -> None:
    assert reader.get("Patient/4/Observation", query).total == found


def test_a_patient_that_is_not_there_has_nothing(reader: Reader) -> None:
    answer = reader.get(f"Patient/{NOBODY}/Condition")

    assert (answer.status, answer.total, answer.ids()) == (200, 0, [])


# ---------------------------------------------------------------- links


def test_the_links_say_the_path_as_it_was_asked(reader: Reader) -> None:
    pages = reader.walk("Patient/4/Observation", "code=8867-4,29463-7&_count=5")

    assert [page.link("self") for page in pages] == [
        f"{FHIR_BASE}/Patient/4/Observation?code=8867-4,29463-7&_count=5"
    ] * len(pages)
    assert all(page.link("next").startswith(f"{FHIR_BASE}/Patient/4/Observation?") for page in pages[:-1])
    read_all = reader.get("Patient/4/Observation", "code=8867-4,29463-7&_count=100")
    assert [id_ for page in pages for id_ in page.ids()] == read_all.ids()
    assert len(pages) > 1


def test_a_posted_search_has_a_next_link_that_shows_nothing(reader: Reader) -> None:
    first = reader.post("Patient/4/Observation/_search", urlencode({"code": "8867-4", "_count": "5"}))
    url = first.link("next")

    assert url == f"{FHIR_BASE}/Patient/4/Observation?_cursor={cursor_of(url)}"
    assert reader.follow(url).ids() == reader.get("Observation", "patient=4&code=8867-4").ids()[5:10]


@pytest.mark.parametrize(
    "other", ["Patient/5/Observation", "Patient/4/Condition", "Observation", "Patient/4/$everything"]
)
@pytest.mark.parametrize("is_posted", [False, True])
def test_s13_a_cursor_is_of_the_path_that_gave_it(reader: Reader, other: str, is_posted: bool) -> None:
    path = "Patient/4/Observation"
    first = reader.post(f"{path}/_search", "_count=5") if is_posted else reader.get(path, "_count=5")
    query = first.link("next").partition("?")[2]

    assert reader.get(path, query).status == 200
    refused = reader.get(other, query)
    assert (refused.status, refused.issue["code"]) == (400, "value")


# ---------------------------------------------------------------- authorisation

SCOPES = [
    "user/Patient.read",
    "user/Patient.s",
    "user/Observation.s",
    "user/Observation.r",
    "user/Observation.read",
    "system/*.s",
    "system/*.r",
    "user/Patient.r user/MedicationOrder.s",
    "user/Condition.rs profile",
]


@each_of("scope", SCOPES)
@each_of("name", MEMBERS)
def test_rule_3_the_reader_asks_for_the_scope_of_the_type_that_is_searched(
    reader: Reader, scope: str, name: str
) -> None:
    """So a policy that lets a token come as far, by `Patient/*`, opens no more of a record than the token names."""
    caller = reader.as_caller(scope)
    granted = grants_of(scope).permits(name, Letter.SEARCH)
    answers = [
        caller.get(f"Patient/4/{name}"),
        caller.get(f"Patient/{NOBODY}/{name}"),
        caller.post(f"Patient/4/{name}/_search", "_count=1"),
    ]

    assert [answer.status for answer in answers] == [200 if granted else 403] * 3
    assert caller.get(f"Patient/4/{name}", method="HEAD").status == (200 if granted else 403)
    if not granted:
        for answer in answers:
            assert answer.issue["code"] == "forbidden"
            assert f"{scope.partition('/')[0]}/{name}.s is needed" in answer.diagnostics


@pytest.mark.parametrize("version", ["Observation", "Condition"])
def test_rule_3_a_version_that_is_called_like_a_type_is_a_read_of_the_patient(reader: Reader, version: str) -> None:
    assert reader.as_caller("user/Observation.s").get(f"Patient/4/_history/{version}").status == 403
    assert reader.get(f"Patient/4/_history/{version}").status == 404


def test_s4_a_bound_caller_finds_nothing_of_another_patient(reader: Reader) -> None:
    bound = reader.as_caller(patient="5")

    assert reader.get("Patient/4/Observation").total == 12
    for answer in (
        bound.get("Patient/4/Observation"),
        bound.post("Patient/4/Observation/_search", "patient=4"),
        bound.get("Patient/4/Observation", "_include=Observation:patient&_include=Observation:encounter"),
    ):
        assert (answer.status, answer.total, answer.json.get("entry", [])) == (200, 0, [])
    assert bound.get("Patient/5/Observation").ids() == reader.get("Observation", "patient=5").ids() != []


# ---------------------------------------------------------------- the rest of the API


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/4/Observation", "GET, HEAD"),
        ("GET", "Patient/4/Observation/_search", "POST"),
        ("HEAD", "Patient/4/Observation/_search", "POST"),
    ],
)
def test_rfc_9110_15_5_6_another_method_is_405(reader: Reader, method: str, path: str, allowed: str) -> None:
    answer = reader.get(path, method=method)

    assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("date=nonsense", 400, "value"),
        ("code:nonsense=x", 400, "not-supported"),
        ("_include=Condition:patient", 400, "not-supported"),
        ("_sort=nonsense", 400, "value"),
        ("_format=html", 406, "not-supported"),
        ("access_token=x", 400, "invalid"),
    ],
)
def test_what_the_search_refuses_is_refused_here(reader: Reader, query: str, status: int, code: str) -> None:
    answer = reader.get("Patient/4/Observation", query)

    assert (answer.status, answer.issue["code"]) == (status, code)
    assert reader.get("Observation", query).issue == answer.issue


def test_the_log_names_the_search_and_never_the_patient(reader: Reader) -> None:
    reader.get("Patient/4/Observation", "code=8867-4")
    reader.post("Patient/9434765919/Observation/_search", "code=8867-4")
    reader.get("Patient/9434765919/Appointment")

    lines = reader.observer.lines
    assert [line["action"] for line in lines[:2]] == ["Observation.search", "Observation._search"]
    assert "9434765919" not in str(lines)
    assert reader.get(quote("Patient/4/Observation")).headers["Cache-Control"] == "no-store"
