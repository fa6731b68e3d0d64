"""Make up inputs from seeds: bytes that are cut, repeated, spliced and spiked, and JSON with values out of place."""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

Maker = Callable[[Random], bytes]
"""Makes up one input."""

_LONGEST: Final = 4_096
_LONGEST_AT_TIMES: Final = 70_000
"""Bytes of one in a hundred inputs that repeat something: beyond the limit of every form."""

_SPIKES: Final = tuple(
    text if isinstance(text, bytes) else text.encode()
    for text in (
        *(b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\r\n", b"\n", b"\n\n"),
        *("%00", "%ff", "%", "%2F", "%252F", "%F0%9F%98%80", "%ED%A0%80", "%EF%BF%BD", "+", "&", "=", ";", "?", "#"),
        *("\\", "\\\\", "|", "||", "$", ",", ",,", ":", ".", "..", "../", "/", "//", "*", '"', "'", "<", ">", "&amp;"),
        *("0", "-1", "-0", "00", "1e9", "1e999", "9" * 20, "9" * 400, "0.1e-400", "NaN", "Infinity", "true", "null"),
        *("é", "😀", "İ", "ß", "ſ", "ﬁ", "\u0345", "\u2028", "\u200d", "\u202e", "\ufffd", "\uffff", "٣", "１", "Å"),
        *("{", "}", "[", "]", "[[[[[[[[", '{"a":', "<!--", "]]>", "<![CDATA[", "<!DOCTYPE a>", "&#0;", "&#xD800;"),
    )
)

_STRANGE: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 10**20, 10**400, "", " ", "x", "4", "2017-02-30", "0000", "24:00:00", "final"),
    *(
        "Patient/4",
        "Patient/absent",
        "#x",
        "#",
        "urn:uuid:x",
        "http://[",
        "\x00",
        "\ud800",
        "é😀",
        "a" * 5_000,
        "../..",
    ),
    *("9999-12-31T23:59:59.999999999+14:00", "0001-01-01T00:00:00+14:00", "2016-12-31T23:59:60Z", "-0001", "１２"),
    *([], {}, [None], [[]], [{}], {"": ""}, {"extension": []}, {"coding": [{}]}, {"reference": 4}, {"reference": "4/"}),
    *({"resourceType": "x"}, {"resourceType": "Patient"}, {"resourceType": ["Patient"]}, ["a", 1, None, {}]),
)
_NAMES: Final = ("", "id", "_id", "resourceType", "extension", "contained", "text", "value", "a.b", "é", "\ud800", "op")

_MAX_CHANGES: Final = 4
_DEEP: Final = 70


def bytes_from(seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> Maker:
    """Return a maker that changes one of the seeds by up to four steps; `tokens` belong to the seeds' grammar."""
    spikes = (*tokens, *tokens, *_SPIKES)

    def make(random: Random) -> bytes:
        data = random.choice(seeds)
        for _ in range(random.randint(1, _MAX_CHANGES)):
            data = _changed(data, seeds, spikes, random)
        return data

    return make


def json_from(seeds: Sequence[bytes]) -> Maker:
    """Return a maker that changes up to four values of a JSON document, and at times its bytes."""
    trees = [json.loads(seed) for seed in seeds]
    change_bytes = bytes_from(seeds)

    def make(random: Random) -> bytes:
        if random.random() < 0.2:
            return change_bytes(random)
        tree = [copy.deepcopy(random.choice(trees))]
        for _ in range(random.randint(1, _MAX_CHANGES)):
            _change_value(tree, trees, random)
        text = json.dumps(tree[0], ensure_ascii=random.random() < 0.5, separators=(",", ":"))
        data = text.encode(errors="surrogatepass")
        return _changed(data, seeds, _SPIKES, random) if random.random() < 0.2 else data

    return make


def _changed(data: bytes, seeds: Sequence[bytes], spikes: Sequence[bytes], random: Random) -> bytes:
    start = random.randint(0, len(data))
    end = min(len(data), start + int(random.expovariate(0.1)))
    match random.randrange(8):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:start] + bytes([random.randrange(256)]) + data[start + 1 :]
        case 2:
            return data[:start] + data[end:] + data[start:end]
        case 3:
            return data[:start] + _repeated(data[start:end] or b"a", random) + data[end:]
        case 4:
            other = random.choice(seeds)
            begin = random.randint(0, len(other))
            return data[:start] + other[begin : begin + end - start + 20] + data[end:]
        case 5:
            return data[:start]
        case _:
            return data[:start] + random.choice(spikes) + data[end if random.random() < 0.5 else start :]


def _repeated(part: bytes, random: Random) -> bytes:
    longest = _LONGEST_AT_TIMES if random.random() < 0.01 else _LONGEST
    return part * max(2, int(longest ** random.random() / len(part)))


def _change_value(tree: list[Any], trees: Sequence[Any], random: Random) -> None:
    places = list(_places(tree))
    node, key = random.choice(places)
    match random.randrange(7):
        case 0 | 1 | 2:
            node[key] = copy.deepcopy(random.choice(_STRANGE))
        case 3:
            other, name = random.choice(list(_places([random.choice(trees)])))
            node[key] = copy.deepcopy(other[name])
        case 4 if len(places) > 1 and node is not tree:
            del node[key]
        case 5:
            _add(node[key], random)
        case _:
            node[key] = _wrapped(node[key], random)


def _add(value: Any, random: Random) -> None:
    if isinstance(value, dict):
        value[random.choice(_NAMES)] = copy.deepcopy(random.choice(_STRANGE))
    elif isinstance(value, list) and value:
        value += [copy.deepcopy(random.choice(value)) for _ in range(random.choice((1, 1, 1, 3, 60)))]


def _wrapped(value: Any, random: Random) -> Any:
    for _ in range(random.choice((1, 1, 1, 2, _DEEP))):
        value = [value] if random.random() < 0.5 else {random.choice(_NAMES): value}
    return value


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (object or array, key or index)."""
    for key, child in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(child, dict | list):
            yield from _places(child)
