"""Compare a reader's answers with a linear search."""

from collections.abc import Iterable
from typing import Final

from careconnect.audit.query import MAX_PATIENTS
from careconnect_testing.http.answer import Answer
from careconnect_testing.search.linear_search import LinearSearch
from careconnect_testing.search.search_queries import Query
from careconnect_testing.search.search_reader import Reader, follow, walk

_DEFAULT_COUNT: Final = 20


def differences(queries: Iterable[Query], reader: Reader, linear: LinearSearch) -> list[str]:
    """Return the differences between the reader's answers and a linear search, one text for each query."""
    found = (_difference(query, reader, linear) for query in queries)
    return [difference for difference in found if difference]


def _difference(query: Query, reader: Reader, linear: LinearSearch) -> str:
    answer = reader.get(query.type_name, query.parameters)
    if _is_of_too_many(answer, query, linear):
        # Without its total, the walk tells the same.
        rest = [(name, value) for name, value in query.parameters if name not in ("_total", "_count", "_summary")]
        return _difference(Query(query.type_name, (*rest, ("_count", "100")), walks=True), reader, linear)
    if answer.status != 200:
        return f"{query}: {answer.status} {answer.text[:200]}"
    expected = linear.search(query.type_name, query.parameters)
    asked = dict(query.parameters)
    count = int(asked.get("_count", _DEFAULT_COUNT))
    pages = walk(reader, answer) if query.walks else _first_matches(reader, answer, count)
    totals, ids = {page.total for page in pages}, [one for page in pages for one in page.ids()]
    wanted = expected.ids if query.walks else expected.ids[: max(count, len(ids))]
    if not totals <= {expected.total, None}:
        return f"{query}: total {totals}, should be {expected.total}"
    if answer.total is None and (not count or asked.get("_total") == "accurate"):
        return f"{query}: no total, though it was asked for"
    if ids != wanted:
        return f"{query}: {ids[:6]}…, should be {wanted[:6]}…"
    if any(len(page.ids()) > count for page in pages):
        return f"{query}: a page of more than {count}"
    if answer.total is None and not query.walks:
        # Whether nothing is left out, the end of the walk alone can tell.
        whole = [(name, value) for name, value in query.parameters if name != "_count"]
        return _difference(Query(query.type_name, (*whole, ("_count", "100")), walks=True), reader, linear)
    return ""


def _is_of_too_many(answer: Answer, query: Query, linear: LinearSearch) -> bool:
    """Return True if a requested total is refused, and may be: it counts at least a hundred matches."""
    if answer.status != 400 or answer.issue["code"] != "too-costly":
        return False
    asked = dict(query.parameters)
    is_requested = asked.get("_total") == "accurate" or asked.get("_count") == "0"
    return is_requested and linear.search(query.type_name, query.parameters).total >= MAX_PATIENTS


def _first_matches(reader: Reader, answer: Answer, count: int) -> list[Answer]:
    """Return as many pages as it takes to fill the first: one may be short, and go on."""
    pages = [answer]
    while sum(len(page.ids()) for page in pages) < count and (url := pages[-1].link("next")):
        pages.append(follow(reader, url))
    return pages
