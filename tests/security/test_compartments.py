"""A bound client stays in its compartment though an index entry lags behind its body (`access.md`, Rule 3; ADR 14)."""

from typing import Any

import httpx
import pytest

from careconnect.storage.keys import JSON_ITEM
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.api import Api
from careconnect_testing.records.few_records import write_records

pytestmark = pytest.mark.integration

OWN, OTHER = "lag-own", "lag-other"
SECRET = "of the other patient alone"


def observation(id_: str, patient: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": text},
        "subject": {"reference": f"Patient/{patient}"},
        # On the first page, whatever else is loaded.
        "effectiveDateTime": "2999-01-01",
    }


@pytest.fixture(scope="module")
def api(
    local_stack: LocalStack, http: httpx.Client, record_tables: RecordTables, tmp_path_factory: pytest.TempPathFactory
) -> Api:
    """Two patients; one record is the second's by its body, and the first's by its entries."""
    people: list[dict[str, Any]] = [{"resourceType": "Patient", "id": id_} for id_ in (OWN, OTHER)]
    records = [observation("lag-kept", OWN, "kept"), observation("lag-moved", OTHER, SECRET)]
    path = write_records(tmp_path_factory.mktemp("lagging"), [*people, *records])
    assert not load_paths([path], record_tables, base_url=local_stack.base_url).problems
    dynamodb, table = local_stack.client("dynamodb"), local_stack.stack.outputs["RecordTable"]
    key = {"pk": {"S": "Observation/lag-moved"}, "sk": {"S": JSON_ITEM}}
    body = dynamodb.get_item(TableName=table, Key=key)["Item"]
    # The record as it was before it came to the other patient, then the body that a load writes first.
    path = write_records(tmp_path_factory.mktemp("before"), [observation("lag-moved", OWN, "before")])
    assert not load_paths([path], record_tables, base_url=local_stack.base_url).problems
    # It tells the time that the entries tell: a body of another time would not be shown at all (ADR 23).
    before = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.put_item(TableName=table, Item={**body, "updated": before["updated"]})
    return Api(local_stack, http)


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_a_lagging_entry_shows_a_bound_client_no_other_patients_record(api: Api, format_: str) -> None:
    scope = "patient/Patient.read patient/Observation.read"
    bound = api.register(f"lag-bound-{format_}", scope, patient=OWN)
    everyone = api.register(f"lag-unbound-{format_}", scope)

    for path in (
        "Observation?_id=lag-moved",
        "Observation?_count=100",
        f"Observation?patient={OWN}",
        f"Patient/{OWN}/$everything?_count=100",
    ):
        path += f"{'&' if '?' in path else '?'}_format={format_}"
        assert SECRET in api.get(path, everyone).text, "the entry leads to the other's body"
        answer = api.get(path, bound)
        assert answer.status_code == 200
        assert SECRET not in answer.text
        assert "lag-moved" not in answer.text.partition("entry")[2]
        assert "_id=" in path or "lag-kept" in answer.text
