"""Searching one type: the results, their order, and the content of the Bundle (`search.md`)."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES, ParameterType
from careconnect_testing.parts.stores import FHIR_BASE, Reader
from careconnect_testing.records.few_records import LOINC, NHS_NUMBER, OBSERVATIONS, SNOMED
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.running.cases import each_of
from fhir_reader import budget

NEWEST_FIRST = [f"o{number}" for number in range(OBSERVATIONS, 0, -1)]

FOUND: list[tuple[str, str, list[str]]] = [
    ("Patient", "_id=4", ["4"]),
    ("Patient", "_id=5,4,nobody", ["4", "5"]),
    ("Patient", f"identifier={NHS_NUMBER}|9658218873", ["4"]),
    ("Patient", "identifier=|9658218873", ["5"]),
    ("Patient", "identifier=9658218873", ["4", "5"]),
    ("Patient", f"identifier={NHS_NUMBER}|", ["4", "5"]),
    ("Patient", r"identifier=LOCAL\|1\,234", ["4"]),
    ("Patient", "identifier:missing=true", ["6"]),
    ("Patient", "name=bernie kanfeld", ["4"]),
    ("Patient", "name=bernie+kanfeld", ["4"]),
    ("Patient", "name=bernie%20kanfeld", ["4"]),
    ("Patient", "name=munoz", ["5"]),
    # Two parts of one name begin so.
    ("Patient", "name=be", ["4"]),
    ("Patient", "name=mu%C3%B1oz", ["5"]),
    ("Patient", r"name=o'hanlon\,", ["6"]),
    ("Patient", "family=kanfeld&given=ann", ["4"]),
    ("Patient", "name:contains=feld", ["4"]),
    ("Patient", "birthdate=1998", ["4", "5"]),
    ("Patient", "birthdate=1998-03-19", ["4"]),
    ("Patient", "birthdate=ge1998-01-01&birthdate=le1998-12-31", ["4", "5"]),
    ("Patient", "birthdate=gt1998-03-19", ["6", "5"]),
    ("Patient", "birthdate=1998,2001", ["6", "4", "5"]),
    ("Patient", "gender=FEMALE", ["4"]),
    ("Patient", "gender:not=female", ["6", "5"]),
    ("Patient", "gender:missing=true", ["6"]),
    ("Patient", "email=BERNIE@example.org", ["4"]),
    ("Patient", "phone=%2B441134960001", []),
    ("Patient", "phone=%2B44 0 113 496 0001", ["4"]),
    ("Patient", "address-postalcode=ls1 4ap", ["4"]),
    ("Patient", "_lastUpdated=2024-05-01", ["6", "4", "5"]),
    ("Patient", "_lastUpdated=gt2024-05-02", []),
    ("Observation", "patient=4", NEWEST_FIRST),
    ("Observation", "patient=Patient/4&date=ge2017-10-10", ["o12", "o11", "o10"]),
    ("Observation", f"patient={FHIR_BASE}/Patient/4&date=2017-10-05", ["o5"]),
    ("Observation", "patient:Patient=4&date=lt2017-10-03", ["o2", "o1"]),
    ("Observation", "subject=5", ["o50"]),
    ("Observation", f"code={LOINC}|8867-4", [*NEWEST_FIRST, "o50"]),
    ("Observation", f"code={SNOMED}|364075005&patient=5", []),
    ("Observation", "category=vital-signs&date=2017-10-07", ["o7"]),
    ("Observation", "patient.identifier=9999999468", ["o50"]),
    ("Observation", f"patient.identifier={NHS_NUMBER}%7C9658218873&date=2017-10-01", ["o1"]),
    ("Observation", "subject.name=munoz", ["o50"]),
    ("Observation", "subject:Patient.name=munoz", ["o50"]),
    ("Observation", "patient.birthdate=2001", []),
    ("Observation", "patient.name=nobody", []),
    ("Condition", "patient=4", ["c1", "c2"]),
    ("Condition", "code=195967001", ["c1", "c5"]),
    ("Condition", "clinical-status=active&asserted-date=2016-02-29", ["c5"]),
    ("Condition", "asserted-date:missing=true", ["c2"]),
    ("Condition", "encounter=e1", ["c1"]),
    ("Encounter", "date=2017-10-02", []),
    ("Encounter", "date=2017-10", ["e1"]),
    ("Encounter", "date=ge2018", ["e2"]),
    ("Encounter", "episodeofcare=ep1", ["e1"]),
    ("Encounter", "class=IMP&status=finished", ["e1"]),
    ("Procedure", "date=2017-10-02", ["pr1"]),
    ("AllergyIntolerance", "verification-status=confirmed", ["a1"]),
    ("Immunization", "notgiven=false&vaccine-code=170378007", ["i1"]),
    ("MedicationRequest", "medication=m1", ["mr1"]),
    ("MedicationRequest", "code=322280009", ["mr5"]),
    ("MedicationStatement", "effective=2017-10-03&medication=Medication/m1", ["ms1"]),
    ("Medication", "code=10097211000001102", ["m1"]),
    ("EpisodeOfCare", "status=active&date=2017-06", []),
    ("EpisodeOfCare", "status=active&date=gt2017-06", ["ep1"]),
    ("Organization", "name=moor", ["P1"]),
    ("Organization", "name=the m", ["P1"]),
    ("Location", "name=ward&address-postalcode=LS1", ["L1"]),
    ("Practitioner", "name=dr swamp", ["G1"]),
    ("PractitionerRole", "practitioner=G1&organization=P1", ["r1"]),
    ("HealthcareService", "organization=P1&name=diab", ["h1"]),
]


@each_of(("type_name", "query", "ids"), FOUND)
def test_a_search_finds(reader: Reader, type_name: str, query: str, ids: list[str]) -> None:
    answer = reader.get(type_name, f"{query}&_count=50")

    assert answer.status == 200, answer.text
    assert answer.ids() == ids
    assert answer.total == len(ids)
    bundle = valid_json(answer.text, "Bundle")
    assert bundle.type == "searchset"
    assert [entry.fullUrl for entry in bundle.entry or ()] == [f"{FHIR_BASE}/{type_name}/{id_}" for id_ in ids]


@each_of(("type_name", "query", "ids"), FOUND[::4])
def test_xml_and_a_posted_search_say_the_same(reader: Reader, type_name: str, query: str, ids: list[str]) -> None:
    as_xml = valid_xml(reader.get(type_name, f"{query}&_format=xml&_count=50").text, "Bundle")
    assert [entry.resource.id for entry in as_xml.entry or ()] == ids
    assert as_xml.total == len(ids)

    form = query.replace("name=bernie kanfeld", "name=bernie+kanfeld")
    posted = reader.post(f"{type_name}/_search", f"{form}&_count=50")
    assert posted.text == reader.get(type_name, f"{query}&_count=50").text


def test_a_posted_search_takes_parameters_from_query_and_form(reader: Reader) -> None:
    posted = reader.post("Patient/_search", "birthdate=1998", [("gender", "female")])

    assert posted.ids() == ["4"]
    assert reader.post("Patient/_search", "").total == 3
    assert reader.post("Patient/_search", "", Content_Type="").total == 3
    assert (
        reader.post("Patient/_search", "_id=4", Content_Type="Application/X-WWW-Form-Urlencoded; charset=UTF-8").total
        == 1
    )


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", '{"name":"x"}', 415),
        ("application/fhir+json", "", 415),
        ("multipart/form-data", "name=x", 415),
        ("", "name=x", 415),
        ("application/x-www-form-urlencoded", "name=" + "x" * 65_536, 413),
        ("application/x-www-form-urlencoded", "&".join(["name=x"] * 201), 400),
        ("application/x-www-form-urlencoded", "name=%FF%FE", 400),
        ("application/x-www-form-urlencoded", "name=%ED%A0%80", 400),
        ("application/x-www-form-urlencoded", "name=\ud800", 400),
        ("application/x-www-form-urlencoded", "name=M\ufffdnoz", 400),
        # The character itself, which a query cannot have.
        ("application/x-www-form-urlencoded", "name=%EF%BF%BD", 200),
    ],
)
def test_a_posted_search_is_a_form_of_bounded_size(reader: Reader, content_type: str, body: str, status: int) -> None:
    assert reader.post("Patient/_search", body, Content_Type=content_type).status == status


SORTED: list[tuple[str, str, list[str]]] = [
    ("Observation", "patient=4&_count=3", ["o12", "o11", "o10"]),
    ("Observation", "patient=4&_sort=date&_count=3", ["o1", "o2", "o3"]),
    ("Observation", "patient=4&_sort=-date&_count=3", ["o12", "o11", "o10"]),
    ("Patient", "_sort=birthdate", ["5", "4", "6"]),
    ("Patient", "_sort=-birthdate", ["6", "4", "5"]),
    ("Patient", "_sort=family", ["4", "5", "6"]),
    ("Patient", "_sort=-family", ["6", "5", "4"]),
    ("Patient", "_sort=given", ["4", "5", "6"]),
    ("Patient", "_sort=-given", ["5", "4", "6"]),
    ("Patient", "_sort=_id", ["4", "5", "6"]),
    ("Patient", "_sort=-_id", ["6", "5", "4"]),
    ("Patient", "_sort=_lastUpdated,-_id", ["6", "5", "4"]),
    ("Patient", "_sort=_lastUpdated&_sort=-_id", ["6", "5", "4"]),
    ("Patient", "_sort=_lastUpdated", ["4", "5", "6"]),
    ("Condition", "patient=4&_sort=asserted-date", ["c1", "c2"]),
    ("Condition", "patient=4&_sort=-asserted-date", ["c1", "c2"]),
]


@each_of(("type_name", "query", "ids"), SORTED)
def test_results_come_in_the_order_asked_for_what_has_no_value_last(
    reader: Reader, type_name: str, query: str, ids: list[str]
) -> None:
    assert reader.get(type_name, query).ids() == ids


def test_count_bounds_a_page_and_total_counts_all(reader: Reader) -> None:
    assert len(reader.get("Observation", "").ids()) == OBSERVATIONS + 1
    for count, shown in ((1, 1), (5, 5), (100, 13), (1000, 13), (999_999_999, 13)):
        answer = reader.get("Observation", f"_count={count}")
        assert (len(answer.ids()), answer.total) == (shown, 13)
    for only_total in ("_count=0", "_summary=count", "_count=5&_summary=count"):
        answer = reader.get("Observation", only_total)
        assert "entry" not in answer.json
        assert (answer.total, answer.link("next")) == (13, "")


def test_no_match_is_an_empty_searchset(reader: Reader) -> None:
    for format_ in ("json", "xml"):
        answer = reader.get("Patient", f"identifier=nobody&_format={format_}")
        assert answer.status == 200
        bundle = (valid_json if format_ == "json" else valid_xml)(answer.text, "Bundle")
        assert (bundle.total, bundle.entry) == (0, None)


def self_parameters(url: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True)


def test_self_holds_the_parameters_that_were_used_as_they_were_given(reader: Reader) -> None:
    answer = reader.get(
        "Patient", "name=mu%C3%B1oz+jos%C3%A9&nonsense=1&gender=&identifier=a%7Cb%26c&_count=7&_format=json"
    )

    assert answer.link("self").startswith(f"{FHIR_BASE}/Patient?")
    assert self_parameters(answer.link("self")) == [
        ("name", "muñoz josé"),
        ("identifier", "a|b&c"),
        ("_count", "7"),
        ("_format", "json"),
    ]
    assert reader.get("Patient").link("self") == f"{FHIR_BASE}/Patient"


@pytest.mark.parametrize("written", ["965 821 8873", "965-821-8873"])
def test_an_nhs_number_in_groups_finds_what_the_number_finds(reader: Reader, written: str) -> None:
    nhs_number = "https://fhir.nhs.uk/Id/nhs-number"
    for system in (f"{nhs_number}|", ""):
        found = reader.get("Patient", f"identifier={system}{written}").ids()
        assert found == reader.get("Patient", f"identifier={system}9658218873").ids() != []
    chained = reader.get("Condition", f"patient.identifier={nhs_number}|{written}").ids()
    assert chained == reader.get("Condition", f"patient.identifier={nhs_number}|9658218873").ids() != []


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_an_unknown_parameter_is_ignored_and_an_outcome_entry_says_so(reader: Reader, format_: str) -> None:
    answer = reader.get("Patient", f"_id=4&nonsense=1&postcode=LS1&_format={format_}")

    bundle = (valid_json if format_ == "json" else valid_xml)(answer.text, "Bundle")
    assert bundle.total == 1
    outcome, match = bundle.entry
    assert (outcome.search.mode, match.search.mode) == ("outcome", "match")
    assert outcome.fullUrl is None
    assert [(issue.severity, issue.code) for issue in outcome.resource.issue] == [("warning", "not-supported")] * 2
    assert outcome.resource.issue[0].diagnostics.startswith("nonsense: ")
    assert "nonsense" not in bundle.link[0].url


@pytest.mark.parametrize(
    "prefer",
    [
        "handling=strict",
        "return=minimal, handling=strict",
        "handling = strict",
        "Handling=strict",
        'handling="strict"',
        "handling=strict; wait=5",
        "handling=strict, handling=lenient",
    ],
)
def test_strict_handling_refuses_an_unknown_parameter(reader: Reader, prefer: str) -> None:
    answer = reader.get("Patient", "_id=4&nonsense=1", Prefer=prefer)

    assert answer.status == 400
    assert answer.issue["diagnostics"].startswith("nonsense: ")
    for lenient in ("handling=lenient", "handling=lenient, handling=strict", "handling", "x=strict"):
        assert reader.get("Patient", "_id=4&nonsense=1", Prefer=lenient).status == 200
    assert reader.get("Patient", "_id=4", Prefer=prefer).status == 200


def test_a_strange_parameter_name_is_not_repeated(reader: Reader) -> None:
    answer = reader.get("Patient", [("1234567890 <script>", "x"), ("_id", "4")])

    assert "1234567890" not in answer.text
    assert "script" not in answer.text


REFUSED: list[tuple[str, str, str, str]] = [
    ("Patient", "_count=-1", "_count", "value"),
    ("Patient", "_count=ten", "_count", "value"),
    ("Patient", "_count=1.5", "_count", "value"),
    ("Patient", "_count=٣", "_count", "value"),
    ("Patient", "_count=9999999999", "_count", "value"),
    ("Patient", "_count:exact=1", "_count", "not-supported"),
    ("Patient", "_sort=gender", "_sort", "value"),
    ("Patient", "_sort=--birthdate", "_sort", "value"),
    ("Patient", "_sort=birthdate,", "_sort", "value"),
    ("Patient", "_sort=nonsense", "_sort", "value"),
    ("Patient", "_sort:desc=birthdate", "_sort", "not-supported"),
    ("Patient", "_summary=yes", "_summary", "value"),
    ("Patient", "_elements=a,,b", "_elements", "value"),
    ("Patient", "_elements=name.family", "_elements", "value"),
    ("Patient", "_pretty=yes", "_pretty", "value"),
    ("Patient", "_include=Patient:nonsense", "_include", "not-supported"),
    ("Patient", "_include=Patient", "_include", "not-supported"),
    ("Patient", "_include=Observation:*", "_include", "not-supported"),
    ("Patient", "_include:exact=Patient:organization", "_include", "not-supported"),
    ("Patient", "_include:iterate=Patient:nonsense", "_include", "not-supported"),
    ("Patient", "_include:iterate=Nonsense:patient", "_include", "not-supported"),
    ("Patient", "_include:iterate=Encounter:location:Organization", "_include", "not-supported"),
    ("Patient", "_revinclude:exact=Observation:patient", "_revinclude", "not-supported"),
    ("Patient", "_revinclude:iterate=Observation:nonsense", "_revinclude", "not-supported"),
    ("Patient", "_revinclude:iterate=Observation:encounter:Group", "_revinclude", "not-supported"),
    ("Organization", "_include:iterate=Encounter:location", "_include", "not-supported"),
    ("Organization", "_revinclude:iterate=Observation:encounter", "_revinclude", "not-supported"),
    ("Patient", "_include=Observation:patient", "_include", "not-supported"),
    ("Patient", "_include=Patient:name", "_include", "not-supported"),
    ("Patient", "_include=Patient:organization:Location", "_include", "not-supported"),
    ("Patient", "_revinclude=Observation:encounter", "_revinclude", "not-supported"),
    ("Patient", "_revinclude=Observation:nonsense", "_revinclude", "not-supported"),
    ("Patient", "_revinclude=Nonsense:patient", "_revinclude", "not-supported"),
    ("Patient", "_revinclude=Observation:patient:Group", "_revinclude", "not-supported"),
    ("Observation", "patient.nonsense=1", "patient.nonsense", "not-supported"),
    ("Observation", "patient:Group.name=x", "patient:Group.name", "not-supported"),
    ("Observation", "code.text=x", "code.text", "not-supported"),
    ("Observation", "patient.birthdate=nonsense", "birthdate", "value"),
    ("Observation", "date=nonsense", "date", "value"),
    ("Observation", "date:exact=2017", "date", "not-supported"),
    ("Patient", "name:nonsense=x", "name", "not-supported"),
]


@each_of(("type_name", "query", "name", "code"), REFUSED)
def test_what_is_malformed_or_not_supported_is_refused_by_name(
    reader: Reader, type_name: str, query: str, name: str, code: str
) -> None:
    answer = reader.get(type_name, query)

    assert (answer.status, answer.issue["code"]) == (400, code)
    assert answer.issue["diagnostics"].startswith(f"{name}: ")
    assert answer.issue["expression"] == [f"http.{name}"]
    valid_json(answer.text, "OperationOutcome")
    posted = reader.post(f"{type_name}/_search", query)
    assert (posted.status, posted.text) == (400, answer.text)


def test_a_parameter_without_a_value_counts_as_not_given(reader: Reader) -> None:
    assert reader.get("Patient", "name=&_count=&_sort=&_include=&birthdate=").total == 3


def test_the_last_of_a_repeated_count_counts(reader: Reader) -> None:
    assert len(reader.get("Observation", "_count=5&_count=2").ids()) == 2


def test_a_search_that_examines_too_much_is_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_ENTRIES", 5)

    for query, name in (
        ("code=8867-4&_total=accurate", "_total"),
        ("patient=4&_summary=count", "_total"),
        ("patient=4&_sort=_id", "_sort"),
        # The examined entries count, not the matches.
        ("patient=4&code=nonsense&_count=0", "_total"),
    ):
        answer = reader.get("Observation", query)
        assert (answer.status, answer.issue["code"]) == (400, "too-costly")
        assert answer.issue["diagnostics"].startswith(f"{name}: more than 5 index entries would be examined")
    assert reader.get("Observation", "patient=5&_total=accurate").status == 200


def _samples() -> Iterator[tuple[str, str]]:
    """Yield a harmless value for every parameter that the table promises."""
    text: dict[ParameterType, Callable[[], str]] = {
        ParameterType.STRING: lambda: "moor",
        ParameterType.TOKEN: lambda: "http://example.org|x",
        ParameterType.DATE: lambda: "ge2017-10",
        ParameterType.REFERENCE: lambda: "x",
        ParameterType.QUANTITY: lambda: "gt5.4||mmol",
        ParameterType.COMPOSITE: lambda: "x$5",
        ParameterType.URI: lambda: "http://example.org/x",
    }
    for type_ in RESOURCE_TYPES:
        for parameter in type_.searchable:
            yield type_.name, f"{parameter.name}={text[parameter.type]()}"
        for include in type_.includes:
            yield type_.name, f"_include={include}"


@each_of(("type_name", "query"), list(_samples()))
def test_every_parameter_of_the_table_is_taken(reader: Reader, type_name: str, query: str) -> None:
    answer = reader.get(type_name, query, Prefer="handling=strict")

    assert answer.status == 200
    name, _, value = query.partition("=")
    assert self_parameters(answer.link("self")) == [(name, value)]


SCOPED: list[tuple[str, str, str, Any]] = [
    ("user/Observation.read", "Observation", "patient=4", 200),
    ("user/Condition.read", "Observation", "patient=4", 403),
    ("profile", "Patient", "", 403),
    ("profile", "Organization", "", 200),
    # S6: a chain is a search of the type that it goes through
    ("user/Observation.read", "Observation", "patient.name=munoz", 403),
    ("user/Observation.read user/Patient.r", "Observation", "patient.name=munoz", 403),
    ("user/Observation.read user/Patient.s", "Observation", "patient.name=munoz", 200),
    ("user/Observation.s user/Patient.s", "Observation", "patient.name=munoz", 200),
]


@pytest.mark.parametrize(("scope", "type_name", "query", "status"), SCOPED)
def test_s6_a_search_and_its_chains_need_the_scope(
    reader: Reader, scope: str, type_name: str, query: str, status: int
) -> None:
    assert reader.as_caller(scope).get(type_name, query).status == status


@pytest.mark.parametrize(
    ("type_name", "query", "ids"),
    [
        ("Patient", "", ["4"]),
        ("Patient", "_id=5", []),
        ("Patient", "birthdate=1998", ["4"]),
        ("Patient", "identifier=9658218873", ["4"]),
        ("Patient", "identifier=9999999468", []),
        ("Condition", "", ["c1", "c2"]),
        ("Condition", "code=195967001", ["c1"]),
        ("Condition", "patient=5", []),
        ("Condition", "patient=4,5", ["c1", "c2"]),
        ("Observation", "patient.name=munoz", []),
        ("Observation", "patient.birthdate=1998&date=2017-10-01", ["o1"]),
        ("MedicationRequest", "", ["mr1"]),
        ("Medication", "", ["m1"]),
        ("Organization", "", ["P1"]),
    ],
)
def test_s4_a_bound_clients_search_sees_its_compartment_alone(
    reader: Reader, type_name: str, query: str, ids: list[str]
) -> None:
    answer = reader.as_caller(patient="4").get(type_name, query)

    assert (answer.ids(), answer.total) == (ids, len(ids))


def test_s4_a_bound_clients_search_reads_its_compartment_alone(reader: Reader) -> None:
    reader.as_caller(patient="5").get("Condition", "")

    assert reader.calls == ["Query", "BatchGetItem"]
