"""Next links over HTTP: nothing of a record or of a form is legible in them, and they serve nobody else (ADR 19)."""

import base64
import hashlib
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.api import Api
from careconnect_testing.http.cursors import cursor_of, legible_in
from careconnect_testing.records.few_records import write_records
from careconnect_testing.search.search_reader import HttpReader, follow

pytestmark = pytest.mark.integration

PEOPLE = 7
FAMILY = "Kvothe-Sealed"
SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
NHS_NUMBERS = [f"900000000{number}" for number in range(PEOPLE)]
SCOPE = "user/Patient.read user/Observation.read"


@pytest.fixture(scope="module")
def api(
    local_stack: LocalStack, http: httpx.Client, record_tables: RecordTables, tmp_path_factory: pytest.TempPathFactory
) -> Api:
    """Return the API with people of one family; no link may reveal their names, numbers or dates of birth."""
    people: list[dict[str, Any]] = [
        {
            "resourceType": "Patient",
            "id": f"sealed-{number}",
            "identifier": [{"system": SYSTEM, "value": NHS_NUMBERS[number]}],
            "name": [{"family": FAMILY, "given": [f"Denna{number}"]}],
            "birthDate": f"198{number}-06-1{number}",
        }
        for number in range(PEOPLE)
    ]
    path = write_records(tmp_path_factory.mktemp("people"), people)
    assert not load_paths([path], record_tables, base_url=local_stack.base_url).problems
    return Api(local_stack, http)


@pytest.fixture(scope="module")
def reader(api: Api) -> HttpReader:
    token = api.register("cursor-reader", SCOPE)
    return HttpReader(api.http, {"Authorization": f"Bearer {token}"})


FORM = [("identifier", ",".join(f"{SYSTEM}|{number}" for number in NHS_NUMBERS)), ("_count", "3")]
QUERY = [("family", FAMILY), ("_sort", "birthdate"), ("_count", "3")]


def refused(answer: Answer) -> None:
    assert (answer.status, answer.issue["code"]) == (400, "value")
    assert answer.diagnostics.startswith("_cursor: ")


@pytest.mark.parametrize("sort", ["", "birthdate", "-birthdate", "given", "_id"])
def test_a_cursor_tells_no_birth_date_name_or_id(reader: HttpReader, sort: str) -> None:
    url = reader.get("Patient", [("family", FAMILY), ("_count", "3"), ("_sort", sort)]).link("next")

    told = legible_in(url)
    for text in ("sealed", "Denna", "denna", "90000", "00000"):
        assert text.encode() not in told
    # Among the letters of base64 four digits occur by chance now and then.
    told = told.replace(cursor_of(url).encode(), b"")
    assert not [number for number in range(PEOPLE) if f"198{number}".encode() in told]


def test_after_a_posted_search_the_link_tells_nothing_of_its_form(reader: HttpReader) -> None:
    url = reader.post("Patient/_search", FORM).link("next")

    assert [name for name, _ in parse_qsl(urlsplit(url).query)] == ["_cursor"]
    assert len(url) <= 8_192
    told = legible_in(url)
    for text in ("90000", "nhs-number", "identifier", "_count", "sealed"):
        assert text.encode() not in told


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_both_verbs_walk_all_pages_in_both_formats(reader: HttpReader, verb: str, form: str) -> None:
    parameters = [*QUERY, ("_format", form)]
    page = reader.get("Patient", parameters) if verb == "GET" else reader.post("Patient/_search", parameters)
    seen: list[str] = []
    pages = 0
    while True:
        assert page.status == 200, page.text
        assert page.headers["Content-Type"].startswith(f"application/fhir+{form}")
        found = [f"sealed-{number}" for number in range(PEOPLE) if f'/sealed-{number}"' in page.text]
        assert not set(found) & set(seen), "pages are disjoint"
        seen += found
        pages += 1
        _, more, rest = page.text.partition('"relation":"next"' if form == "json" else '<relation value="next"/>')
        if not more:
            break
        url = page.link("next") if form == "json" else rest.partition('<url value="')[2].partition('"')[0]
        page = follow(reader, url.replace("&amp;", "&"))
    assert pages == 3
    assert seen == [f"sealed-{number}" for number in range(PEOPLE)]


