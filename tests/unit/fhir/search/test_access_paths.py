"""The index that answers each search, and the number of calls that it takes (ADR 3)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType, resource_type
from careconnect.search.criteria import Criterion, parse_criterion
from careconnect.search.values import order_text
from careconnect.storage.keys import SHARDS, entry_sort_key
from careconnect_testing.parts.stores import FHIR_BASE, NOW, Reader
from careconnect_testing.running.cases import each_of
from fhir_reader.search.access_paths import AccessPath, change_path, index_paths, named_ids, split_by_system, type_path
from fhir_reader.store.stored import IndexOrder


def asked_for(type_name: str, *asked: str) -> tuple[ResourceType, list[Criterion]]:
    """Return the type and the criteria of `name:modifier=text` texts."""
    type_ = resource_type(type_name)
    assert type_ is not None
    criteria = []
    for one in asked:
        head, _, text = one.partition("=")
        name, _, modifier = head.partition(":")
        parameter = type_.parameter(name)
        assert parameter is not None
        criteria.append(parse_criterion(parameter, modifier, text, fhir_base=FHIR_BASE, now=int(NOW * 1000)))
    return type_, criteria


def plan(type_name: str, *asked: str) -> AccessPath:
    """Return the most selective access path of `name:modifier=text` criteria, the type's own if there is no other."""
    type_, criteria = asked_for(type_name, *asked)
    return next(iter(index_paths(type_, criteria)), type_path(type_, criteria))


def partitions(type_name: str, *asked: str) -> list[str]:
    return [one.partition for one in plan(type_name, *asked).ranges]


def all_of(type_name: str) -> list[str]:
    return [f"{type_name}?{shard}" for shard in range(SHARDS)]


@each_of(
    ("type_name", "asked", "expected"),
    [
        ("Patient", ["identifier=https://nhs|1"], ["Patient?identifier=1"]),
        ("Patient", ["identifier=1"], ["Patient?identifier=1"]),
        ("Patient", ["identifier=1,2"], ["Patient?identifier=1", "Patient?identifier=2"]),
        ("Patient", ["identifier=1,1"], ["Patient?identifier=1"]),
        ("Patient", ["name=Muñoz"], ["Patient?name^m"]),
        ("Patient", ["name:exact=Muñoz"], ["Patient?name^m"]),
        ("Patient", ["family=kan"], ["Patient?name^k"]),
        ("Patient", ["given=Bernie"], ["Patient?name^b"]),
        ("Patient", ["name=bernie kanfeld"], ["Patient?name^b"]),
        ("Patient", ["address-postalcode=LS1"], ["Patient?address-postalcode^l"]),
        ("Patient", ["email=A@B.org"], ["Patient?email=a@b.org"]),
        ("Patient", ["phone=0113-1"], ["Patient?phone=01131"]),
        ("Patient", ["telecom=0113-1"], ["Patient?telecom=01131"]),
        ("Patient", ["address=Bobbin Lane"], ["Patient?address^b"]),
        ("Patient", ["address-city=St Brannock"], ["Patient?address^s"]),
        ("Patient", ["general-practitioner=1"], ["Practitioner/1", "Organization/1"]),
        ("Patient", ["_tag=urn:t|x"], ["Patient?_tag=x"]),
        ("Immunization", ["lot-number=LOT1"], ["Immunization?lot-number^l"]),
        ("Encounter", ["practitioner=1"], ["Practitioner/1"]),
        ("Observation", ["context=EpisodeOfCare/1"], ["EpisodeOfCare/1"]),
        ("Observation", ["component-code=a"], ["Observation?component-code=a"]),
        ("Observation", ["code-value-quantity=urn:s|a$gt5,b$5"], ["Observation?code=a", "Observation?code=b"]),
        ("Observation", ["component-code-value-quantity=a$5"], ["Observation?component-code=a"]),
        ("Observation", ["patient=4"], ["Patient/4"]),
        ("Observation", ["subject=Patient/4"], ["Patient/4"]),
        ("Observation", ["patient=4,5"], ["Patient/4", "Patient/5"]),
        ("Condition", ["encounter=e1"], ["Encounter/e1"]),
        ("Encounter", ["episodeofcare=ep1"], ["EpisodeOfCare/ep1"]),
        ("Observation", ["code=http://loinc.org|8867-4"], ["Observation?code=8867-4"]),
        ("MedicationRequest", ["medication=m1"], ["Medication/m1"]),
        ("PractitionerRole", ["practitioner=G1"], ["Practitioner/G1"]),
        ("HealthcareService", ["organization=P1"], ["Organization/P1"]),
        # the most selective of several, whatever their order
        ("Observation", ["code=8867-4", "patient=4"], ["Patient/4"]),
        ("Observation", ["patient=4", "code=8867-4"], ["Patient/4"]),
        ("Observation", ["patient=4", "identifier=1"], ["Observation?identifier=1"]),
        ("Patient", ["name=x", "gender=female", "identifier=1"], ["Patient?identifier=1"]),
        ("Patient", ["name=x", "phone=1"], ["Patient?phone=1"]),
    ],
)
def test_a_selective_criterion_has_an_index(type_name: str, asked: list[str], expected: list[str]) -> None:
    assert partitions(type_name, *asked) == expected


