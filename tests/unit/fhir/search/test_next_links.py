"""Paging: complete and disjoint pages, and links that serve no other caller (`search.md`, Paging)."""

import base64
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.outcomes import OutcomeError
from careconnect.search.links import Cursor, seal, unseal
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.cursors import cursor_of
from careconnect_testing.parts.stores import FHIR_BASE, Reader
from careconnect_testing.running.cases import each_of

pytestmark = pytest.mark.slow

KEY = b"k" * 32


@each_of("count", [1, 2, 5, 12, 13, 14])
@each_of(
    "query",
    [
        "",
        "patient=4,5",
        "code=8867-4",
        "code=http://loinc.org|8867-4",
        "_sort=date",
        "_sort=-date",
        "_sort=_lastUpdated",
        "_sort=_lastUpdated,-_id",
        "code:missing=false&date=2017",
        "_id=" + ",".join(f"o{number}" for number in range(1, 60)),
    ],
)
def test_pages_are_complete_disjoint_and_ordered(reader: Reader, query: str, count: int) -> None:
    read_all = reader.get("Observation", f"{query}&_count=100")
    pages = reader.walk("Observation", f"{query}&_count={count}")

    assert [id_ for page in pages for id_ in page.ids()] == read_all.ids()
    # A search that names patients tells its total only on a page with all matches.
    is_told = count >= 13 or not query.startswith(("patient", "_id"))
    assert read_all.total == 13
    assert {page.total for page in pages} == ({13} if is_told else {None})
    assert all(len(page.ids()) == count for page in pages[:-1])
    assert [page.link("self") for page in pages] == [pages[0].link("self")] * len(pages)


def test_resources_without_the_sorted_value_are_walked_too(reader: Reader) -> None:
    for sort in ("asserted-date", "-asserted-date"):
        pages = reader.walk("Condition", f"_sort={sort}&_count=1")
        assert sorted(id_ for page in pages for id_ in page.ids()) == ["c1", "c2", "c5"]
        assert pages[-1].ids() == ["c2"]


def test_a_next_link_is_absolute_and_opaque(reader: Reader) -> None:
    url = reader.get("Observation", "patient=4&_count=5").link("next")

    assert url.startswith(f"{FHIR_BASE}/Observation?patient=4&_count=5&_cursor=")
    assert set(cursor_of(url)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def refused(answer: Answer) -> None:
    assert (answer.status, answer.issue["code"]) == (400, "value")
    assert answer.issue["diagnostics"].startswith("_cursor: ")


def with_cursor(query: str, cursor: str) -> str:
    return f"{query}&{urlencode({'_cursor': cursor})}"


def test_a_forged_cursor_is_refused(reader: Reader) -> None:
    cursor = cursor_of(reader.get("Observation", "patient=4&_count=5").link("next"))
    content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    flipped = [
        base64.urlsafe_b64encode(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]).decode().rstrip("=")
        for at in range(len(content))
    ]

    for forged in (*flipped, "x", "AAAA", cursor[:-4], cursor + "AAAA", "é", cursor + "!", "%00", "." * 3000):
        refused(reader.get("Observation", with_cursor("patient=4&_count=5", forged)))


@pytest.mark.parametrize(
    "query",
    [
        "patient=5&_count=5",
        "patient=4&_count=6",
        "patient=4",
        "_count=5",
        "patient=4&_count=5&_sort=date",
    ],
)
def test_a_cursor_answers_no_other_search(reader: Reader, query: str) -> None:
    cursor = cursor_of(reader.get("Observation", "patient=4&_count=5").link("next"))

    refused(reader.get("Observation", with_cursor(query, cursor)))


