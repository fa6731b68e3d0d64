"""Patching resources (`write.md`, Interactions: PATCH Type/{id}; RFC 6902)."""

from typing import Any

import pytest

from careconnect_testing.http.writes import JSON, PATCH, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in

GENDER = {"op": "replace", "path": "/gender", "value": "male"}


@pytest.fixture
def path(writer: Writer) -> str:
    """Write a patient of gender female, and return its path."""
    return f"Patient/{writer.made(patient(gender='female'))['id']}"


def test_a_patched_resource_is_the_next_version(writer: Writer, path: str) -> None:
    answer = writer.patch(path, {"op": "test", "path": "/gender", "value": "female"}, GENDER)

    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"2"')
    assert answer.json["gender"] == "male"
    assert writer.reader.get(path).json == answer.json


def test_promise_7_a_patch_costs_two_calls(writer: Writer, path: str) -> None:
    writer.calls.clear()
    writer.patch(path, GENDER)

    assert writer.calls == ["BatchGetItem", "TransactWriteItems"]


def test_a_patch_that_changes_nothing_writes_nothing(writer: Writer, path: str) -> None:
    answer = writer.patch(path)

    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"1"')


def test_decimals_keep_their_digits_through_a_patch(writer: Writer, path: str) -> None:
    value = observation(path, valueQuantity={"unit": "kg"})
    made = writer.made(value)
    body = '[{"op":"add","path":"/valueQuantity/value","value":1.500},{"op":"add","path":"/status","value":"amended"}]'
    answer = writer.send("PATCH", f"Observation/{made['id']}", body, type_=PATCH)
    again = writer.patch(f"Observation/{made['id']}", {"op": "add", "path": "/status", "value": "final"})

    assert '"value":1.500,' in answer.text
    assert '"value":1.500,' in again.text


@pytest.mark.parametrize(
    "body",
    [
        '{"op":"remove","path":"/gender"}',
        "",
        "[",
        "[1]",
        "[{}]",
        '[{"op":1,"path":"/gender"}]',
        '[{"op":"frobnicate","path":"/gender"}]',
        '[{"op":"remove"}]',
        '[{"op":"add","path":"/gender"}]',
        '[{"op":"replace","path":"/gender"}]',
        '[{"op":"test","path":"/gender"}]',
        '[{"op":"move","path":"/gender"}]',
        '[{"op":"copy","path":"/gender","from":1}]',
        '[{"op":"copy","path":"/gender","from":"active"}]',
        '[{"op":"remove","path":"gender"}]',
        '[{"op":"remove","path":"/a~2"}]',
        '[{"op":"remove","path":["gender"]}]',
        '[{"op":"remove","path":"/gender","path":"/gender"}]',
    ],
)
def test_a_patch_that_is_none_is_400(writer: Writer, path: str, body: str) -> None:
    answer = writer.send("PATCH", path, body, type_=PATCH)

    assert (answer.status, [code for code, _ in issues_in(answer)]) == (400, ["structure"])


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/gender", "value": "female"},
        {"op": "test", "path": "/name", "value": None},
        {"op": "remove", "path": "/name"},
        {"op": "replace", "path": "/name", "value": []},
        {"op": "add", "path": "/name/0", "value": {}},
        {"op": "add", "path": "/gender/0", "value": {}},
        {"op": "move", "from": "/name", "path": "/alias"},
        {"op": "copy", "from": "/name/0", "path": "/alias"},
        {"op": "move", "from": "/meta", "path": "/meta/tag"},
        {"op": "remove", "path": ""},
    ],
)
def test_an_operation_that_cannot_be_done_is_422_with_its_place_and_nothing_is_written(
    writer: Writer, path: str, operation: dict[str, Any]
) -> None:
    answer = writer.patch(path, GENDER, {"op": "remove", "path": "/gender"}, GENDER | {"op": "add"}, operation)

    assert (answer.status, issues_in(answer)) == (422, [("processing", ("[3]",))])
    assert writer.reader.get(path).json["gender"] == "female"
    assert "ResourceInvalid" in writer.observer.counts


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/id", "value": "another"},
        {"op": "remove", "path": "/id"},
        {"op": "replace", "path": "/resourceType", "value": "Person"},
        {"op": "replace", "path": "/meta/versionId", "value": "9"},
        {"op": "remove", "path": "/meta/versionId"},
        {"op": "replace", "path": "/meta", "value": 1},
        {"op": "replace", "path": "", "value": {}},
        {"op": "replace", "path": "", "value": []},
    ],
)
def test_what_is_the_servers_to_say_is_left_as_it_is(writer: Writer, path: str, operation: dict[str, Any]) -> None:
    answer = writer.patch(path, operation)

    assert (answer.status, issues_in(answer)) == (422, [("business-rule", ())])


