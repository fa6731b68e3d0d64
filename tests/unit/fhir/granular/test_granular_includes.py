"""Includes, `$everything`, chains and `_has` by scopes with a suffix (`access.md`, Granular scopes)."""

from typing import Any

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import Reader
from careconnect_testing.records.former_versions import FIRST_CHANGE, Version, write_versions
from fhir_reader.search import includes

LABS = "user/Observation.rs?category=laboratory"
OPEN = "user/Encounter.rs?status=in-progress"
REST = "user/Patient.rs user/EpisodeOfCare.rs"


def including(answer: Answer) -> tuple[list[str], set[str]]:
    """Return the matches, and what they include."""
    assert answer.status == 200, answer.text
    return answer.found(), set(answer.found("include"))


INCLUDES: list[tuple[str, str, str, list[str], set[str]]] = [
    (
        f"user/Observation.rs {OPEN}",
        "Observation",
        "_id=lab1,lab2&_include=Observation:encounter",
        ["Observation/lab2", "Observation/lab1"],
        {"Encounter/open"},
    ),
    # `r` opens what is included, whatever `s` does; a match takes `s` alone.
    (
        "user/Observation.s user/Encounter.r user/Encounter.s?status=planned",
        "Observation",
        "_id=lab1,lab2&_include=Observation:encounter",
        ["Observation/lab2", "Observation/lab1"],
        {"Encounter/open", "Encounter/done"},
    ),
    (
        "user/Observation.s user/Encounter.r?status=planned user/Encounter.s",
        "Observation",
        "_id=lab1,lab2&_include=Observation:encounter",
        ["Observation/lab2", "Observation/lab1"],
        set(),
    ),
    # No step on the way.
    (
        f"user/Observation.rs {OPEN} {REST}",
        "Observation",
        "_id=lab2&_include=Observation:encounter&_include:recurse=Encounter:episodeofcare",
        ["Observation/lab2"],
        set(),
    ),
    (
        f"user/Observation.rs {OPEN} {REST}",
        "Observation",
        "_id=lab1&_include=Observation:encounter&_include:recurse=Encounter:episodeofcare",
        ["Observation/lab1"],
        {"Encounter/open", "EpisodeOfCare/ep"},
    ),
    (f"{LABS} {OPEN}", "Encounter", "_revinclude=Observation:encounter", ["Encounter/open"], {"Observation/lab1"}),
    (
        f"{LABS} user/Encounter.rs",
        "Encounter",
        "_revinclude=Observation:encounter",
        ["Encounter/open", "Encounter/done"],
        {"Observation/lab1", "Observation/lab2"},
    ),
    # What refers to a match takes `r` and `s`, each by scopes of its own.
    (
        "user/Encounter.s user/Observation.r?category=laboratory user/Observation.s?status=final",
        "Encounter",
        "_revinclude=Observation:encounter",
        ["Encounter/open", "Encounter/done"],
        {"Observation/lab1"},
    ),
    (
        "user/Encounter.s user/Observation.r user/Observation.s?status=amended",
        "Encounter",
        "_revinclude=Observation:encounter",
        ["Encounter/open", "Encounter/done"],
        {"Observation/lab2"},
    ),
    # An encounter that is not opened leads to nothing that refers to it.
    (
        f"{LABS} {OPEN} {REST}",
        "EpisodeOfCare",
        "_revinclude=Encounter:episodeofcare&_revinclude:recurse=Observation:encounter",
        ["EpisodeOfCare/ep"],
        {"Encounter/open", "Observation/lab1"},
    ),
    (
        f"{LABS} {OPEN} {REST}",
        "Patient",
        "_id=1&_revinclude=Observation:patient&_revinclude=Encounter:patient&_revinclude=EpisodeOfCare:patient",
        ["Patient/1"],
        {
            "EpisodeOfCare/ep",
            "Encounter/open",
            *(f"Observation/{each}" for each in ("lab1", "lab2", "lab4", "both", "became-lab", "again", "none")),
        },
    ),
]