@pytest.mark.parametrize(
    ("type_name", "asked"),
    [
        ("Patient", []),
        ("Patient", ["gender=female"]),
        ("Patient", ["birthdate=1998"]),
        ("Patient", ["identifier:missing=true"]),
        ("Patient", ["name:contains=x"]),
        ("Patient", ["identifier=https://nhs|"]),
        ("Patient", ["identifier=1,https://nhs|"]),
        ("Condition", ["clinical-status=active"]),
        ("Condition", ["code:not=1"]),
        ("Encounter", ["status=finished", "class=AMB", "type=x"]),
        ("Observation", ["category=vital-signs"]),
        ("Immunization", ["notgiven=true"]),
        ("MedicationRequest", ["intent=order"]),
        ("Patient", ["_lastUpdated:missing=true"]),
    ],
)
def test_what_many_share_has_none_and_the_type_is_read(type_name: str, asked: list[str]) -> None:
    """No partition of its own for gender, status and the like: it would be a hot one."""
    assert partitions(type_name, *asked) == all_of(type_name)


@pytest.mark.parametrize(
    ("asked", "ids"), [("_id=4", ("4",)), ("_id=4,5,4", ("4", "5")), ("_id=x|4", ("4",)), ("_id=x|", ())]
)
def test_ids_are_fetched_and_not_searched(asked: str, ids: tuple[str, ...]) -> None:
    assert named_ids(asked_for("Patient", asked)[1]) == ids
    assert named_ids(asked_for("Patient", "name=x", asked)[1]) == ids
    assert named_ids(asked_for("Patient", "name=x")[1]) is None


@pytest.mark.parametrize(
    ("date", "bounded"),
    [
        ("date=2017", (True, True)),
        ("date=sa2017", (True, False)),
        ("date=lt2017", (False, True)),
        ("date=le2017", (False, True)),
        ("date=eb2017", (False, True)),
        ("date=ap2017", (False, True)),
        # An observation may be over a period, which may begin long before it ends.
        ("date=gt2017", (False, False)),
        ("date=ge2017", (False, False)),
        ("date=ne2017", (False, False)),
        ("date=2016,2017", (False, False)),
        ("date:missing=true", (False, False)),
    ],
)
def test_a_clinical_date_bounds_the_ranges(date: str, bounded: tuple[bool, bool]) -> None:
    (one,) = plan("Observation", "patient=4", date).ranges

    assert (bool(one.low), bool(one.high)) == bounded


def test_what_began_long_before_is_found_among_the_long_periods() -> None:
    ordinary = [f"Encounter?{shard}" for shard in range(SHARDS)]
    long = [f"Encounter?{shard}~" for shard in range(SHARDS)]

    assert partitions("Encounter", "date=gt2017") == [*ordinary, *long]
    assert partitions("Encounter", "date=lt2017") == ordinary
    assert partitions("Patient", "birthdate=gt2017") == all_of("Patient")
    bounds = {(bool(one.low), one.partition.endswith("~")) for one in plan("Encounter", "date=ge2017").ranges}
    assert bounds == {(True, False), (False, True)}


