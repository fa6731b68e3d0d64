"""The history of a resource, and each of its versions (`write.md`, Interactions; STU3 RESTful API: vread, history)."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import etree

from careconnect.fhir.rendering import bundle
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.stores import EVERYTHING, FHIR_BASE, Reader, load, reader_in_memory
from careconnect_testing.records.few_records import write_records
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.records.former_versions import Version, write_versions
from careconnect_testing.running.cases import each_of
from fhir_reader import budget, read_history

FHIR = {"f": "http://hl7.org/fhir"}
MANY = 25


def patient(id_: str, family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": family}], "active": True}


def observation(id_: str, of: str, text: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": text},
        "subject": {"reference": f"Patient/{of}"},
    }


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Patients and records that were created, changed, deleted and moved; the key of `next` links comes with a load."""
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("records")))
        write_versions(
            reader,
            "Patient/h1",
            [
                Version(patient("h1", "First"), "POST", 201),
                Version(patient("h1", "Second"), "PUT", 200),
                Version(None, "DELETE", 204, patient="h1"),
                Version(patient("h1", "Fourth"), "PUT", 201),
            ],
        )
        write_versions(
            reader, "Patient/gone", [Version(patient("gone", "A"), "PUT", 201), Version(None, "DELETE", 204)]
        )
        write_versions(reader, "Patient/many", [Version(patient("many", f"N{n}")) for n in range(1, MANY + 1)])
        write_versions(
            reader,
            "Observation/moved",
            [
                Version(observation("moved", "8", "of eight")),
                Version(observation("moved", "9", "of nine")),
                Version(None, "DELETE", 204, patient="9"),
                Version(observation("moved", "9", "of nine again")),
            ],
        )
        write_versions(
            reader,
            "Observation/ended",
            [Version(observation("ended", "9", "nine's")), Version(None, "DELETE", 204, patient="9")],
        )
        yield reader


def numbers(answer: Answer) -> list[int]:
    """Return the versions that a history lists."""
    assert answer.status == 200, answer.text
    etags = (entry["response"]["etag"] for entry in answer.json.get("entry", ()))
    return [int(etag.removeprefix('W/"').removesuffix('"')) for etag in etags]


def test_a_history_lists_every_version_the_newest_first(reader: Reader) -> None:
    answer = reader.get("Patient/h1/_history")

    assert answer.status == 200
    assert answer.json["type"] == "history"
    assert answer.total == 4
    assert answer.link("self") == f"{FHIR_BASE}/Patient/h1/_history"
    assert answer.link("next") == ""
    valid_json(answer.text, "Bundle")
    told = [
        (
            entry["fullUrl"],
            entry.get("resource", {}).get("name", [{}])[0].get("family"),
            entry["request"],
            entry["response"],
        )
        for entry in answer.json["entry"]
    ]
    full_url = f"{FHIR_BASE}/Patient/h1"
    assert told == [
        (
            full_url,
            "Fourth",
            {"method": "PUT", "url": "Patient/h1"},
            {"status": "201", "etag": 'W/"4"', "lastModified": "2024-05-01T13:00:00.250Z"},
        ),
        (
            full_url,
            None,
            {"method": "DELETE", "url": "Patient/h1"},
            {"status": "204", "etag": 'W/"3"', "lastModified": "2024-05-01T12:00:00.250Z"},
        ),
        (
            full_url,
            "Second",
            {"method": "PUT", "url": "Patient/h1"},
            {"status": "200", "etag": 'W/"2"', "lastModified": "2024-05-01T11:00:00.250Z"},
        ),
        (
            full_url,
            "First",
            {"method": "POST", "url": "Patient"},
            {"status": "201", "etag": 'W/"1"', "lastModified": "2024-05-01T10:00:00.250Z"},
        ),
    ]
    assert "resource" not in answer.json["entry"][1]
    resources = [entry["resource"] for entry in answer.json["entry"] if "resource" in entry]
    assert [resource["meta"]["versionId"] for resource in resources] == ["4", "2", "1"]


