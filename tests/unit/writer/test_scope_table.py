"""The scope table, by calls of the functions: every set of letters, interaction and type, bound or not.

The tables are down: what is let through ends as 503 at the first call, and what is refused makes none. So it is the
scope and the binding alone that are judged here; whose a stored resource is, is in `test_compartment.py`.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.records.few_records import few_records

pytestmark = pytest.mark.slow

LETTER_SETS = ["".join(chosen) for size in range(6) for chosen in combinations("cruds", size)]

# The contract (`write.md`, Who may write what), written independently of the code.
NEEDED = {
    "create": "c",
    "create on condition": "cs",
    "update": "u",
    "update on condition": "us",
    "patch": "ur",
    "delete": "d",
    "delete on condition": "ds",
    "read": "r",
    "search": "s",
    "history": "r",
    "vread": "r",
}
READING = {"read", "search", "history", "vread"}
DIRECTORY = {"Organization", "Location", "Practitioner", "PractitionerRole", "HealthcareService"}
NAMES = sorted(each.name for each in RESOURCE_TYPES)
BOUND_TO = "4"


def is_open(interaction: str, type_name: str, letters: str, *, bound: bool) -> bool:
    """Return True if a token with letters for a type, of a bound client or not, allows an interaction with it."""
    if any(letter not in letters for letter in NEEDED[interaction]):
        return False
    if not bound or interaction in READING:
        return True
    if type_name == "Patient":
        return interaction in ("update", "patch")
    return type_name != "Medication" and type_name not in DIRECTORY


@pytest.fixture(scope="module")
def writer() -> Iterator[Writer]:
    """Writers and readers without an answer to any call of DynamoDB."""
    with writer_in_memory() as made:

        def down(_name: str) -> None:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

        made.faults.append(down)
        yield made


@pytest.fixture(scope="module")
def bodies() -> dict[str, Resource]:
    """A resource of each type, in the compartment of the patient that a client may be bound to."""
    return {each["resourceType"]: each for each in reversed(few_records())}


def ask(writer: Writer, interaction: str, body: Resource) -> Answer:
    """Request an interaction with a resource of a type."""
    type_name = body["resourceType"]
    path = f"{type_name}/{body['id']}"
    condition = [("identifier", f"{NHS_NUMBER}|1")]
    requests: dict[str, Callable[[], Answer]] = {
        "create": lambda: writer.create(body),
        "create on condition": lambda: writer.create(body, If_None_Exist=f"identifier={NHS_NUMBER}|1"),
        "update": lambda: writer.update(body),
        "update on condition": lambda: writer.send("PUT", type_name, body, condition),
        "patch": lambda: writer.patch(path, {"op": "test", "path": "/id", "value": "1"}),
        "delete": lambda: writer.delete(path),
        "delete on condition": lambda: writer.delete(type_name, condition),
        "read": lambda: writer.reader.get(path),
        "search": lambda: writer.reader.get(type_name),
        "history": lambda: writer.reader.get(f"{path}/_history"),
        "vread": lambda: writer.reader.get(f"{path}/_history/1"),
    }
    writer.calls.clear()
    return requests[interaction]()


def is_let_through(writer: Writer, interaction: str, body: Resource) -> bool:
    """Return True if an interaction reaches the tables; raises `AssertionError` for an unexpected response."""
    answer = ask(writer, interaction, body)
    if answer.status == 403:
        # Other threads of a failed search may still make calls.
        assert set(writer.calls) <= {"Query"}
        assert answer.json["issue"][0]["code"] == "forbidden"
        return False
    if body["resourceType"] == "Medication" and interaction.endswith("condition"):
        # The type has no identifier for a condition.
        assert answer.status == 400, answer.text
    else:
        assert (answer.status, bool(writer.calls)) == (503, True), answer.text
    return True


def test_every_set_of_letters_is_one_of_them() -> None:
    assert len(set(LETTER_SETS)) == 32


# A type of the compartment, Patient, a type outside of any compartment, and one of the directory.
SOME = ("Patient", "Observation", "Medication", "Organization")


@pytest.mark.parametrize("bound", [False, True], ids=["unbound", "bound"])
@pytest.mark.parametrize(
    "type_name", [name if name in SOME else pytest.param(name, marks=pytest.mark.long) for name in NAMES]
)
def test_letters_open_what_the_contract_says_and_nothing_else(
    writer: Writer, bodies: dict[str, Resource], type_name: str, *, bound: bool
) -> None:
    wrong = []
    systems = (NHS_NUMBER, *(each["system"] for each in bodies[type_name].get("identifier", ())))
    for letters in LETTER_SETS:
        scope = f"{'patient' if bound else 'system'}/{type_name}.{letters}" if letters else "openid"
        caller = writer.as_caller(scope, BOUND_TO if bound else "", identifier_systems=systems)
        for interaction in NEEDED:
            let_through = is_let_through(caller, interaction, bodies[type_name])
            if let_through != is_open(interaction, type_name, letters, bound=bound):
                wrong.append((interaction, letters, let_through))
    assert wrong == []


@pytest.mark.parametrize("plain", ["openid", "profile"])
@pytest.mark.parametrize("type_name", NAMES)
def test_what_all_other_scopes_open_of_a_type_is_for_reading(
    writer: Writer, bodies: dict[str, Resource], type_name: str, plain: str
) -> None:
    others = [f"user/{name}.cruds" for name in NAMES if name != type_name]
    caller = writer.as_caller(" ".join([plain, *others]))
    found = {each for each in NEEDED if is_let_through(caller, each, bodies[type_name])}

    is_opened = type_name == "Medication" or (plain == "profile" and type_name in DIRECTORY)
    assert found == (READING if is_opened else set())


WILDCARDS: dict[str, set[str]] = {
    "system/*.read": READING,
    "system/*.write": {"create", "update", "delete"},
    "system/*.*": set(NEEDED),
    "user/*.cud": {"create", "update", "delete"},
    "user/*.cs user/*.us": {"create", "update", "search", "create on condition", "update on condition"},
    "user/*.u system/*.r": {"update", "patch", "read", "history", "vread"},
}


@pytest.mark.parametrize("scope", WILDCARDS)
def test_a_wildcard_opens_its_letters_of_every_type(writer: Writer, bodies: dict[str, Any], scope: str) -> None:
    caller = writer.as_caller(scope)
    for type_name in NAMES:
        assert {each for each in NEEDED if is_let_through(caller, each, bodies[type_name])} == WILDCARDS[scope]
