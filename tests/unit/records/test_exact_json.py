"""JSON in and out without a loss."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect_records.parsing.exact_json import JsonError, JsonNumber, json_text, parse_json


@pytest.mark.parametrize(
    "text",
    [
        '{"value":1.10,"low":0.0000001,"high":1E+2,"count":12,"other":-0.50}',
        '{"z":1,"a":[{},[],"",null,true,false]}',
        '{"name":"Muñoz 😀","line":"a\\"b\\\\c\\n\\t"}',
        "[12345678901234567890,0.12345678901234567890123]",
        '"text"',
    ],
)
def test_a_compact_text_comes_back_letter_by_letter(text: str) -> None:
    assert json_text(parse_json(text)) == text


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]))
    | st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30}|[eE][+-]?[0-9]{1,2})", fullmatch=True).map(JsonNumber),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_any_value_comes_back_equal(value: object) -> None:
    assert parse_json(json_text(value)) == value


def test_keys_can_be_sorted_for_a_digest() -> None:
    one, other = parse_json('{"b":1,"a":{"d":2,"c":3}}'), parse_json('{"a":{"c":3,"d":2},"b":1}')
    assert json_text(one) != json_text(other)
    assert json_text(one, sort_keys=True) == json_text(other, sort_keys=True) == '{"a":{"c":3,"d":2},"b":1}'


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ('{"a":1,\n"b":}', 2, 5, "not JSON: Expecting value"),
        ("", 1, 1, "not JSON: Expecting value"),
        ('{"é😀":1,"b":2 \t,\n }', 1, 16, "not JSON: a comma before the end of an object or array"),
        ('\n["😀",]', 2, 5, "not JSON: a comma before the end of an object or array"),
        ("[,]", 1, 2, "not JSON: a comma before the end of an object or array"),
        ('{"a":1,"a":2}', 1, 8, "not JSON: a member is repeated"),
        ('{"a":{"b":"\\"","a":[{"b":1}]},\n "\\u0061" :2}', 2, 2, "not JSON: a member is repeated"),
        ('{"a":NaN}', 1, 6, "not JSON: NaN or Infinity"),
        ('{"NaN":"NaN","a":-Infinity}', 1, 18, "not JSON: NaN or Infinity"),
        ("9" * 5000, 1, 1, "not JSON: a number of too many digits"),
        ('{"a":[1, 1e9999999999]}', 1, 10, "not JSON: a number of too many digits"),
        ("[" * 100_000, 1, 0, "not readable: nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_its_cause_and_place(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(JsonError) as caught:
        parse_json(text)
    assert (caught.value.reason, caught.value.line, caught.value.column) == (reason, line, column)


def test_a_binary_float_is_never_written() -> None:
    with pytest.raises(TypeError, match="float"):
        json_text({"value": 1.1})