def test_a_history_says_the_same_in_xml(reader: Reader) -> None:
    as_json = reader.get("Patient/h1/_history").json
    answer = reader.get("Patient/h1/_history", "_format=xml")

    valid_xml(answer.text, "Bundle")
    root = etree.fromstring(answer.text.encode())
    assert root.xpath("string(f:type/@value)", namespaces=FHIR) == "history"
    assert root.xpath("string(f:total/@value)", namespaces=FHIR) == "4"
    told = [
        {
            "fullUrl": entry.xpath("string(f:fullUrl/@value)", namespaces=FHIR),
            "request": {
                name: entry.xpath(f"string(f:request/f:{name}/@value)", namespaces=FHIR) for name in ("method", "url")
            },
            "response": {
                name: entry.xpath(f"string(f:response/f:{name}/@value)", namespaces=FHIR)
                for name in ("status", "etag", "lastModified")
            },
        }
        for entry in root.xpath("f:entry", namespaces=FHIR)
    ]
    assert told == [{name: entry[name] for name in ("fullUrl", "request", "response")} for entry in as_json["entry"]]
    families = root.xpath("f:entry/f:resource/f:Patient/f:name/f:family/@value", namespaces=FHIR)
    assert families == ["Fourth", "Second", "First"]


@pytest.mark.parametrize("query", ["_pretty=true", "_pretty=true&_format=xml"])
def test_a_history_is_indented_if_so_asked(reader: Reader, query: str) -> None:
    answer = reader.get("Patient/h1/_history", query)

    assert answer.status == 200
    assert "\n    " in answer.text


def test_a_deleted_resource_has_a_history_and_an_absent_one_has_none(reader: Reader) -> None:
    assert numbers(reader.get("Patient/gone/_history")) == [2, 1]

    answer = reader.get("Patient/no-such-id/_history")
    assert (answer.status, answer.issue["code"]) == (404, "not-found")


def test_head_answers_a_history_without_its_body(reader: Reader) -> None:
    got, headed = reader.get("Patient/h1/_history"), reader.get("Patient/h1/_history", method="HEAD")

    assert (headed.status, headed.text) == (200, "")
    assert headed.headers == {**got.headers, "Content-Length": str(len(got.text.encode()))}
    assert got.headers["Cache-Control"] == "no-store"
    assert "ETag" not in got.headers


def test_a_history_is_shown_in_part_if_so_asked(reader: Reader) -> None:
    (entry, *_) = reader.get("Patient/h1/_history", "_elements=active").json["entry"]
    assert set(entry["resource"]) == {"resourceType", "id", "meta", "active"}

    for query in ("_summary=count", "_count=0"):
        answer = reader.get("Patient/h1/_history", query)
        assert (answer.total, answer.json.get("entry"), answer.link("next")) == (4, None, "")


@each_of("count", [1, 2, 7, 24, 25, 100])
@each_of("id_", ["many", "h1"])
def test_pages_of_a_history_are_complete_and_disjoint(reader: Reader, id_: str, count: int) -> None:
    read_all = reader.get(f"Patient/{id_}/_history", "_count=100")

    pages = reader.walk(f"Patient/{id_}/_history", f"_count={count}")

    assert [one for page in pages for one in numbers(page)] == numbers(read_all)
    assert {len(numbers(page)) for page in pages[:-1]} <= {count}
    assert numbers(pages[-1])
    assert {page.total for page in pages} == {read_all.total}
    assert {page.link("self") for page in pages} == {f"{FHIR_BASE}/Patient/{id_}/_history?_count={count}"}


def test_a_version_that_is_written_meanwhile_moves_no_page(reader: Reader) -> None:
    versions = [Version(patient("grows", f"N{n}")) for n in range(4)]
    write_versions(reader, "Patient/grows", versions[:3])
    first = reader.get("Patient/grows/_history", "_count=1")
    write_versions(reader, "Patient/grows", versions)

    second = reader.follow(first.link("next"))

    assert (numbers(first), numbers(second)) == ([3], [2])
    assert (first.total, second.total) == (3, 3)