def test_a_result_that_is_invalid_is_422_with_its_faults(writer: Writer, path: str) -> None:
    answer = writer.patch(path, {"op": "add", "path": "/gender", "value": "unheard-of"})

    assert answer.status == 422
    assert [place for _, place in issues_in(answer)] == [("Patient.gender",)]


def test_absent_is_404_and_deleted_410_whatever_if_match_says(writer: Writer, path: str) -> None:
    statuses = [writer.patch("Patient/never", GENDER, **match).status for match in ({}, {"If_Match": 'W/"1"'})]
    writer.delete(path)
    statuses += [writer.patch(path, GENDER, **match).status for match in ({}, {"If_Match": 'W/"1"'})]

    assert statuses == [404, 404, 410, 410]


@pytest.mark.parametrize(("if_match", "status"), [('W/"1"', 200), ('W/"2"', 409), ("1", 400)])
def test_a_patch_may_be_of_one_version(writer: Writer, path: str, if_match: str, status: int) -> None:
    assert writer.patch(path, GENDER, If_Match=if_match).status == status


@pytest.mark.parametrize("type_", [JSON, "", "application/merge-patch+json", "application/json"])
def test_another_kind_of_patch_is_415(writer: Writer, path: str, type_: str) -> None:
    assert writer.send("PATCH", path, "[]", type_=type_).status == 415


def test_a_patch_needs_a_scope_that_reads_besides(writer: Writer, path: str) -> None:
    refused = writer.as_caller("user/Patient.u").patch(path, GENDER)

    assert refused.status == 403
    assert 'scope="user/Patient.r"' in refused.headers["WWW-Authenticate"]
    assert writer.as_caller("user/Patient.ru").patch(path, GENDER).status == 200


def test_a_patch_of_too_many_operations_is_413(writer: Writer, path: str) -> None:
    answer = writer.patch(path, *[GENDER] * 1001)

    assert (answer.status, issues_in(answer)) == (413, [("too-long", ())])


def test_a_patch_over_the_limit_is_413(writer: Writer, path: str) -> None:
    assert writer.patch(path, GENDER | {"value": "x" * 350_000}).status == 413


def test_what_a_patch_would_build_is_bounded_like_a_body(writer: Writer, path: str) -> None:
    text = [{"op": "add", "path": "/name", "value": [{"text": "x" * 100_000}]}]
    copies = [{"op": "copy", "from": "/name/0", "path": "/name/-"} for _ in range(3)]
    bomb = [{"op": "copy", "from": "/name", "path": "/name/-"} for _ in range(900)]
    moves = [{"op": "move", "from": "/name", "path": "/" + "ab"[number % 2]} for number in range(2)]
    there_and_back = [{"op": "move", "from": one, "path": other} for one, other in (("/name", "/a"), ("/a", "/name"))]

    assert writer.patch(path, *text, *copies).status == 413
    assert writer.patch(path, *text, *bomb).status == 413
    assert writer.patch(path, *text, *moves).status == 422
    assert writer.patch(path, *text, *there_and_back * 20).status == 413
    assert writer.patch(path, *text, *copies[:2]).status == 200
    assert writer.patch(path, GENDER | {"path": "/language", "op": "add", "value": "y" * 60_000}).status == 413


def test_nesting_is_bounded_step_by_step(writer: Writer, path: str) -> None:
    deep: Any = 1
    for _ in range(50):
        deep = {"a": deep}
    at = "/a" * 50
    operations = [{"op": "add", "path": "/a", "value": deep}, {"op": "add", "path": f"/a{at}", "value": deep}]

    assert writer.patch(path, operations[0]).status == 422
    assert writer.patch(path, *operations).status == 413
