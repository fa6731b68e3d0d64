"""The tables as the reader asks them: batches, pages, faults (`fhir.md`, Statuses: 503)."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import ResourceType, Table, resource_type
from careconnect.storage.keys import reference_prefix, token_partition
from careconnect_testing.aws.altered import Altered
from careconnect_testing.parts.stores import Reader
from careconnect_testing.records.few_records import OBSERVATIONS
from careconnect_testing.records.former_versions import Version, write_versions
from fhir_reader.store.dynamodb import DynamoDbResourceStore
from fhir_reader.store.stored import IndexRange

OF_PATIENT_4 = IndexRange("Patient/4", reference_prefix("Observation", "patient"))


def type_(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


def store(reader: Reader, **alter: Any) -> DynamoDbResourceStore:
    client: Any = Altered(reader.client, **alter)
    tables = {Table.RECORD: reader.tables.record, Table.DIRECTORY: reader.tables.directory}
    return DynamoDbResourceStore(client, tables, Table.RECORD, reader.tables.states)


def test_more_than_a_hundred_keys_are_asked_for_in_batches(reader: Reader) -> None:
    keys = [(type_("Observation"), f"o{number}") for number in range(1, 251)]

    found = store(reader).read_all([*keys, *keys[:5]])

    assert list(found) == [("Observation", f"o{number}") for number in range(1, OBSERVATIONS + 1)] + [
        ("Observation", "o50")
    ]
    assert reader.calls == ["BatchGetItem"] * 3
    reader.calls.clear()
    assert store(reader).read_all([]) == {}
    assert reader.calls == []


def test_both_tables_are_asked_in_one_batch(reader: Reader) -> None:
    keys = [(type_("Organization"), "P1"), (type_("Patient"), "4"), (type_("Location"), "L1")]

    assert list(store(reader).read_all(keys)) == [
        ("Organization", "P1"),
        ("Patient", "4"),
        ("Location", "L1"),
    ]
    assert reader.calls == ["BatchGetItem"]


def test_unprocessed_keys_are_asked_for_again(reader: Reader) -> None:
    def one_at_a_time(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        ((table, wanted),) = arguments["RequestItems"].items()
        answer = real(RequestItems={table: {"Keys": wanted["Keys"][:1]}})
        rest = wanted["Keys"][1:]
        return {**answer, "UnprocessedKeys": {table: {"Keys": rest}} if rest else {}}

    keys = [(type_("Patient"), id_) for id_ in ("6", "5", "4")]
    assert list(store(reader, batch_get_item=one_at_a_time).read_all(keys)) == [
        ("Patient", "6"),
        ("Patient", "5"),
        ("Patient", "4"),
    ]


def test_keys_that_stay_unprocessed_are_a_503(reader: Reader) -> None:
    def nothing(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        return {"Responses": {}, "UnprocessedKeys": arguments["RequestItems"]}

    with pytest.raises(OutcomeError) as caught:
        store(reader, batch_get_item=nothing).read_all([(type_("Patient"), "4")])

    assert (caught.value.status, caught.value.reason) == (503, "UnprocessedKeys")


def test_a_range_is_read_to_its_end_page_by_page(reader: Reader) -> None:
    asked: list[dict[str, Any]] = []

    def five_at_a_time(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        asked.append(arguments)
        return real(**arguments, Limit=5)

    small = store(reader, query=five_at_a_time)
    (stream,) = small.entries(type_("Observation"), [OF_PATIENT_4])
    assert [entry.id for part in stream.parts() for entry in part] == [
        f"o{number}" for number in range(OBSERVATIONS, 0, -1)
    ]
    assert len(asked) == 3
    whole = [*chain.from_iterable(store(reader).compartment(type_("Patient"), "4", "", 0, type_("Patient").members))]
    assert [*chain.from_iterable(small.compartment(type_("Patient"), "4", "", 0, type_("Patient").members))] == whole


def test_a_stream_is_read_no_further_than_it_is_looked_at(reader: Reader) -> None:
    def one_at_a_time(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        return real(**arguments, Limit=1)

    (opened,) = store(reader, query=one_at_a_time).entries(type_("Observation"), [OF_PATIENT_4])
    assert [entry.id for entry in next(opened.parts())] == ["o12"]
    assert reader.calls == ["Query"]


def test_a_range_whose_bounds_cross_is_empty_and_not_asked_for(reader: Reader) -> None:
    assert store(reader).entries(type_("Observation"), [IndexRange("Patient/4", "x", low="2", high="1")]) == []
    assert reader.get("Patient", "identifier=|9658218873&birthdate=gt2001&birthdate=lt1990").total == 0
    # The identifier is looked up for the audit trail alone.
    assert reader.calls == ["Query"]


def test_the_seals_key_comes_with_the_tables_format(reader: Reader) -> None:
    looks: list[Any] = []

    def look(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        looks.append(arguments)
        return real(**arguments)

    ours = store(reader, get_item=look)

    assert len(ours.seal_key()) == 32
    assert ours.seal_key() == ours.seal_key()
    assert (len(looks), reader.calls) == (1, [])


def test_without_a_key_for_links_nothing_is_promised(reader: Reader) -> None:
    def nothing(_: Callable[..., Any], __: dict[str, Any]) -> Any:
        return {}

    with pytest.raises(OutcomeError) as caught:
        store(reader, get_item=nothing).seal_key()

    assert caught.value.status == 503


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret detail"}}, "Query")


FAULTS: list[tuple[Exception, str]] = [
    *((error(code), code) for code in ("ThrottlingException", "ProvisionedThroughputExceededException")),
    *((error(code), code) for code in ("InternalServerError", "AccessDeniedException", "ResourceNotFoundException")),
    (ReadTimeoutError(endpoint_url="https://secret.example"), "ReadTimeoutError"),
    (ConnectTimeoutError(endpoint_url="https://secret.example"), "ConnectTimeoutError"),
]


@pytest.mark.parametrize(("fault", "reason"), FAULTS)
@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("Patient/4", "GetItem"),
        ("Patient/4?_format=xml", "GetItem"),
        ("Patient?_id=4", "BatchGetItem"),
        ("Patient?name=kanfeld", "Query"),
        ("Patient?name=kanfeld", "BatchGetItem"),
        ("Patient?gender=female", "Query"),
        ("Observation?patient.name=kanfeld", "Query"),
        ("Patient?_id=4&_revinclude=Condition:patient", "Query"),
        ("Patient/4/$everything", "GetItem"),
        ("Patient/4/$everything", "Query"),
        ("Patient/4/$everything", "BatchGetItem"),
    ],
)
def test_a_fault_of_dynamodb_is_a_503_with_retry_after_and_no_detail(
    reader: Reader, path: str, operation: str, fault: Exception, reason: str
) -> None:
    def break_it(name: str) -> None:
        if name == operation:
            raise fault

    reader.faults.append(break_it)
    name, _, query = path.partition("?")
    answer = reader.get(name, query)

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert "secret" not in answer.text
    assert reader.observer.lines[-1]["reason"] == reason
    assert reader.observer.failures == []
    if "xml" not in query:
        assert answer.issue["code"] == "transient"


def test_a_compartment_is_what_names_the_patient_as_its_own(reader: Reader) -> None:
    """The partition also holds entries that refer to the patient by other parameters, or are of types not served."""
    before = [
        place
        for place, _ in chain.from_iterable(
            store(reader).compartment(type_("Patient"), "4", "", 0, type_("Patient").members)
        )
    ]
    others = [{"pk": {"S": "Patient/4"}, "sk": {"S": sk}} for sk in ("Encounter?participant#0#e9", "Flag?patient#0#f1")]
    for other in others:
        reader.client.put_item(TableName=reader.tables.record, Item={**other, "values": {"S": "{}"}})

    after = [
        place
        for place, _ in chain.from_iterable(
            store(reader).compartment(type_("Patient"), "4", "", 0, type_("Patient").members)
        )
    ]
    for other in others:
        reader.client.delete_item(TableName=reader.tables.record, Key=other)

    assert after == before


def test_the_same_store_reads_consistently_and_shares_what_it_keeps(reader: Reader) -> None:
    asked: dict[str, list[bool]] = {}

    def note(name: str) -> Callable[[Callable[..., Any], dict[str, Any]], Any]:
        def reported(real: Callable[..., Any], arguments: dict[str, Any]) -> Any:
            each = arguments.get("RequestItems", {"": arguments}).values()
            asked.setdefault(name, []).extend(one.get("ConsistentRead", False) for one in each)
            return real(**arguments)

        return reported

    ours = store(reader, query=note("query"), batch_get_item=note("batch"))
    assert ours.seal_key()
    for each in (ours, ours.consistent(), ours):
        asked.clear()
        reader.calls.clear()
        (stream,) = each.entries(type_("Observation"), [OF_PATIENT_4])
        assert list(stream.parts())
        assert list(each.compartment(type_("Patient"), "4", "", 2, type_("Patient").members))
        assert each.systems(type_("Patient"), token_partition("Patient", "identifier", "9658218873"), 3)
        assert each.entries_by_id(type_("Patient"), ["4"])
        assert each.read_all([(type_("Patient"), "4"), (type_("Location"), "L1")])
        assert each.seal_key() == ours.seal_key()
        assert "GetItem" not in reader.calls
        assert set(asked) == {"query", "batch"}
        assert {one for several in asked.values() for one in several} == {each is not ours}


def test_versions_are_asked_for_part_by_part_and_no_further_than_the_lowest(reader: Reader) -> None:
    first = {"resourceType": "Patient", "id": "parts"}
    write_versions(reader, "Patient/parts", [Version({**first, "gender": "male"})] * 6, first=3)
    versions = store(reader).versions
    reader.calls.clear()

    def of(highest: int, lowest: int, expected: int) -> tuple[list[int], int]:
        reader.calls.clear()
        found = versions.backwards(type_("Patient"), "parts", highest, lowest, expected)
        return [one.version for one in found], reader.calls.count("Query")

    assert of(7, 4, 2) == ([7, 6, 5, 4], 2)
    assert of(7, 7, 1) == ([7], 1)
    # Below the oldest stored version there is nothing.
    assert of(5, 1, 10) == ([5, 4, 3], 1)
    assert of(2, 1, 1) == ([], 1)