@pytest.mark.parametrize(("scope", "type_name", "query", "matches", "included"), INCLUDES)
def test_includes_leave_out_in_silence_what_is_not_opened(
    reader: Reader, scope: str, type_name: str, query: str, matches: list[str], included: set[str]
) -> None:
    caller = reader.as_caller(scope)
    first, *others = caller.walk(type_name, query)

    assert (*including(first), others) == (matches, included, [])
    assert first.found("outcome") == []
    one_by_one = [including(page) for page in caller.walk(type_name, f"{query}&_count=1")]
    assert [each for found, _ in one_by_one for each in found] == matches
    assert {each for _, found in one_by_one for each in found} == included


def test_a_hidden_resource_is_included_as_an_absent_one_is(reader: Reader, store: Writer) -> None:
    store.made({**_referring("to-hidden", "Encounter/done"), "id": "to-hidden"})
    caller = reader.as_caller(f"user/Observation.rs {OPEN} {REST}")
    query = "_id=to-hidden&_include=Observation:encounter&_include:recurse=Encounter:episodeofcare"
    reader.calls.clear()
    hidden, calls = caller.get("Observation", query), list(reader.calls)

    # An encounter that was never there cannot be referred to by a write, but by what is loaded.
    store.loaded(_referring("to-hidden", "Encounter/absent"))
    reader.calls.clear()
    absent = caller.get("Observation", query)

    assert (hidden.found(), hidden.found("include")) == (absent.found(), absent.found("include"))
    assert (hidden.found(), hidden.found("include"), hidden.total) == (["Observation/to-hidden"], [], 1)
    assert calls == reader.calls
    assert store.delete("Observation/to-hidden").status == 204


def _referring(id_: str, encounter: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"code": "of-another-code"}]},
        "subject": {"reference": "Patient/1"},
        "context": {"reference": encounter},
    }


EVERYTHING = [
    (f"{LABS} {OPEN} {REST}", {"Encounter/open", "EpisodeOfCare/ep"}, {"lab1", "lab2", "lab4", "both", "none"}),
    (f"{LABS} user/Encounter.r?status=finished user/Patient.rs", set(), {"lab1", "lab2", "lab4", "both", "none"}),
    (
        f"{LABS} user/Encounter.r?status=finished user/Encounter.s user/Patient.rs",
        {"Encounter/done"},
        {"lab1", "lab2", "lab4", "both", "none"},
    ),
    ("user/Observation.r?category=laboratory user/Observation.s?_tag=study user/Patient.rs", set(), {"both"}),
    (
        "user/Observation.rs?_tag=study user/Observation.rs?status=amended user/Patient.rs",
        set(),
        {"both", "vital2", "lab2"},
    ),
]
CHANGED = {"became-lab", "again"}
"""Laboratory results that others became later."""


@pytest.mark.parametrize(("scope", "others", "observations"), EVERYTHING)
def test_everything_returns_and_counts_what_r_and_s_open(
    reader: Reader, scope: str, others: set[str], observations: set[str]
) -> None:
    if "Observation.rs?category=laboratory" in scope:
        observations = observations | CHANGED
    expected = {"Patient/1", *others, *(f"Observation/{each}" for each in observations)}
    caller = reader.as_caller(scope)

    answer = caller.get("Patient/1/$everything", "_count=100")

    assert set(answer.found()) == expected
    assert (answer.total, answer.found("include")) == (len(expected), [])
    for query in ("_count=0", "_summary=count"):
        assert caller.get("Patient/1/$everything", query).total == len(expected)
    pages = caller.walk("Patient/1/$everything", "_count=2")
    assert [each for page in pages for each in page.found()] == answer.found()
    of_type = caller.walk("Patient/1/$everything", "_count=2&_type=Observation")
    assert {each for page in of_type for each in page.ids()} == observations
    day = caller.get("Patient/1/$everything", "_type=Observation&start=2020-01-02&end=2020-01-04&_count=0")
    by_unlimited = reader.get("Patient/1/$everything", "_type=Observation&start=2020-01-02&end=2020-01-04&_count=100")
    assert day.total == len(observations.intersection(by_unlimited.ids()))
    assert caller.get("Patient/1/$everything", "_type=Observation&_since=2100-01-01T00:00:00Z").total == 0