def test_a_head_of_a_sealed_link_is_answered_too(api: Api, reader: HttpReader) -> None:
    url = reader.post("Patient/_search", FORM).link("next")

    assert api.http.head(url, headers=reader.authorization).status_code == 200


def test_forged_and_truncated_cursors_are_400(reader: HttpReader) -> None:
    for url in (reader.get("Patient", QUERY).link("next"), reader.post("Patient/_search", FORM).link("next")):
        cursor = cursor_of(url)
        legible = [(name, value) for name, value in parse_qsl(urlsplit(url).query) if name != "_cursor"]
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        forged = [
            base64.urlsafe_b64encode(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]).decode().rstrip("=")
            for at in (0, 15, 16, len(content) - 1)
        ]
        for text in (*forged, cursor[:-4], cursor[4:], cursor * 2, "AAAA"):
            refused(reader.get("Patient", [*legible, ("_cursor", text)]))


def test_the_order_of_the_parameters_does_not_count_and_their_values_do(reader: HttpReader) -> None:
    url = reader.get("Patient", QUERY).link("next")
    cursor = ("_cursor", cursor_of(url))

    assert reader.get("Patient", [cursor, *reversed(QUERY)]).ids() == follow(reader, url).ids()
    for changed in ([("family", "Smith"), *QUERY[1:]], [*QUERY, ("birthdate", "gt1900")], QUERY[:2], []):
        refused(reader.get("Patient", [*changed, cursor]))
    refused(reader.get("Observation", [cursor]))


def test_beside_a_sealed_form_no_parameter_is_taken(reader: HttpReader) -> None:
    cursor = ("_cursor", cursor_of(reader.post("Patient/_search", FORM).link("next")))

    for beside in (("family", FAMILY), ("_count", "3"), ("_pretty", "true"), ("_format", "json"), FORM[0]):
        refused(reader.get("Patient", [beside, cursor]))
    refused(reader.get("Observation", [cursor]))


def test_a_link_serves_no_other_client_and_not_the_same_one_with_another_scope_or_patient(api: Api) -> None:
    scopes = "patient/Patient.read patient/Observation.read"
    registry = DynamoDbClientRegistry(api.stack.client("dynamodb"), api.stack.stack.outputs["ClientTable"])
    registration = ClientRegistration("cursor-owner", "A test client", tuple(scopes.split()))
    secret = str(register_client(registry, registration, now=time.time()))

    def reader_with(scope: str) -> HttpReader:
        data = {"grant_type": "client_credentials", "scope": scope}
        token = api.http.post("/token", data=data, auth=("cursor-owner", secret)).json()["access_token"]
        return HttpReader(api.http, {"Authorization": f"Bearer {token}"})

    owner = reader_with(scopes)
    others = (
        HttpReader(api.http, {"Authorization": f"Bearer {api.register('cursor-other', scopes)}"}),
        HttpReader(api.http, {"Authorization": f"Bearer {api.register('cursor-bound', scopes, patient='sealed-1')}"}),
        reader_with("patient/Patient.read"),
    )
    for url in (owner.get("Patient", QUERY).link("next"), owner.post("Patient/_search", FORM).link("next")):
        for other in others:
            refused(follow(other, url))
        assert follow(owner, url).status == 200


def test_a_form_too_long_for_a_link_is_refused_at_its_first_page_and_not_when_none_is_due(reader: HttpReader) -> None:
    digests = (hashlib.sha512(str(number).encode()).hexdigest() for number in range(150))
    long = [("family", f"{FAMILY},{digest}") for digest in digests]

    answer = reader.post("Patient/_search", [("family", FAMILY), *long, ("_count", "3")])
    assert (answer.status, answer.issue["code"]) == (400, "too-long")
    assert reader.post("Patient/_search", [("family", FAMILY), *long, ("_count", "100")]).total == PEOPLE