def test_what_has_changed_since_is_found_by_the_time_of_change() -> None:
    type_, criteria = asked_for("Patient", "_lastUpdated=gt2017-03-01T00:00:00Z", "_lastUpdated=lt2018")
    by_change = [f"Patient?_lastUpdated^{shard}" for shard in range(SHARDS)]

    (access_path,) = index_paths(type_, criteria)

    assert [one.partition for one in access_path.ranges] == by_change
    assert [one.partition for one in change_path(type_, []).ranges] == by_change
    assert all(one.low and one.high and not one.ordered for one in access_path.ranges)


def test_the_earliest_come_first_and_the_undated_last() -> None:
    access_path = plan("Observation", "patient=4").in_order(IndexOrder.EARLIEST_FIRST, dated=True)

    (dated,), (undated,) = access_path.ranges, access_path.then
    assert dated.forward
    assert undated.forward
    assert dated.low > undated.high[:15]
    assert access_path.from_position(("0" * 15, "x")).ranges == (replace(undated, low=f"{'0' * 15}#x"),)
    assert access_path.from_position(("1" * 15, "x")).then == access_path.then


def test_a_code_of_any_system_is_read_in_order_once_its_systems_are_known() -> None:
    access_path = split_by_system(plan("Observation", "code=1,x|2", "date=2017"), {"Observation?code=1": ["a|", "b|"]})

    assert access_path.is_ordered
    assert [(one.partition, one.prefix) for one in access_path.ranges] == [
        ("Observation?code=1", "a|"),
        ("Observation?code=1", "b|"),
        ("Observation?code=2", "x|"),
    ]
    assert len({(one.low, one.high) for one in access_path.ranges}) == 1
    assert access_path.ranges[0].low


def test_two_bounds_limit_each_other() -> None:
    (both,) = plan("Patient", "identifier=x|1", "birthdate=ge1998-01-01", "birthdate=lt1999").ranges
    (lower,) = plan("Patient", "identifier=x|1", "birthdate=ge1998-01-01").ranges
    (upper,) = plan("Patient", "identifier=x|1", "birthdate=lt1999").ranges
    (narrower,) = plan("Patient", "identifier=x|1", "birthdate=lt1999", "birthdate=lt1998-06").ranges

    assert (both.low, both.high) == (lower.low, upper.high)
    assert narrower.high < upper.high


@each_of(
    "asked",
    [
        "birthdate=1990-05-05",
        "birthdate=le1990-05-05",
        "birthdate=lt1990-05-06",
        "birthdate=eb1990-05-06",
        "_lastUpdated=lt1990-05-06",
    ],
)
def test_a_range_ends_before_all_that_begins_on_the_next_day(asked: str) -> None:
    midnight = int(datetime(1990, 5, 6, tzinfo=UTC).timestamp() * 1000)
    last, next_day = (entry_sort_key("", order_text(instant), "zzz") for instant in (midnight - 1, midnight))

    # Of a hundred million patients three thousand have one birthday: more than a page examines.
    assert {last < one.high < next_day for one in plan("Patient", asked).ranges} == {True}


@pytest.mark.parametrize(
    ("type_name", "asked", "ordered"),
    [
        ("Observation", "patient=4", True),
        ("Observation", "code=http://loinc.org|8867-4", True),
        ("Observation", "code=8867-4", False),
        ("Patient", "name=x", False),
        ("Patient", "gender=male", True),
    ],
)
def test_a_range_that_lies_in_the_default_order_is_not_sorted(type_name: str, asked: str, ordered: bool) -> None:
    assert plan(type_name, asked).is_ordered is ordered


