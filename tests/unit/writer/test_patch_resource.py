"""JSON Patch (RFC 6902) and its bounds, on generated documents and patches."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from careconnect.fhir.outcomes import OutcomeError
from careconnect_records.parsing.exact_json import json_text, parse_json
from record_writer.request.patch_resource import parse_patch, patched

NAMES = st.sampled_from(["a", "b", "", "a/b", "m~n", "0", "-"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", "ä"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=4)
POINTERS = st.lists(NAMES | st.sampled_from(["1", "2", "01"]), max_size=3).map(
    lambda parts: "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)
)
OPERATIONS = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "test"]), "path": POINTERS, "value": VALUES}),
    st.fixed_dictionaries({"op": st.just("remove"), "path": POINTERS}),
    st.fixed_dictionaries({"op": st.sampled_from(["move", "copy"]), "path": POINTERS, "from": POINTERS}),
)


def outcome(document: Any, operations: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the status of a patch, and the JSON of its result."""
    try:
        result = patched(parse_json(json.dumps(document)), parse_patch(json.dumps(operations).encode()))
    except OutcomeError as error:
        return error.status, error.text
    return 200, json_text(result)


@given(DOCUMENTS, st.lists(OPERATIONS, max_size=5))
# The second operation changes the value that the first has added.
@example({}, [{"op": "add", "path": "/a", "value": {}}, {"op": "add", "path": "/a/b", "value": 1}])
def test_a_patch_ends_in_a_result_or_a_refusal_and_each_time_in_the_same(
    document: dict[str, Any], operations: list[dict[str, Any]]
) -> None:
    parsed = parse_patch(json.dumps(operations).encode())
    before = json.dumps(parsed)
    status, text = outcome(document, operations)

    assert status in (200, 422)
    for _ in range(2):
        # A write applies its patch again after a conflict.
        try:
            again = json_text(patched(parse_json(json.dumps(document)), parsed))
        except OutcomeError as error:
            again = error.text
        assert again == text
    assert json.dumps(parsed) == before


@given(DOCUMENTS, NAMES, VALUES)
def test_what_is_added_is_there_and_removed_it_is_not(document: dict[str, Any], name: str, value: Any) -> None:
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    added = outcome(
        document, [{"op": "add", "path": path, "value": value}, {"op": "test", "path": path, "value": value}]
    )
    removed = outcome(document, [{"op": "add", "path": path, "value": value}, {"op": "remove", "path": path}])

    assert added == (200, json_text({**document, name: value}))
    assert json.loads(removed[1]) == {each: other for each, other in document.items() if each != name}


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        # RFC 6902 §4.6: the tested value has to be of the same type.
        ({"op": "test", "path": "/true", "value": 1}, 422),
        ({"op": "test", "path": "/one", "value": True}, 422),
        ({"op": "test", "path": "/one", "value": 1.0}, 200),
        ({"op": "test", "path": "/missing", "value": None}, 422),
        # RFC 6901 §4: an index has no leading zeros, and `-` names no existing element.
        ({"op": "remove", "path": "/list/00"}, 422),
        ({"op": "remove", "path": "/list/-"}, 422),
        ({"op": "copy", "from": "/list/-", "path": "/x"}, 422),
        ({"op": "add", "path": "/list/-", "value": 3}, 200),
        ({"op": "add", "path": "/list/2", "value": 3}, 422),
        ({"op": "add", "path": "/list/-1", "value": 3}, 422),
        ({"op": "add", "path": "/list/1e0", "value": 3}, 422),
        # RFC 6902 §4.4: no value can be moved into itself.
        ({"op": "move", "from": "/list", "path": "/list/0"}, 422),
    ],
)
def test_rfc_6902_to_the_letter(operation: dict[str, Any], status: int) -> None:
    assert outcome({"true": True, "one": 1, "list": [1]}, [operation])[0] == status


def test_a_copy_is_another_value() -> None:
    operations: list[dict[str, Any]] = [
        {"op": "copy", "from": "/a", "path": "/b"},
        {"op": "add", "path": "/a/x", "value": 1},
        {"op": "add", "path": "/c", "value": {}},
        {"op": "copy", "from": "/c", "path": "/d"},
        {"op": "add", "path": "/c/y", "value": 1},
    ]

    assert outcome({"a": {}}, operations) == (200, '{"a":{"x":1},"b":{},"c":{"y":1},"d":{}}')


def test_numbers_keep_their_digits() -> None:
    operations = (
        '{"op":"add","path":"/b","value":1.10}',
        '{"op":"copy","from":"/a","path":"/c"}',
        '{"op":"test","path":"/a","value":1.0}',
    )
    result = patched(parse_json('{"a":1.00}'), parse_patch(f"[{','.join(operations)}]".encode()))

    assert json_text(result) == '{"a":1.00,"b":1.10,"c":1.00}'
