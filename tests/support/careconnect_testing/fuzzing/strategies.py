"""Hypothesis strategies of inputs that are nearly right: seeds with a few parts, or a few values, exchanged."""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar

from hypothesis import strategies as st

_MAX_EDITS: Final = 4

_SPIKES: Final = (
    *(b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf", b"\r\n", b"\n", b"\n\n", b" "),
    *b"%00 %ff % %2F %252F %F0%9F%98%80 %ED%A0%80 %EF%BF%BD + & = ; ? # \\ \\\\ | || $ , ,, : . .. ../ / // *".split(),
    *b"\" ' < > &amp; 0 -1 -0 00 1e9 1e999 0.1e-400 NaN Infinity true null { } [ ] [[[[[[[[".split(),
    *(b'{"a":', b"<!--", b"]]>", b"<![CDATA[", b"<!DOCTYPE a>", b"&#0;", b"&#xD800;"),
    *"é 😀 İ ß ſ ﬁ \u0345 \u200d \u202e \ufffd \uffff ٣ １ Å".encode().split(b" "),
    *(b"9" * 20, b"9" * 400, "\u2028".encode()),
)
"""Pieces that some grammar or alphabet gives a meaning."""

# Mostly a few bytes, seldom more than every form may have.
_SIZES: Final = st.sampled_from((1, 1, 2, 2, 4, 9, 30, 100, 300, 5_000, 5_000, 70_000))
_LENGTHS: Final = st.sampled_from((0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 5, 8, 13, 20, 40, 2**20))
_PLACES: Final = st.integers(0, 2**16)
"""Taken modulo the number of places, so that the strategies are built once and not for each input."""

T = TypeVar("T")
_Edit = Callable[[bytes], bytes]


def edited(seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Generate a seed with up to four parts replaced, repeated or left out; `words` belong to the seeds' grammar."""
    return st.builds(_applied, st.sampled_from(seeds), _edits(seeds, words))


def _applied(data: bytes, edits: Sequence[tuple[int, int, _Edit]]) -> bytes:
    for place, length, edit in edits:
        start = place % (len(data) + 1)
        end = start + length
        data = data[:start] + edit(data[start:end]) + data[end:]
    return data


def _edits(seeds: Sequence[bytes], words: Sequence[bytes]) -> st.SearchStrategy[list[tuple[int, int, _Edit]]]:
    pieces = st.one_of(
        st.sampled_from((*words, *_SPIKES)),
        st.binary(max_size=2),
        # Many of one character are what a regular expression may take quadratic time for.
        st.sampled_from((b"a", b"-", b"0", b" ", b".", b"<a ")),
        st.builds(lambda seed, place: seed[place % len(seed) :][:40], st.sampled_from(seeds), _PLACES),
    )
    exchanged = st.one_of(
        pieces.map(lambda piece: lambda _: piece),
        pieces.map(lambda piece: lambda part: piece + part),
    )
    repeated = st.one_of(
        st.builds(lambda piece, size: lambda _: _repeated(piece, size), pieces, _SIZES),
        _SIZES.map(lambda size: lambda part: _repeated(part, size)),
    )
    edit = _mostly(exchanged, repeated)
    return st.lists(st.tuples(_PLACES, _LENGTHS, edit), min_size=1, max_size=_MAX_EDITS)


def _mostly(often: st.SearchStrategy[T], seldom: st.SearchStrategy[T]) -> st.SearchStrategy[T]:
    """Generate by the first strategy three times out of four."""
    # `one_of` would take a strategy that is given thrice once.
    return st.integers(0, 3).flatmap(lambda number: often if number else seldom)


def _repeated(part: bytes, size: int) -> bytes:
    return (part or b"a") * max(2, size // (len(part) or 1))


_TEXTS: Final = (
    *("", " ", "x", "4", "4/", "final", "Patient", "Patient/4", "Patient/absent", "#x", "#", "urn:uuid:x", "http://["),
    *("2017-02-30", "0000", "24:00:00", "9999-12-31T23:59:59.999999999+14:00", "0001-01-01T00:00:00+14:00", "１２"),
    *("2016-12-31T23:59:60Z", "-0001", "\x00", "\ud800", "é😀", "../..", "a" * 5_000, "<a " * 5_000),
)
_NAMES: Final = (
    *("id", "_id", "resourceType", "extension", "contained", "text", "value", "coding", "reference", "op"),
    *("a.b", "é", "\ud800", ""),
)
_SCALARS: Final = st.sampled_from((*_TEXTS, None, True, False, 0, -1, 1.5, 10**20, 10**400))
_VALUES: Final = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=2),
    max_leaves=3,
)
_DEPTHS: Final = st.sampled_from((1, 1, 2, 70))

_Change = Callable[[Any], Any]


def edited_json(seeds: Sequence[bytes], words: Sequence[bytes] = ()) -> st.SearchStrategy[bytes]:
    """Generate a JSON document of the seeds with up to four values out of place, at times with its bytes edited."""
    trees = [json.loads(seed) for seed in seeds]
    changes = st.lists(st.tuples(_PLACES, _changes(trees, seeds, words)), min_size=1, max_size=_MAX_EDITS)
    texts = st.builds(_changed, st.sampled_from(trees), changes, st.booleans())
    return _mostly(texts, st.builds(_applied, texts, _edits(seeds, words)))


def _changed(tree: Any, changes: Sequence[tuple[int, _Change]], is_ascii: bool) -> bytes:
    root = [copy.deepcopy(tree)]
    for place, change in changes:
        node, key = _place(root, place)
        node[key] = change(node[key])
    return json.dumps(root[0], ensure_ascii=is_ascii, separators=(",", ":")).encode(errors="surrogatepass")


def _changes(trees: Sequence[Any], seeds: Sequence[bytes], words: Sequence[bytes]) -> st.SearchStrategy[_Change]:
    """Generate what replaces a value: another one, more or less of it, or the value at another depth."""
    others = st.one_of(
        _VALUES,
        *([st.sampled_from(words).map(lambda word: word.decode(errors="replace"))] if words else []),
        st.builds(lambda tree, place: _copied(*_place([tree], place)), st.sampled_from(trees), _PLACES),
    )
    names = st.sampled_from(_NAMES)
    return st.one_of(
        others.map(lambda other: lambda _: other),
        st.builds(lambda name, other: lambda value: _added(value, name, other), names, others),
        st.builds(lambda place, times: lambda value: _multiplied(value, place, times), _PLACES, st.integers(0, 60)),
        st.builds(lambda name, times: lambda value: _wrapped(value, name, times), names | st.none(), _DEPTHS),
        _edits(seeds, words).map(lambda edits: lambda value: _with_text_edited(value, edits)),
    )


def _added(value: Any, name: str, other: Any) -> Any:
    if isinstance(value, dict):
        return {**value, name: other}
    return [*value, other] if isinstance(value, list) else other


def _multiplied(value: Any, place: int, times: int) -> Any:
    """Return an array or object with one of its members a number of times, which an object has at most once."""
    if not isinstance(value, dict | list) or not value:
        return value * times if isinstance(value, str) else value
    if isinstance(value, list):
        at = place % len(value)
        return value[:at] + [value[at]] * times + value[at + 1 :]
    left_out = list(value)[place % len(value)]
    return {name: each for name, each in value.items() if name != left_out}


def _with_text_edited(value: Any, edits: Sequence[tuple[int, int, _Edit]]) -> Any:
    return _applied(value.encode(errors="replace"), edits).decode(errors="replace") if isinstance(value, str) else value


def _wrapped(value: Any, name: str | None, times: int) -> Any:
    for _ in range(times):
        value = [value] if name is None else {name: value}
    return value


def _copied(node: Any, key: Any) -> Any:
    return copy.deepcopy(node[key])


def _place(node: Any, number: int) -> tuple[Any, Any]:
    places = list(_places(node))
    return places[number % len(places)]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (object or array, key or index)."""
    for key, child in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(child, dict | list):
            yield from _places(child)
