"""A read, a version and a history of what scopes with a suffix open, or hide as if it were absent (`access.md`)."""

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import Reader
from careconnect_testing.records.former_versions import Version, write_versions

LABS = "user/Observation.rs?category=http://hl7.org/fhir/observation-category|laboratory"
"""Opens laboratory results alone."""


def as_lab(reader: Reader, patient: str = "") -> Reader:
    reader.calls.clear()
    reader.kept.events.clear()
    return reader.as_caller(LABS, patient)


def told(reader: Reader) -> list[tuple[str, str, str, int]]:
    """Return of each event whom it names, its outcome, why and its status."""
    return [(each.patient, each.outcome.value, each.why, each.status) for each in reader.kept.events]


def numbers(answer: Answer) -> list[int]:
    assert answer.status == 200, answer.text
    etags = (entry["response"]["etag"] for entry in answer.json.get("entry", ()))
    return [int(etag.removeprefix('W/"').removesuffix('"')) for etag in etags]


@pytest.mark.parametrize("id_", ["lab1", "lab4", "both", "became-lab"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_r_opens_is_read_as_without_a_suffix_by_one_call(reader: Reader, id_: str, method: str) -> None:
    limited = as_lab(reader).get(f"Observation/{id_}", method=method)

    assert reader.calls == ["GetItem"]
    assert told(reader) == [("1", "0", "", 0)]
    assert limited == reader.as_caller().get(f"Observation/{id_}", method=method)
    assert limited.status == 200


HIDDEN = [
    *((f"Observation/{id_}", "1", ["GetItem"]) for id_ in ("vital1", "vital2", "none", "became-vital")),
    ("Observation/vital3", "2", ["GetItem"]),
    ("Observation/vital1/_history", "1", ["GetItem"]),
    ("Observation/vital1/_history/1", "1", ["GetItem"]),
    # The version is one that `r` would open, the current one is not.
    ("Observation/became-vital/_history/1", "1", ["GetItem"]),
    ("Observation/became-vital/_history", "1", ["GetItem"]),
    # The current version is one that `r` opens, this one is not.
    ("Observation/became-lab/_history/1", "1", ["GetItem", "GetItem"]),
    ("Observation/again/_history/1", "1", ["GetItem", "GetItem"]),
    # What was deleted decides on its deletion.
    *((f"Observation/gone-vital{rest}", "1", ["GetItem", "GetItem"]) for rest in ("", "/_history", "/_history/3")),
    ("Observation/gone-vital/_history/1", "1", ["GetItem", "GetItem"]),
    ("Observation/again/_history/2", "1", ["GetItem", "GetItem", "GetItem"]),
]


@pytest.mark.parametrize(("path", "patient", "calls"), HIDDEN)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("query", ["", "_format=xml"])
def test_what_r_does_not_open_is_404_to_the_byte_as_if_absent(
    reader: Reader, path: str, patient: str, calls: list[str], method: str, query: str
) -> None:
    limited = as_lab(reader)
    absent = limited.get("Observation/absent", query, method)
    reader.kept.events.clear()
    reader.calls.clear()

    for headers in ({}, {"If_None_Match": "*"}, {"If_None_Match": 'W/"1"'}):
        assert limited.get(path, query, method, **headers) == absent
    assert absent.status == 404
    assert reader.calls == calls * 3
    assert told(reader) == [(patient, "4", "scope", 404)] * 3


def test_a_bound_client_is_told_of_its_compartment_first(reader: Reader) -> None:
    assert as_lab(reader, "1").get("Observation/vital3").status == 404
    assert told(reader) == [("2", "4", "compartment", 404)]
    assert as_lab(reader, "2").get("Observation/vital3").status == 404
    assert told(reader) == [("2", "4", "scope", 404)]
    assert as_lab(reader, "2").get("Observation/lab3").status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Observation/became-lab/_history/2", 200),
        ("Observation/gone-lab", 410),
        ("Observation/gone-lab/_history/3", 410),
        ("Observation/gone-lab/_history/2", 200),
        ("Observation/again/_history/4", 410),
        ("Observation/again/_history/3", 200),
        ("Observation/again/_history/9", 404),
    ],
)
def test_versions_and_deletions_that_r_opens_are_as_without_a_suffix(reader: Reader, path: str, status: int) -> None:
    limited = as_lab(reader).get(path)

    assert limited.status == status
    assert limited == reader.as_caller().get(path)