def test_a_page_of_a_history_is_no_larger_than_an_answer_may_be(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_all = reader.get("Patient/many/_history", "_count=100")
    monkeypatch.setattr(read_history, "BUNDLE_BYTES", 3 * bundle.bytes_of(json.dumps(read_all.json["entry"][0])))

    pages = reader.walk("Patient/many/_history", "_count=100")

    assert [one for page in pages for one in numbers(page)] == numbers(read_all)
    assert {len(numbers(page)) for page in pages[:-1]} == {3}
    monkeypatch.setattr(read_history, "BUNDLE_BYTES", 1)
    assert {len(numbers(page)) for page in reader.walk("Patient/h1/_history", "_count=100")} == {1}


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2024-05-01T09:00:00Z", [4, 3, 2, 1]),
        ("2024-05-01T10:00:00.250Z", [4, 3, 2, 1]),
        ("2024-05-01T10:00:00.251Z", [4, 3, 2]),
        ("2024-05-01T13:00:00.25+01:00", [4, 3]),
        ("2024-05-01T09:30:00-03:00", [4]),
        ("2024-05-01T13:00:00.250Z", [4]),
        ("2024-05-01T13:00:00.251Z", []),
    ],
)
def test_since_leaves_out_what_was_written_before(reader: Reader, since: str, found: list[int]) -> None:
    answer = reader.get("Patient/h1/_history", [("_since", since)])

    assert numbers(answer) == found
    assert answer.total == len(found)
    pages = reader.walk("Patient/h1/_history", [("_since", since), ("_count", "1")])
    assert [one for page in pages for one in numbers(page)] == found
    assert {page.total for page in pages} == {len(found)}


