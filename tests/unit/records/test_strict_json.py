"""A request's JSON body: an object with all its digits, or a refusal in fixed words, in bounded time."""

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from careconnect_records.parsing.exact_json import (
    JsonNumber,
    is_nested_too_deeply,
    json_text,
    nests_too_deeply,
    parse_json,
)
from careconnect_records.parsing.faults import UnreadableBodyError
from careconnect_records.parsing.strict_json import parse_json_body, parse_json_value
from careconnect_testing.running.cases import each_of


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"resourceType":"Patient","value":1.10,"other":-0.50,"large":1E+2}',
        '{"text":"Muñoz 😀 \\\\ud800","list":[1,true,null]}',
    ],
)
def test_an_object_keeps_its_letters(text: str) -> None:
    assert json_text(parse_json_body(text.encode())) == text


def test_a_pair_of_surrogates_is_one_character_and_a_bom_is_none() -> None:
    assert parse_json_body(b'\xef\xbb\xbf{"a":"\\ud83d\\ude00"}') == {"a": "😀"}


def test_a_patch_is_an_array_of_which_as_much_is_asked() -> None:
    assert parse_json_value(b'[{"op":"remove","path":"/active"}]') == [{"op": "remove", "path": "/active"}]
    for body in (b'[{"op":"remove","op":"add"}]', b'["\\ud800"]', b"[" * 65 + b"]" * 65):
        with pytest.raises(UnreadableBodyError):
            parse_json_value(body)


NOT_JSON = "the body is not JSON: "


@each_of(
    ("body", "reason"),
    [
        (b"", "the body is empty"),
        (b" \r\n\t", "the body is empty"),
        (b'{"a":"\xff"}', "the body is not UTF-8 (line 1, column 7)"),
        (b'{"a":"\xc3\xa9",\n"b":"\xc3"}', "the body is not UTF-8 (line 2, column 6)"),
        (b'\xef\xbb\xbf{"a":"\xed\xa0\x80"}', "the body is not UTF-8 (line 1, column 7)"),
        (b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}', "the body is not UTF-8 (line 1, column 7)"),
        ('{"a":1}'.encode("utf-16"), "the body is not UTF-8 (line 1, column 1)"),
        (b"{", f"{NOT_JSON}Expecting property name enclosed in double quotes (line 1, column 2)"),
        (b"{} {}", f"{NOT_JSON}Extra data (line 1, column 4)"),
        (b"<Patient/>", f"{NOT_JSON}Expecting value (line 1, column 1)"),
        (b'{"a":1,\n}', f"{NOT_JSON}a comma before the end of an object or array (line 1, column 7)"),
        (b'{"a":1,"a":1}', f"{NOT_JSON}a member is repeated (line 1, column 8)"),
        (b'{"a":{"b":1,"b":2}}', f"{NOT_JSON}a member is repeated (line 1, column 13)"),
        (b'{"a":NaN}', f"{NOT_JSON}NaN or Infinity (line 1, column 6)"),
        (b'{"a":\r\n-Infinity}', f"{NOT_JSON}NaN or Infinity (line 2, column 1)"),
        (b'{"a":01}', f"{NOT_JSON}Expecting ',' delimiter (line 1, column 7)"),
        (b'{"a":"\x01"}', f"{NOT_JSON}Invalid control character at (line 1, column 7)"),
        (b'{"a":1e9999999999}', f"{NOT_JSON}a number of too many digits (line 1, column 6)"),
        (b'{"a":' + b"9" * 101 + b"}", f"{NOT_JSON}a number of too many digits (line 1, column 6)"),
        (b'{"a":0.' + b"9" * 100 + b"}", f"{NOT_JSON}a number of too many digits (line 1, column 6)"),
        (b"[]", "the body is not a JSON object"),
        (b'"text"', "the body is not a JSON object"),
        (b"null", "the body is not a JSON object"),
        (b'{"a":"\\ud800"}', "the body has half of a surrogate pair (line 1, column 7)"),
        (b'{"a":"\\uDE00\\ud83d"}', "the body has half of a surrogate pair (line 1, column 7)"),
        (b'{"\\ud800":1}', "the body has half of a surrogate pair (line 1, column 3)"),
        (b'{"a":["\\\\ud800",\n"\\\\\\udfff"]}', "the body has half of a surrogate pair (line 2, column 4)"),
        (b"[" * 65 + b"]" * 65, "the body is nested too deeply"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "the body is nested too deeply"),
        (b"[" * 300_000, "the body is nested too deeply"),
    ],
)
def test_what_is_no_object_is_refused_in_fixed_words(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableBodyError) as caught:
        parse_json_body(body)
    assert str(caught.value) == reason


def test_sixty_four_levels_are_taken_and_brackets_in_texts_are_none() -> None:
    assert parse_json_body(b'{"a":' + b"[" * 63 + b"]" * 63 + b"}")
    assert parse_json_body(json.dumps({"a": "[" * 100 + '\\"{', "b": '"' + "[" * 100}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1e999999999}',
        b'{"a":' + b"9" * 300_000 + b"}",
        b'{"a":-0.' + b"1" * 300_000 + b"e-7}",
        b'{"a":"' + b'\\"' * 150_000,
        b'"' * 300_000,
        b"{}" * 150_000,
        b'{"a":[' + b"[]," * 100_000 + b"[]]}",
        b"[" * 64 + b"]" * 300_000,
        b'{"a":"' + b"\\ud800" * 50_000 + b'"}',
        b'{"a":1,"a":[' + b"NaN," * 100_000 + b"1]}",
        b'{"b":[' + b'{"a":1},' * 100_000 + b'1],"b":1}',
    ],
)
def test_no_body_takes_long(body: bytes) -> None:
    begun = time.process_time()
    try:
        parsed = parse_json_body(body)
    except UnreadableBodyError:
        parsed = {}
    assert json_text(parsed)
    # Quadratic work on these would take minutes.
    assert time.process_time() - begun < 5


_JUNK = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet='{}[]":,\\u0dD8eE+-.1 ntf', max_size=60).map(str.encode),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(), max_size=3), inner),
        max_leaves=10,
    ).map(lambda value: json.dumps(value).encode()),
)


@given(_JUNK)
def test_any_bytes_are_an_object_or_refused(body: bytes) -> None:
    try:
        parsed = parse_json_body(body)
    except UnreadableBodyError:
        return
    again = json_text(parsed)
    assert parse_json_body(again.encode()) == parsed
    assert not nests_too_deeply(parsed)


# The last two have a sibling at each level that is closed before the next level opens.
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]"), ('{"b":[],"a":', "}"), ("[[],", "]")])
@given(st.integers(min_value=1, max_value=70))
@example(64)
@example(65)
def test_a_text_and_its_value_are_nested_alike(opening: str, closing: str, depth: int) -> None:
    text = opening * (depth - 1) + "[]" + closing * (depth - 1)
    assert is_nested_too_deeply(text) == nests_too_deeply(parse_json(text)) == (depth > 64)


def test_what_is_no_container_is_not_nested() -> None:
    assert not nests_too_deeply(JsonNumber("1.0"))
