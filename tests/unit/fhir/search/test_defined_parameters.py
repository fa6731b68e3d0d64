"""STU3's parameters work or are refused by name; all others are ignored (`search.md`, Unknown parameters)."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from careconnect.fhir.resource_types import COMMON_PARAMETERS, RESOURCE_TYPES, ResourceType
from careconnect.fhir.resource_types.stu3 import definition
from careconnect.fhir.result_parameter_names import EVERYTHING_PARAMETERS, SEARCH_PARAMETERS
from careconnect.fhir.stu3_parameters import parameters_of_all_types
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.stores import Reader
from careconnect_testing.running.cases import each_of

pytestmark = pytest.mark.slow

# A value of each type of parameter that STU3 has, and of each parameter that takes one of its own.
OF_TYPE = {
    "composite": "x$5",
    "date": "2017",
    "number": "5",
    "quantity": "5",
    "reference": "x",
    "string": "x",
    "token": "x",
    "uri": "http://example.org/x",
}
OF_PARAMETER = {
    "_sort": "_id",
    "_count": "1",
    "_summary": "true",
    "_elements": "id",
    "_format": "json",
    "_pretty": "true",
    "_lastUpdated": "2017",
    "_has:Observation:patient:code": "x",
}


def of_type(served: ResourceType) -> str:
    return served.name


def defined(served: ResourceType) -> Iterator[tuple[str, str]]:
    """Yield the parameters that STU3 has for a type, each with a value."""
    for name, parameter in definition(served.name)["parameters"].items():
        yield name, OF_TYPE[parameter["type"]]
    own = OF_PARAMETER | {
        "_include": next(iter(served.includes), "Patient:organization"),
        "_revinclude": next(iter(served.reverse_includes), "Observation:patient"),
    }
    for name in parameters_of_all_types():
        yield next(((each, own[each]) for each in own if each.partition(":")[0] == name), (name, "x"))


def offered(served: ResourceType) -> set[str]:
    """Return the names that the table says a search of a type takes."""
    named = {each.name for each in (*COMMON_PARAMETERS, *served.searchable)} | set(SEARCH_PARAMETERS)
    return (
        named | ({"_include"} if served.includes else set()) | ({"_revinclude"} if served.reverse_includes else set())
    )


def ignored(answer: Answer) -> list[str]:
    """Return the warnings of a Bundle."""
    assert answer.status == 200, answer.text
    outcomes = [one["resource"] for one in answer.json.get("entry", ()) if one["search"]["mode"] == "outcome"]
    return [issue["diagnostics"] for outcome in outcomes for issue in outcome["issue"]]


def refused(answer: Answer) -> str:
    """Return the name of the parameter that an answer refuses."""
    assert (answer.status, answer.issue["code"]) == (400, "not-supported"), answer.text
    (where,) = answer.issue["expression"]
    name = str(where).removeprefix("http.")
    assert answer.diagnostics.startswith(f"{name}: ")
    return name


@each_of("served", RESOURCE_TYPES)
def test_each_parameter_of_stu3_works_or_is_refused_by_name(reader: Reader, served: ResourceType) -> None:
    works = set()
    for name, value in defined(served):
        head = name.partition(":")[0]
        answer = reader.get(served.name, [(name, value)])
        if answer.status == 200:
            works.add(head)
            assert ignored(answer) == [], name
            assert parse_qsl(urlsplit(answer.link("self")).query) == [(name, value)]
        else:
            # `_has` is refused by its full name, which shows the part that is not defined.
            assert refused(answer) == (name if head == "_has" else head)
            # A followed reference is refused for its target, so that there is nothing to ignore.
            if head not in ("_include", "_revinclude", "_has"):
                (warning,) = ignored(reader.get(served.name, [(name, value)], Prefer="handling=lenient"))
                assert warning.startswith(f"{name}: FHIR defines the parameter")
    # References to a patient are searched from a patient alone.
    assert ("_has" in works) == served.is_patient
    assert works - {"_has"} == offered(served) & {name.partition(":")[0] for name, _ in defined(served)}


@each_of("name", sorted({*parameters_of_all_types()} - set(EVERYTHING_PARAMETERS)))
def test_everything_refuses_what_would_have_narrowed_it(reader: Reader, name: str) -> None:
    assert refused(reader.get("Patient/4/$everything", [(name, "2017")])) == name
    (warning,) = ignored(reader.get("Patient/4/$everything", [(name, "2017")], Prefer="handling=lenient"))
    assert warning.startswith(f"{name}: FHIR defines the parameter")


DEFINED = "FHIR defines the parameter, but it is not offered"
REFUSED = [
    ("Patient", "phonetic=x", "phonetic"),
    ("Patient", "phonetic:exact=x", "phonetic"),
    ("Patient", "_id=4&link:Patient=5", "link"),
    ("Patient", "link.name=x", "link"),
    ("Patient", "link:Patient.name=x", "link"),
    ("Patient", "_text=x", "_text"),
    ("Patient", "_filter=name eq x", "_filter"),
    ("Observation", "specimen.identifier=x", "specimen"),
    ("Observation", "_type=Condition", "_type"),
    ("Location", "near=1:2", "near"),
]


@pytest.mark.parametrize(("type_name", "query", "name"), REFUSED)
def test_a_refusal_says_what_to_do(reader: Reader, type_name: str, query: str, name: str) -> None:
    for prefer in ("", "handling=strict"):
        answer = reader.get(type_name, quote(query, safe="=&:"), Prefer=prefer)
        assert refused(answer) == name
        assert answer.diagnostics == (
            f"{name}: {DEFINED}, and without it more would be found: leave it out, or send Prefer: handling=lenient "
            "to have it ignored. What is offered is listed by metadata."
        )


def test_what_is_ignored_on_request_narrows_nothing_and_is_no_part_of_the_links(reader: Reader) -> None:
    """The pages of the `next` links are requested without the header."""
    lenient = reader.get("Observation", "patient=4&_text=x&nonsense=y&_count=5", Prefer="handling=lenient")
    alone = reader.get("Observation", "patient=4&_count=5")

    assert ignored(lenient) == [
        f"_text: {DEFINED} and was ignored: more may be found.",
        "nonsense: the parameter is not supported and was ignored.",
    ]
    assert (lenient.ids(), lenient.link("self")) == (alone.ids(), alone.link("self"))
    assert reader.follow(lenient.link("next")).ids() == reader.follow(alone.link("next")).ids() != []


@pytest.mark.parametrize("name", ["date", "Phonetic", "value-quantity", "nonsense"])
def test_what_stu3_defines_of_another_type_alone_is_unknown(reader: Reader, name: str) -> None:
    (warning,) = ignored(reader.get("Patient", [(name, "2017")]))

    assert warning.startswith(f"{name}: the parameter is not supported and was ignored.")


# These values are malformed in any case, whatever the parameter's name.
MALFORMED = [
    ("Patient", "birthdate=x", "value"),
    ("Patient", "gender:exact=x", "not-supported"),
    ("Observation", "patient.phonetic=x", "not-supported"),
    ("Patient", "_include=Patient:link", "not-supported"),
    ("Patient", "_count=x", "value"),
]


@pytest.mark.parametrize(("type_name", "query", "code"), MALFORMED)
def test_no_handling_lets_a_malformed_value_or_a_modifier_pass(
    reader: Reader, type_name: str, query: str, code: str
) -> None:
    for prefer in ("", "handling=strict", "handling=lenient"):
        answer = reader.get(type_name, query, Prefer=prefer)
        assert (answer.status, answer.issue["code"]) == (400, code)


def test_a_form_is_judged_as_a_query_is(reader: Reader) -> None:
    assert refused(reader.post("Patient/_search", "phonetic=x")) == "phonetic"
    (warning,) = ignored(reader.post("Patient/_search", "phonetic=x", Prefer="handling=lenient"))
    assert warning.startswith("phonetic: ")


def test_a_parameter_without_a_value_is_not_given(reader: Reader) -> None:
    assert ignored(reader.get("Patient", [(name, "") for name in definition("Patient")["parameters"]])) == []