def test_everything_names_the_types_that_are_closed_and_not_those_that_are_limited(reader: Reader) -> None:
    """Else the entry would tell of what is limited nothing that the token does not."""
    first = reader.as_caller(f"{LABS} user/Patient.rs").get("Patient/1/$everything", "").json["entry"][0]

    assert first["search"]["mode"] == "outcome"
    assert "Encounter" in first["resource"]["issue"][0]["diagnostics"]
    assert "Observation" not in first["resource"]["issue"][0]["diagnostics"]


@pytest.mark.parametrize("name", ["MedicationRequest", "MedicationOrder", "MedicationPrescription"])
def test_a_suffix_of_a_medicines_request_leaves_the_catalogue_open(reader: Reader, name: str) -> None:
    caller = reader.as_caller(f"user/{name}.rs?status=active")

    assert caller.get("MedicationRequest", "").ids() == ["active"]
    assert caller.get("MedicationRequest/stopped").status == 404
    assert caller.get("MedicationRequest", "medication.code=aspirin").ids() == ["active"]
    assert caller.get("MedicationRequest", "_include=MedicationRequest:medication").ids("include") == ["aspirin"]
    assert caller.get("Medication/aspirin").status == 200
    assert caller.get("Medication", "code=aspirin&_revinclude=MedicationRequest:medication").ids("include") == [
        "active"
    ]
    refused = caller.get("Medication", "_has:MedicationRequest:medication:status=active")
    assert (refused.status, "user/MedicationRequest.s is needed" in refused.diagnostics) == (403, True)
    both = reader.as_caller(f"user/{name}.rs?status=active user/MedicationRequest.r?status=stopped")
    assert [both.get(f"MedicationRequest/{id_}").status for id_ in ("active", "stopped")] == [200, 200]
    assert both.get("MedicationRequest", "").ids() == ["active"]


LOOKED_AT = [
    ("Patient", "_has:Observation:patient:code=8867-4"),
    ("Encounter", "_has:Observation:encounter:status=final"),
    ("Encounter", "_has:Observation:encounter:_id=lab1"),
    ("EpisodeOfCare", "_has:Encounter:episodeofcare:_has:Observation:encounter:code=x"),
    ("Patient", "_has:Observation:patient:encounter.status=finished"),
    # The searched type is looked at once more, by way of another.
    ("Observation", "encounter._has:Observation:encounter:code=x"),
    ("Observation", "patient._has:Observation:patient:code=x"),
]


@pytest.mark.parametrize(("type_name", "query"), LOOKED_AT)
@pytest.mark.parametrize("level", ["user", "system", "patient"])
def test_a_chain_or_has_that_looks_at_a_limited_type_takes_s_without_a_suffix(
    reader: Reader, type_name: str, query: str, level: str
) -> None:
    types = ("Patient", "Encounter", "EpisodeOfCare")
    rest = " ".join(f"{level}/{each}.rs" for each in types)
    reader.calls.clear()

    answer = reader.as_caller(f"{level}/Observation.rs?category=laboratory {rest}").get(type_name, query)

    assert answer.status == 403
    assert f'scope="{level}/Observation.s"' in answer.headers["WWW-Authenticate"]
    assert f"{level}/Observation.s is needed" in answer.diagnostics
    assert reader.calls == []
    # `r` may be limited: nothing of what is looked at is returned.
    limited_r = f"{level}/Observation.s {level}/Observation.r?category=laboratory {rest}"
    assert reader.as_caller(limited_r).get(type_name, query).ids() == reader.get(type_name, query).ids()