def test_versions_of_one_instant_are_since_it_all_of_them(reader: Reader) -> None:
    write_versions(reader, "Patient/same", [Version(patient("same", f"N{n}"), hours=n // 3) for n in range(9)])

    assert numbers(reader.get("Patient/same/_history", "_since=2024-05-01T11:00:00.250Z")) == [9, 8, 7, 6, 5, 4]


@pytest.mark.parametrize(
    "since",
    ["2024-05-01", "2024", "2024-05-01T10:00:00", "2024-05-01T10:00Z", "2024-05-32T10:00:00Z", "yesterday", "1"],
)
def test_since_takes_an_instant_and_nothing_less(reader: Reader, since: str) -> None:
    answer = reader.get("Patient/h1/_history", [("_since", since), ("_since", "2024-05-01T10:00:00Z")])

    assert (answer.status, answer.issue["code"]) == (400, "value")
    assert answer.issue["expression"] == ["http._since"]


@pytest.mark.parametrize("name", ["_at", "_sort", "_list", "_lastUpdated", "_include"])
def test_what_fhir_defines_and_a_history_does_not_offer_is_refused(reader: Reader, name: str) -> None:
    answer = reader.get("Patient/h1/_history", [(name, "2024")])
    assert (answer.status, answer.issue["code"]) == (400, "not-supported")
    assert numbers(reader.get("Patient/h1/_history", [(name, "2024")], Prefer="handling=lenient")) == [4, 3, 2, 1]


def test_what_fhir_does_not_know_is_left_out_or_strictly_refused(reader: Reader) -> None:
    answer = reader.get("Patient/h1/_history", "nonsense=1&_count=2")
    assert numbers(answer) == [4, 3]
    assert answer.link("self") == f"{FHIR_BASE}/Patient/h1/_history?_count=2"

    assert reader.get("Patient/h1/_history", "nonsense=1", Prefer="handling=strict").status == 400
    assert reader.get("Patient/h1/_history", "_count=x").status == 400
    assert reader.get("Patient/h1/_history", "_format=html").status == 406


def test_a_next_link_serves_no_other_history(reader: Reader) -> None:
    link = reader.get("Patient/many/_history", "_count=2").link("next")

    for other in (link.replace("Patient/many", "Patient/h1"), link.replace("_count=2", "_count=3")):
        assert reader.follow(other).status == 400
    assert reader.as_caller(client_id="client-2").follow(link).status == 400


@pytest.mark.parametrize(
    ("id_", "query", "calls"),
    [
        ("many", "_count=3", ["GetItem", "Query"]),
        ("many", "_count=100", ["GetItem", "Query"]),
        ("many", "_count=0", ["GetItem"]),
        # Halved until one is left: of 25, five times.
        ("many", "_count=0&_since=2024-05-01T12:00:00Z", ["GetItem", *["GetItem"] * 5]),
        ("h1", "_pretty=true&_format=xml", ["GetItem", "Query"]),
        ("many", "_count=0&_since=2025-05-01T12:00:00Z", ["GetItem"]),
        ("gone", "", ["GetItem", "Query"]),
        ("no-such-id", "", ["GetItem"]),
    ],
)
def test_a_history_takes_a_number_of_calls_that_is_known(
    reader: Reader, id_: str, query: str, calls: list[str]
) -> None:
    reader.get(f"Patient/{id_}/_history", query)

    assert reader.calls == calls


def test_a_resource_of_one_version_takes_one_call(reader: Reader) -> None:
    write_versions(reader, "Patient/one", [Version(patient("one", "One"))])
    reader.calls.clear()

    assert numbers(reader.get("Patient/one/_history")) == [1]
    assert reader.calls == ["GetItem"]


@pytest.mark.parametrize(("query", "calls"), [("_count=2", 2), ("_count=0&_since=2024-05-01T12:00:00Z", 6)])
def test_every_call_of_a_history_is_paid_for(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, query: str, calls: int
) -> None:
    monkeypatch.setattr(budget, "MAX_CALLS", calls)
    assert reader.get("Patient/many/_history", query).status == 200

    monkeypatch.setattr(budget, "MAX_CALLS", calls - 1)
    answer = reader.get("Patient/many/_history", query)
    assert (answer.status, answer.issue["code"], answer.issue["expression"]) == (400, "too-costly", ["http._history"])


def test_every_version_that_is_examined_is_paid_for(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "MAX_ENTRIES", 9)

    assert numbers(reader.get("Patient/many/_history", "_count=9")) == list(range(25, 16, -1))
    assert reader.get("Patient/many/_history", "_count=11").issue["code"] == "too-costly"


# ---------------------------------------------------------------- one version


@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_vread_gives_any_version_that_is_stored_with_its_own_validators(reader: Reader, form: str) -> None:
    for version, family, hour in (("4", "Fourth", 13), ("2", "Second", 11), ("1", "First", 10)):
        answer = reader.get(f"Patient/h1/_history/{version}", f"_format={form}")

        assert answer.status == 200
        assert family in answer.text
        assert answer.headers["ETag"] == f'W/"{version}"'
        assert answer.headers["Last-Modified"] == f"Wed, 01 May 2024 {hour}:00:00 GMT"
        known = reader.get(f"Patient/h1/_history/{version}", If_None_Match=answer.headers["ETag"])
        assert (known.status, known.headers["ETag"]) == (304, f'W/"{version}"')


def test_a_vread_takes_one_call_and_one_more_for_what_was_replaced(reader: Reader) -> None:
    reader.get("Patient/h1/_history/4")
    assert reader.calls == ["GetItem"]

    reader.calls.clear()
    reader.get("Patient/h1/_history/1")
    assert reader.calls == ["GetItem", "GetItem"]


def test_the_version_that_is_a_deletion_is_gone(reader: Reader) -> None:
    for path in ("Patient/h1/_history/3", "Patient/gone/_history/2", "Patient/gone"):
        answer = reader.get(path)
        assert (answer.status, answer.issue["code"]) == (410, "not-found")
    assert reader.get("Patient/gone/_history/1").status == 200


@pytest.mark.parametrize("version", ["0", "5", "01", "x", "2.0", "²", "-1", "1234567890", "1#", "$1"])
def test_any_other_version_is_not_found(reader: Reader, version: str) -> None:
    answer = reader.get(f"Patient/h1/_history/{version}")

    assert (answer.status, answer.issue["code"]) == (404, "not-found")


def test_a_version_that_is_not_stored_is_not_found(reader: Reader) -> None:
    write_versions(reader, "Patient/late", [Version(patient("late", "Third")), Version(patient("late", "Fourth"))], 3)

    found = {number: reader.get(f"Patient/late/_history/{number}").status for number in range(1, 5)}
    assert found == {1: 404, 2: 404, 3: 200, 4: 200}


# ---------------------------------------------------------------- who sees what


@pytest.mark.parametrize("path", ["Patient/h1/_history", "Patient/h1/_history/1"])
def test_a_history_needs_the_scope_that_reads(reader: Reader, path: str) -> None:
    for scope in ("user/Patient.s", "user/Patient.write", "user/Observation.read"):
        answer = reader.as_caller(scope).get(path)
        assert (answer.status, answer.issue["code"]) == (403, "forbidden")
    assert reader.as_caller("user/Patient.r").get(path).status == 200
    assert reader.calls.count("GetItem") in (1, 2)


def test_a_bound_client_sees_its_patients_versions_alone(reader: Reader) -> None:
    bound = reader.as_caller(EVERYTHING, "9")
    answer = bound.get("Observation/moved/_history")

    assert numbers(answer) == [4, 3, 2]
    assert answer.total == 3
    assert "of eight" not in answer.text
    assert "Patient/8" not in answer.text
    assert bound.get("Observation/moved/_history/2").status == 200
    assert bound.get("Observation/moved/_history/3").status == 410
    assert bound.get("Observation/moved/_history/1").text == bound.get("Observation/absent").text
    assert numbers(reader.get("Observation/moved/_history")) == [4, 3, 2, 1]


def test_to_whom_it_belonged_before_a_resource_is_an_absent_one(reader: Reader) -> None:
    before = reader.as_caller(EVERYTHING, "8")
    absent = before.get("Observation/absent")

    for path in ("moved", "moved/_history", "moved/_history/1", "moved/_history/2", "ended", "ended/_history"):
        answer = before.get(f"Observation/{path}")
        assert (answer.status, answer.text) == (404, absent.text)


def test_what_was_deleted_is_the_last_patients(reader: Reader) -> None:
    bound = reader.as_caller(EVERYTHING, "9")

    assert bound.get("Observation/ended").status == 410
    assert numbers(bound.get("Observation/ended/_history")) == [2, 1]
    assert bound.get("Patient/gone/_history").status == 404


@pytest.mark.parametrize("count", [1, 2])
def test_a_bound_clients_pages_tell_no_total_that_counts_another_patients(reader: Reader, count: int) -> None:
    pages = reader.as_caller(EVERYTHING, "9").walk("Observation/moved/_history", f"_count={count}")

    assert [one for page in pages for one in numbers(page)] == [4, 3, 2]
    assert {page.total for page in pages} == {None}
    assert "of eight" not in "".join(page.text for page in pages)


@pytest.mark.parametrize("query", ["_count=0", "_summary=count"])
def test_a_bound_client_is_reported_the_number_of_what_it_sees(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    bound = reader.as_caller(EVERYTHING, "9")
    answer = bound.get("Observation/moved/_history", query)
    assert (answer.total, answer.json.get("entry")) == (3, None)

    monkeypatch.setattr(read_history, "MAX_VERSIONS", 3)
    answer = bound.get("Observation/moved/_history", query)
    assert (answer.total, answer.link("next")) == (None, "")


def test_a_page_examines_a_bounded_number_of_versions(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [Version(observation("often", "8", "secret")) for _ in range(7)]
    own = Version(observation("often", "9", "own"))
    write_versions(reader, "Observation/often", [own, *others, own])
    monkeypatch.setattr(read_history, "MAX_VERSIONS", 3)

    pages = reader.as_caller(EVERYTHING, "9").walk("Observation/often/_history")

    assert [numbers(page) for page in pages] == [[9], [], [1]]
    assert "secret" not in "".join(page.text for page in pages)


def test_a_patients_own_history_is_counted_for_its_bound_client(reader: Reader) -> None:
    pages = reader.as_caller(EVERYTHING, "many").walk("Patient/many/_history", "_count=20")

    assert {page.total for page in pages} == {MANY}


def test_a_version_is_read_as_it_was_written(reader: Reader) -> None:
    text = reader.get("Patient/h1/_history/2").text

    assert text in reader.get("Patient/h1/_history").text
    assert json.loads(text)["name"] == [{"family": "Second"}]