CALLS = [
    # A first page also reads the key that seals its next link, once in an instance's life, if it has one.
    ("Patient", "_id=4", ["BatchGetItem", "BatchGetItem"]),
    ("Patient", "identifier=https://fhir.nhs.uk/Id/nhs-number|9658218873", ["Query", "Query", "BatchGetItem"]),
    # A page that its limit ends has a LastEvaluatedKey, even if nothing follows.
    ("Patient", "identifier=9658218873", ["Query"] * 3 + ["BatchGetItem"]),
    ("Patient", "name=kanfeld", ["Query", "BatchGetItem"]),
    ("Patient", "name=bernie kanfeld&birthdate=1998&gender=female", ["Query", "BatchGetItem"]),
    ("Observation", "patient=4", ["Query", "BatchGetItem"]),
    ("Observation", "patient=4&code=8867-4&date=ge2017", ["Query", "BatchGetItem"]),
    ("Observation", "patient=4,5", ["Query", "Query", "BatchGetItem"]),
    ("Observation", "code=8867-4", ["Query", "BatchGetItem"]),
    ("Patient", "gender=female", ["Query"] * SHARDS + ["BatchGetItem"]),
    ("Patient", "", ["Query"] * SHARDS + ["BatchGetItem"]),
    ("Observation", "patient.identifier=9658218873", ["Query"] * 5 + ["BatchGetItem"]),
    ("Observation", "patient=4&_summary=count", ["Query"]),
    ("Observation", "patient=4&_count=0", ["Query"]),
    ("Observation", "patient=nobody", ["Query"]),
    ("Patient", "_id=4&_include=Patient:organization", ["BatchGetItem"] * 2),
    (
        "Encounter",
        "_id=e1&_revinclude=Observation:encounter",
        ["BatchGetItem", "Query", "BatchGetItem"],
    ),
    ("Organization", "name=moor", ["Query", "BatchGetItem"]),
]


@pytest.mark.parametrize(("type_name", "query", "calls"), CALLS)
def test_each_kind_of_search_makes_its_calls_and_no_more(
    reader: Reader, type_name: str, query: str, calls: list[str]
) -> None:
    answer = reader.get(type_name, query)

    assert answer.status == 200
    assert answer.link("next") == ""
    assert reader.calls == calls


def test_a_later_page_costs_itself_alone(reader: Reader) -> None:
    first = reader.get("Observation", "patient=4&_count=5")
    reader.calls.clear()

    reader.follow(first.link("next"))

    assert reader.calls == ["Query", "BatchGetItem"]


def test_everything_costs_a_read_and_a_query(reader: Reader) -> None:
    reader.get("Patient/4/$everything", "_count=100")

    assert sorted(reader.calls) == ["BatchGetItem", "BatchGetItem", "GetItem", "Query"]


def test_nothing_scans(reader: Reader) -> None:
    for each in RESOURCE_TYPES:
        for query in ("", "_lastUpdated=gt2000", "_id=4", "identifier:missing=true", "_sort=-_lastUpdated"):
            assert reader.get(each.name, query).status == 200

    assert set(reader.calls) <= {"GetItem", "BatchGetItem", "Query"}


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        ("patient=4", True),
        ("patient=4,Patient/5", True),
        ("context=EpisodeOfCare/e", False),
        ("encounter=Encounter/e", True),
        # Those of `context` are there too, which is no encounter.
        ("encounter=EpisodeOfCare/e", False),
        ("encounter=Encounter/e,EpisodeOfCare/e", False),
        ("encounter=https://elsewhere.example/Encounter/e", False),
        ("subject=Patient/4", False),
        ("code=http://loinc.org|1", False),
        ("code-value-quantity=4548-4$5", False),
    ],
)
def test_a_path_satisfies_a_reference_whose_range_holds_nothing_else(asked: str, *, resolved: bool) -> None:
    type_, criteria = asked_for("Observation", asked)

    (access_path,) = index_paths(type_, criteria)

    assert (access_path.satisfies is criteria[0]) is resolved


def test_a_criterion_that_names_nothing_that_can_match_settles_nothing() -> None:
    type_, criteria = asked_for("Observation", "patient:Patient=Practitioner/1")

    assert [access_path.satisfies for access_path in index_paths(type_, criteria)] == [None]