HISTORIES = [("lab1", [1]), ("became-lab", [2]), ("gone-lab", [3, 2]), ("again", [5, 4, 3])]


@pytest.mark.parametrize(("id_", "versions"), HISTORIES)
def test_a_history_leaves_out_what_r_does_not_open_uncounted(reader: Reader, id_: str, versions: list[int]) -> None:
    limited = as_lab(reader)
    path = f"Observation/{id_}/_history"

    answer = limited.get(path)

    assert (numbers(answer), answer.total, answer.link("next")) == (versions, len(versions), "")
    assert limited.get(path, "_summary=count").total == len(versions)
    every = {entry["response"]["etag"]: entry for entry in reader.as_caller().get(path).json["entry"]}
    assert [every[entry["response"]["etag"]] for entry in answer.json["entry"]] == answer.json["entry"]
    pages = limited.walk(path, "_count=1")
    assert [number for page in pages for number in numbers(page)] == versions


def test_a_history_since_an_instant_judges_a_deletion_by_what_came_before(reader: Reader) -> None:
    versions = reader.as_caller().get("Observation/gone-lab/_history").json["entry"]
    deleted = versions[0]["response"]["lastModified"]
    limited = as_lab(reader)

    assert numbers(limited.get("Observation/gone-lab/_history", [("_since", deleted)])) == [3]
    assert numbers(limited.get("Observation/gone-lab/_history", [("_since", "2100-01-01T00:00:00Z")])) == []
    # Version 4 is a deletion of a laboratory result, version 2 is not.
    dates = [
        entry["response"]["lastModified"]
        for entry in reader.as_caller().get("Observation/again/_history").json["entry"]
    ]
    assert numbers(limited.get("Observation/again/_history", [("_since", dates[1])])) == [5, 4]
    assert numbers(limited.get("Observation/again/_history", [("_since", dates[3])])) == [5, 4, 3]


SCOPES = [
    # Several add up.
    (f"{LABS} user/Observation.rs?category=vital-signs", ["lab1", "vital1", "both"], ["none"]),
    (f"{LABS} user/Observation.rs?status=final", ["lab2", "vital1", "none"], []),
    # All pairs of one scope have to hold.
    ("user/Observation.r?category=laboratory&status=amended", ["lab2"], ["lab1", "vital1", "none"]),
    ("user/Observation.r?_tag=urn:tags|study", ["both", "vital2"], ["lab1"]),
    # A scope without a suffix opens all, whichever else there are, and letters are judged one by one.
    (f"{LABS} user/Observation.r", ["lab1", "vital1", "none"], []),
    (f"{LABS} user/*.rs", ["lab1", "vital1", "none"], []),
    (f"{LABS} user/Observation.s", ["lab1"], ["vital1", "none"]),
    (f"user/Observation.r {LABS.replace('.rs', '.s')}", ["lab1", "vital1", "none"], []),
    ("patient/Observation.rs?code=29463-7", ["lab3", "lab4", "vital3"], ["lab1"]),
]


@pytest.mark.parametrize(("scope", "opened", "hidden"), SCOPES)
def test_scopes_add_up_letter_by_letter(reader: Reader, scope: str, opened: list[str], hidden: list[str]) -> None:
    caller = reader.as_caller(scope)

    assert [caller.get(f"Observation/{each}").status for each in opened] == [200] * len(opened)
    assert [caller.get(f"Observation/{each}").status for each in hidden] == [404] * len(hidden)


def test_nothing_is_opened_of_what_has_no_content_any_more(store: Writer) -> None:
    """As after an erasure: the version before the deletion is one without content, too."""
    deletion = Version(None, "DELETE", 204)
    write_versions(store.reader, "Observation/erased", [deletion, deletion])
    limited = as_lab(store.reader)

    for path in ("Observation/erased", "Observation/erased/_history", "Observation/erased/_history/1"):
        assert limited.get(path) == limited.get("Observation/absent")
        assert store.reader.as_caller().get(path).status in (200, 410)
