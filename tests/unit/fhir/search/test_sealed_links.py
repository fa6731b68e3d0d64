"""The content that a `next` link hides: always the cursor position, and all of a search sent as a form (ADR 19)."""

import base64
import hashlib
import hmac
import re
from itertools import takewhile
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import Table
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import grants_of
from careconnect.search.links import LONGEST_LINK, Cursor, Links
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.cursors import cursor_of, legible_in
from careconnect_testing.parts.stores import EVERYTHING, FHIR_BASE, Reader
from fhir_reader.store.dynamodb import DynamoDbResourceStore

pytestmark = pytest.mark.slow

NHS_NUMBERS = "https://fhir.nhs.uk/Id/nhs-number|9658218873,https://fhir.nhs.uk/Id/nhs-number|9999999468"


def next_link(answer: Answer) -> str:
    """Return the link of an answer in either format."""
    assert answer.status == 200, answer.text
    if answer.text.startswith("{"):
        return answer.link("next")
    found = re.search(r'<relation value="next"/><url value="([^"]*)"', answer.text)
    return found[1].replace("&amp;", "&") if found else ""


def named_ids(answer: Answer) -> list[str]:
    """Return the ids of the matches, in either format."""
    if answer.text.startswith("{"):
        return answer.ids()
    return re.findall(r'<fullUrl value="[^"]*/([^/"]+)"/>', answer.text)


def posted_walk(reader: Reader, path: str, query: str) -> list[Answer]:
    """Post a search and follow its links, which show none of it."""
    pages = [reader.post(f"{path}/_search", query)]
    while url := next_link(pages[-1]):
        assert urlsplit(url).path.endswith(f"/{path}")
        assert [name for name, _ in parse_qsl(urlsplit(url).query)] == ["_cursor"]
        assert len(url) <= LONGEST_LINK
        pages.append(reader.follow(url))
    return pages


@pytest.mark.parametrize("sort", ["", "family", "-family", "birthdate", "name,-_id"])
def test_no_link_tells_the_place_that_it_holds(reader: Reader, sort: str) -> None:
    url = reader.get("Patient", f"_count=1&_sort={sort}").link("next")

    told = legible_in(url)
    # The data that a link could reveal: names, dates of birth, their sort keys, ids.
    for text in ("kanfeld", "Kanfeld", "muñoz", "o'hanlon", "bernie", "1998", "2001", "0000000", '"4"', '"5"', '"6"'):
        assert text.encode() not in told


def test_the_same_page_has_the_same_link(reader: Reader) -> None:
    first, second = (reader.get("Observation", "patient=4&_count=5").link("next") for _ in range(2))

    assert first == second


def test_a_cursor_that_is_signed_alone_is_refused(reader: Reader) -> None:
    """Earlier links held an HMAC-SHA256 and the content, legible."""
    content = b'[["000000000000000","o8"],12]'
    bound_to = b'["Observation",[["patient","4"],["_count","5"]],"client-1","system/*.read profile",""]'
    item = reader.client.get_item(TableName=reader.tables.record, Key={"pk": {"S": "$cursor"}, "sk": {"S": "#key"}})[
        "Item"
    ]
    tag = hmac.new(item["key"]["B"], hashlib.sha256(bound_to).digest() + content, hashlib.sha256).digest()
    old = base64.urlsafe_b64encode(tag + content).decode().rstrip("=")

    assert reader.get("Observation", [("patient", "4"), ("_count", "5"), ("_cursor", old)]).status == 400


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "patient=4,5",
        "code=8867-4&_sort=date&_sort=-_id",
        "code:missing=false&date=2017&_sort=-date",
        "patient.identifier=" + NHS_NUMBERS,
    ],
)
def test_pages_of_a_posted_search_are_those_of_the_same_get(reader: Reader, query: str, form: str) -> None:
    read_all = reader.get("Observation", f"{query}&_count=100")
    pages = posted_walk(reader, "Observation", f"{query}&_count=4&_format={form}&_total=accurate")

    assert [id_ for page in pages for id_ in named_ids(page)] == read_all.ids()
    assert all(len(named_ids(page)) == 4 for page in pages[:-1])
    assert {page.text.startswith("{") for page in pages} == {form == "json"}, "the form's format holds to the end"
    if form == "json":
        assert {page.total for page in pages} == {read_all.total}
        assert {page.link("self") for page in pages} == {pages[0].link("self")}


def test_how_a_form_asked_to_be_answered_holds_on_every_page(reader: Reader) -> None:
    pages = posted_walk(reader, "Observation", "_count=5&_pretty=true&_elements=status")

    assert len(pages) == 3
    for page in pages:
        assert "\n  " in page.text
        assert all("code" not in entry["resource"] or "SUBSETTED" in page.text for entry in page.json["entry"])
        assert all("valueQuantity" not in entry["resource"] for entry in page.json["entry"])


def test_what_stood_in_the_query_of_a_post_is_hidden_too(reader: Reader) -> None:
    answer = reader.post("Observation/_search", "_count=5", [("patient.identifier", NHS_NUMBERS)])

    url = next_link(answer)
    assert b"9658218873" not in legible_in(url)
    assert reader.follow(url).total == answer.total


