"""Searches find the old or the new version of a resource during a multi-step write, never a mixture (ADR 23)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from careconnect.fhir.resource_types import resource_type
from careconnect_records.writes.plan import plan_version
from careconnect_records.writes.target import Target
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import write_records
from careconnect_testing.records.former_versions import FIRST_CHANGE, HOUR
from fhir_reader import budget

NEW, OLD = "9990-1", "9990-2"
# Each finds the resource with the new code, of Patient 4, by another access path.
SEARCHES = [
    ("Observation", f"code={NEW}"),
    ("Observation", f"code=http://loinc.org|{NEW}"),
    ("Observation", f"code={NEW}&patient=4"),
    ("Observation", f"code:not={OLD},8867-4&_count=100"),
    ("Observation", f"_id=staged&code={NEW}"),
    ("Observation", f"_lastUpdated=ge2020&code={NEW}"),
    ("Observation", f"_sort=date&code={NEW}"),
    ("Patient/4/Observation", f"code={NEW}"),
    ("Patient", f"_has:Observation:patient:code={NEW}"),
    ("Encounter", f"_has:Observation:encounter:code={NEW}"),
    ("Patient", "_id=4&_revinclude=Observation:patient"),
    ("Patient/4/$everything", "_count=100"),
]


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("records")))
        yield reader


@pytest.fixture
def reader(loaded: Reader) -> Iterator[Reader]:
    """The few records. The items that a test adds are removed after it."""
    loaded.calls.clear()
    yield loaded
    for each in (record(OLD, 1), record(NEW, 2)):
        for item in (each.body, each.record, *each.entries):
            key = {name: item[name] for name in ("pk", "sk")}
            loaded.client.delete_item(TableName=loaded.tables.record, Key=key)


class Written(NamedTuple):
    body: dict[str, Any]
    record: dict[str, Any]
    entries: list[dict[str, Any]]


def record(code: str, version: int) -> Written:
    """Return the items of one version of the observation that is written."""
    resource = {
        "resourceType": "Observation",
        "id": "staged",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/4"},
        "context": {"reference": "Encounter/e1"},
        "effectiveDateTime": f"2024-05-0{version}",
    }
    served = resource_type("Observation")
    assert served
    plan = plan_version(Target(served, "staged"), resource, version, FIRST_CHANGE + version * HOUR)
    assert plan.body
    return Written(plan.body, plan.index, list(plan.entries.values()))


def put(reader: Reader, *items: dict[str, Any]) -> None:
    for item in items:
        reader.client.put_item(TableName=reader.tables.record, Item=item)


def pending(*items: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return ({**item, "staged": {"BOOL": True}} for item in items)


def codes(reader: Reader, path: str, query: str) -> str | list[str]:
    """Return the codes that the observation is shown with; for `_has`, the ids that were found."""
    answer = reader.get(path, query)
    assert answer.status == 200, answer.text
    if "_has" in query:
        return answer.ids()
    resources = [entry["resource"] for entry in answer.json.get("entry", ())]
    return [each["code"]["coding"][0]["code"] for each in resources if each["id"] == "staged"]


@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_what_was_never_there_is_not_found_before_its_record_says_so(reader: Reader, path: str, query: str) -> None:
    first = record(NEW, 2)
    put(reader, *pending(*first.entries))
    assert codes(reader, path, query) == [], "there is no index record"

    begun = {**first.record, "version": {"N": "0"}, "values": {"S": "{}"}, "entries": {"S": "[]"}}
    put(reader, begun)
    assert codes(reader, path, query) == [], "it was claimed by its writer"

    put(reader, first.record, first.body)
    assert codes(reader, path, query), "it is there, though its entries are staged"

    by_steps = codes(reader, path, query)
    put(reader, *first.entries)
    assert codes(reader, path, query) == by_steps


@pytest.mark.parametrize(("path", "query"), SEARCHES)
def test_what_is_changed_is_found_as_it_was_until_its_record_says_otherwise(
    reader: Reader, path: str, query: str
) -> None:
    before, after = record(OLD, 1), record(NEW, 2)
    put(reader, before.record, before.body, *before.entries)
    as_it_was = codes(reader, path, query)
    assert as_it_was in ([], [OLD])

    # The entries that both versions have hold the values of the new version already.
    put(reader, *pending(*before.entries), *pending(*after.entries))
    assert codes(reader, path, query) == as_it_was
    assert codes(reader, "Observation", f"code={OLD}") == [OLD]

    put(reader, after.record, after.body)
    found = codes(reader, path, query)
    assert found
    assert found in ([NEW], ["4"], ["e1"])
    assert codes(reader, "Observation", f"code={OLD}") == []


def test_what_is_pending_is_looked_up_by_one_call_for_all_of_it(reader: Reader) -> None:
    after = record(NEW, 2)
    put(reader, after.record, after.body, *after.entries)
    reader.calls.clear()
    reader.get("Observation", "patient=4&_count=100")
    before = list(reader.calls)

    put(reader, *pending(*after.entries))
    reader.calls.clear()
    reader.get("Observation", "patient=4&_count=100")

    assert before == ["Query", "BatchGetItem"]
    assert reader.calls == ["Query", "BatchGetItem", "BatchGetItem"]


@pytest.mark.parametrize(("path", "query"), [("Observation", "patient=4"), ("Patient/4/$everything", "_count=100")])
def test_what_is_looked_up_is_paid_for(reader: Reader, monkeypatch: pytest.MonkeyPatch, path: str, query: str) -> None:
    def least() -> int:
        """Return the smallest number of calls that answers the request."""
        for calls in range(1, 20):
            monkeypatch.setattr(budget, "MAX_CALLS", calls)
            answer = reader.get(path, query)
            if answer.status == 200:
                return calls
            assert answer.issue["code"] == "too-costly"
        pytest.fail("it is not answered at all")

    after = record(NEW, 2)
    put(reader, after.record, after.body, *after.entries)
    before = least()

    put(reader, *pending(*after.entries))

    assert least() == before + 1


def test_what_names_a_patient_in_another_form_is_no_member_though_it_is_pending(reader: Reader) -> None:
    other = {"pk": {"S": "Patient/4"}, "sk": {"S": "Encounter?participant#0#e9"}, "values": {"S": "{}"}}
    read_all = reader.get("Patient/4/$everything", "_count=100").found()
    put(reader, *pending(other))

    found = reader.get("Patient/4/$everything", "_count=100").found()
    reader.client.delete_item(TableName=reader.tables.record, Key={name: other[name] for name in ("pk", "sk")})

    assert found == read_all