@pytest.mark.parametrize(
    ("query", "reordered"),
    [
        ("patient=4&_count=5", "_count=5&patient=4"),
        ("category=vital-signs&patient=4&_count=2", "_count=2&category=vital-signs&patient=4"),
        ("date=ge2017&date=lt2018&_count=2", "_count=2&date=lt2018&date=ge2017"),
        ("_sort=date&_sort=_id&category=vital-signs&_count=2", "category=vital-signs&_count=2&_sort=date&_sort=_id"),
    ],
)
def test_a_cursor_does_not_ask_for_the_parameters_order(reader: Reader, query: str, reordered: str) -> None:
    url = reader.get("Observation", query).link("next")

    other = reader.get("Observation", with_cursor(reordered, cursor_of(url)))
    assert (other.status, other.ids()) == (200, reader.follow(url).ids())


@pytest.mark.parametrize(
    ("query", "reordered"),
    [
        ("_sort=date&_sort=_lastUpdated&_count=2", "_sort=_lastUpdated&_sort=date&_count=2"),
        ("_count=3&_count=2", "_count=2&_count=3"),
    ],
)
def test_an_order_that_changes_the_answer_is_another_search(reader: Reader, query: str, reordered: str) -> None:
    refused(reader.get("Observation", with_cursor(reordered, cursor_of(reader.get("Observation", query).link("next")))))


def test_a_cursor_answers_for_no_other_type_or_operation(reader: Reader) -> None:
    cursor = cursor_of(reader.get("Observation", "_count=2").link("next"))

    for path in ("Condition", "Patient", "Patient/4/$everything", "Organization"):
        refused(reader.get(path, with_cursor("_count=2", cursor)))
    everything = cursor_of(reader.get("Patient/4/$everything", "_count=2").link("next"))
    for path in ("Patient/5/$everything", "Patient", "Observation"):
        refused(reader.get(path, with_cursor("_count=2", everything)))


@pytest.mark.parametrize(
    ("scope", "patient", "client_id"),
    [
        ("system/*.read", "", "client-1"),
        ("system/*.read profile", "4", "client-1"),
        ("system/*.read profile", "", "client-2"),
    ],
)
def test_s6_a_cursor_serves_no_other_client_scope_or_patient(
    reader: Reader, scope: str, patient: str, client_id: str
) -> None:
    """A total counts only the resources that one caller may see, and so reveals nothing to another caller."""
    url = reader.get("Observation", "patient=4&_count=5").link("next")

    refused(reader.as_caller(scope, patient, client_id).follow(url))
    assert reader.follow(url).status == 200


def test_s6_a_next_link_does_not_outdo_the_scope(reader: Reader) -> None:
    url = reader.get("Observation", "patient=4&_count=5").link("next")

    assert reader.as_caller("user/Patient.read").follow(url).status == 403


def test_unknown_parameters_do_not_break_a_link(reader: Reader) -> None:
    url = reader.get("Observation", "patient=4&_count=5&nonsense=1").link("next")

    assert "nonsense" not in url
    assert reader.follow(url).ids() == ["o7", "o6", "o5", "o4", "o3"]
    assert reader.follow(f"{url}&nonsense=2").ids() == ["o7", "o6", "o5", "o4", "o3"]


PLACES = st.lists(st.one_of(st.none(), st.integers(), st.text(st.characters(codec="utf-8"))), max_size=4)
TEXTS = st.text(st.characters(codec="utf-8"))
PAIRS = st.lists(st.tuples(TEXTS, TEXTS), max_size=4).map(tuple)


@given(place=PLACES, total=st.integers(0, 10**9), parameters=PAIRS, bound_to=TEXTS)
def test_what_is_sealed_opens_for_the_same_question_and_key(
    place: list[object], total: int, parameters: tuple[tuple[str, str], ...], bound_to: str
) -> None:
    cursor = Cursor(place, total, parameters)
    sealed = seal(cursor, KEY, bound_to)

    assert unseal(sealed, KEY, bound_to) == cursor
    others = ((b"o" * 32, bound_to), (KEY, bound_to + "x"))
    for key, question in others:
        with pytest.raises(OutcomeError):
            unseal(sealed, key, question)


@given(st.text(max_size=100))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(OutcomeError) as caught:
        unseal(text, KEY, "a search")
    assert caught.value.status == 400