def test_a_chain_from_a_limited_type_is_a_search_of_it(reader: Reader) -> None:
    caller = reader.as_caller(f"{LABS} user/Encounter.s")

    assert caller.get("Observation", "encounter.status=finished").ids() == ["lab2"]
    assert caller.get("Observation", "encounter.status=finished,in-progress").total == 2


@pytest.mark.parametrize("letters", ["r", "s"])
def test_what_is_not_opened_counts_towards_no_limit(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, letters: str
) -> None:
    other = "s" if letters == "r" else "r"
    caller = reader.as_caller(f"user/Encounter.s user/Observation.{other} user/Observation.{letters}?status=amended")
    monkeypatch.setattr(includes, "MAX_INCLUDED", 1)

    answer = caller.get("Encounter", "_id=done&_revinclude=Observation:encounter")

    assert (answer.status, answer.ids("include")) == (200, ["lab2"])
    assert reader.get("Encounter", "_id=done&_revinclude=Observation:encounter").status == 400


THROUGH = "encounter:Encounter._has:Observation:encounter:status=amended"
"""Asks nothing of the encounter itself, which has to be there."""


@pytest.mark.parametrize(
    ("scopes", "found"),
    [
        ("user/Observation.rs", ["vital2", "lab2"]),
        ("user/Observation.rs user/Encounter.rs", ["vital2", "lab2"]),
        ("user/Observation.rs user/Encounter.rs?status=finished", ["vital2", "lab2"]),
        (f"user/Observation.rs {OPEN}", []),
    ],
)
@pytest.mark.parametrize("more", ["", "&_sort=_id", "&patient=1"])
def test_what_a_chain_only_passes_takes_no_scope_and_is_absent_if_it_is_not_opened(
    reader: Reader, scopes: str, found: list[str], more: str
) -> None:
    answer = reader.as_caller(scopes).get("Observation", f"{THROUGH}{more}")

    assert (sorted(answer.ids()), answer.status) == (sorted(found), 200)


def test_a_match_that_no_suffix_opens_any_more_is_left_out(
    reader: Reader, store: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entry is older than its body: what the entry said does not open it."""
    was, is_ = (_of(category) for category in ("laboratory", "vital-signs"))
    monkeypatch.setattr(store.now, "now", FIRST_CHANGE / 1000)
    store.made(was)
    write_versions(reader, "Observation/overtaken", [Version(was), Version(is_)])
    both = reader.as_caller(f"{LABS} user/Patient.rs user/Encounter.rs")

    by_search = reader.as_caller(f"user/Observation.r {LABS.replace('.rs', '.s')} user/Patient.rs")
    by_read = reader.as_caller(f"user/Observation.s {LABS.replace('.rs', '.r')} user/Patient.rs")
    for caller in (both, by_search, by_read):
        answer = caller.get("Patient", "_id=2&_revinclude=Observation:patient")
        assert "Observation/overtaken" not in answer.found("include")
        assert "Observation/lab3" in answer.found("include")
        assert "overtaken" not in caller.get("Patient/2/$everything", "_count=100").text
    for path, query in (
        ("Observation", "_id=overtaken"),
        ("Observation", "patient=2&_count=100"),
        ("Patient", "_id=2&_revinclude=Observation:patient"),
        ("Patient/2/$everything", "_count=100"),
    ):
        every = reader.get(path, query)
        answer = both.get(path, query)
        assert "Observation/overtaken" in every.found() + every.found("include")
        assert "Observation/overtaken" not in answer.found() + answer.found("include")
        assert "overtaken" not in answer.text.replace("_id=overtaken", "")


def _of(category: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "overtaken",
        "status": "final",
        "category": [{"coding": [{"code": category}]}],
        "code": {"text": "overtaken"},
        "subject": {"reference": "Patient/2"},
    }