def test_nothing_of_a_form_is_legible_in_its_link(reader: Reader) -> None:
    form = urlencode([("identifier", NHS_NUMBERS), ("birthdate", "gt1990-01-02"), ("_count", "1")])
    url = next_link(reader.post("Patient/_search", form))

    assert url.startswith(f"{FHIR_BASE}/Patient?_cursor=")
    told = legible_in(url)
    for text in ("9658218873", "9999999468", "nhs-number", "identifier", "birthdate", "1990", "_count"):
        assert text.encode() not in told


@pytest.mark.parametrize("beside", ["patient=4", "_count=5", "_format=xml", "_pretty=true", "code=x", "nonsense=1"])
def test_beside_a_sealed_search_any_parameter_is_foreign(reader: Reader, beside: str) -> None:
    url = next_link(reader.post("Observation/_search", "patient=4&_count=5"))

    answer = reader.follow(f"{url}&{beside}")
    assert answer.status == 400
    assert "_cursor: " in answer.text
    assert reader.follow(url).status == 200


@pytest.mark.parametrize("path", ["Condition", "Patient", "Patient/4/$everything", "Organization"])
def test_a_sealed_search_is_of_its_own_type(reader: Reader, path: str) -> None:
    cursor = cursor_of(next_link(reader.post("Observation/_search", "patient=4&_count=5")))

    assert reader.get(path, [("_cursor", cursor)]).status == 400


@pytest.mark.parametrize(
    ("scope", "patient", "client_id"),
    [
        ("system/*.read", "", "client-1"),
        ("system/*.read profile", "4", "client-1"),
        ("system/*.read profile", "", "client-2"),
    ],
)
def test_a_sealed_search_serves_no_other_client_scope_or_patient(
    reader: Reader, scope: str, patient: str, client_id: str
) -> None:
    url = next_link(reader.post("Observation/_search", "patient=4&_count=5"))

    assert reader.as_caller(scope, patient, client_id).follow(url).status == 400
    assert reader.follow(url).status == 200


def test_a_sealed_search_does_not_outdo_the_scope(reader: Reader) -> None:
    url = next_link(reader.post("Observation/_search", "patient=4&_count=5"))

    assert reader.as_caller("user/Patient.read").follow(url).status == 403


def test_a_cursor_may_be_posted_with_its_form_or_alone(reader: Reader) -> None:
    url = next_link(reader.post("Observation/_search", "patient=4&_count=5"))
    cursor = urlencode({"_cursor": cursor_of(url)})

    for form in (f"_count=5&patient=4&{cursor}", cursor):
        assert reader.post("Observation/_search", form).ids() == reader.follow(url).ids()
    assert reader.post("Observation/_search", f"patient=5&_count=5&{cursor}").status == 400


def form_of(length: int) -> str:
    """Return a search for twelve observations, of some number of characters that nothing makes shorter."""
    digests = "".join(hashlib.sha512(str(number).encode()).hexdigest() for number in range(length // 128 + 1))
    values = [digests[start : start + 5_000] for start in range(0, length, 5_000)]
    excluded = "&".join("identifier:not=" + ",".join(re.findall(".{1,60}", value)) for value in values)
    return f"patient=4&{excluded}"


def test_a_form_whose_link_would_be_too_long_is_refused_at_its_first_page(reader: Reader) -> None:
    answer = reader.post("Observation/_search", f"{form_of(12_000)}&_count=2")

    assert (answer.status, answer.issue["code"]) == (400, "too-long")
    assert "shorter" in answer.diagnostics
    assert "http" not in answer.text, "nothing of the form is told"
    assert reader.post("Observation/_search", f"{form_of(12_000)}&_count=12").status == 200, "no next link is due"


def test_a_walk_that_began_goes_on_however_long_its_places_are(reader: Reader) -> None:
    """Around the longest form: its first page is refused, or the links of all its pages fit."""
    store = DynamoDbResourceStore(
        reader.client, {Table.RECORD: reader.tables.record}, Table.RECORD, reader.tables.states
    )
    caller = Caller("client-1", EVERYTHING, grants_of(EVERYTHING))
    links = Links(FHIR_BASE, "Observation", caller, store.seal_key, sealed=True)
    # A long name, of which nothing is in the form.
    name = "".join(hashlib.sha256(str(number).encode()).hexdigest() for number in range(16))
    first, later = ["000000000000000", "1"], [name, "o" * 64]

    def fits(length: int, place: list[str]) -> bool:
        try:
            return len(links.next_url(parse_qsl(form_of(length)), Cursor(place, 12))) <= LONGEST_LINK
        except OutcomeError:
            return False

    lengths = range(8_000, 12_000, 16)
    began = list(takewhile(lambda length: fits(length, first), lengths))
    assert all(fits(length, later) for length in began)
    assert 0 < len(began) < len(lengths)


def test_a_long_query_that_leaves_no_room_for_a_cursor_is_sealed_too(reader: Reader) -> None:
    query = "_elements=" + ",".join(["status"] * 1_100) + "&_count=5"

    for path in ("Observation", "Patient/4/$everything"):
        first = reader.get(path, query)
        url = next_link(first)
        assert len(url) < 1_000
        assert reader.follow(url).status == 200
        pages = reader.walk(path, query)
        assert len({id_ for page in pages for id_ in page.found()}) == first.total
