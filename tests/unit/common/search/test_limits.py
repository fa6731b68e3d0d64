"""The resources that scopes with a suffix open (`access.md`, Granular scopes)."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType, resource_type
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter, covers, grants_of, limiting_parameters
from careconnect.search.limits import limiting_values, limits_on, opens, opens_body
from careconnect.search.stored_values import StoredValues, stored_values
from careconnect_admin.project import PROJECT
from careconnect_records.items.extract import search_values
from careconnect_testing.records.generated import cases

LAB = {"system": "http://hl7.org/fhir/observation-category", "code": "laboratory"}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "meta": {"tag": [{"system": "urn:t", "code": "a"}], "security": [{"code": "R"}]},
    "status": "final",
    "category": [{"coding": [{"system": "urn:x", "code": "social"}, LAB]}, {"text": "other"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "component": [{"code": {"coding": [{"code": "8480-6"}]}}, {"code": {"text": "none"}}],
}


def type_(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


def caller_with(scope: str) -> Caller:
    return Caller("client-1", scope, grants_of(scope))


def opened(scope: str, body: dict[str, Any] = OBSERVATION, letter: Letter = Letter.READ) -> bool:
    return opens_body(caller_with(scope), type_(body["resourceType"]), letter, body)


@pytest.mark.parametrize(
    ("suffix", "holds"),
    [
        ("category=laboratory", True),
        ("category=http://hl7.org/fhir/observation-category|laboratory", True),
        ("category=social", True),
        ("category=urn:x|laboratory", False),
        ("category=Laboratory", False),
        ("category=lab", False),
        ("category=other", False),
        ("status=final", True),
        ("status=http://hl7.org/fhir/observation-status|final", True),
        ("status=urn:x|final", False),
        ("code=85354-9", True),
        ("code=http://loinc.org|85354-9", True),
        ("component-code=8480-6", True),
        ("component-code=http://loinc.org|8480-6", False),
        ("_tag=urn:t|a", True),
        ("_tag=R", False),
        ("_security=R", True),
        ("method=x", False),
        ("category=laboratory&status=final&_tag=a", True),
        ("category=laboratory&status=final&_tag=b", False),
        ("category=laboratory&status=preliminary", False),
    ],
)
def test_a_suffix_opens_what_a_search_by_all_its_pairs_would_find(suffix: str, holds: bool) -> None:
    assert opened(f"user/Observation.rs?{suffix}") is holds
    assert opened(f"user/Observation.rs?{suffix} user/Observation.s") is holds
    assert opened(f"user/Observation.rs?{suffix} user/Observation.r")
    assert opened(f"user/*.r user/Observation.rs?{suffix}")


def test_several_scopes_add_up_letter_by_letter() -> None:
    scope = "user/Observation.rs?category=survey user/Observation.ru?status=final user/Observation.u?status=x"

    assert opened(scope)
    assert opened(scope, letter=Letter.UPDATE)
    assert not opened(scope, letter=Letter.SEARCH)
    assert not opened("user/Observation.r?status=x user/Observation.r?status=y&category=laboratory")


def test_a_former_name_limits_the_type_of_today_and_a_code_may_be_told_from_others_by_case() -> None:
    request = {"resourceType": "MedicationRequest", "intent": "order", "status": "active"}

    assert opened("user/MedicationOrder.r?intent=order&status=active", request)
    assert not opened("user/MedicationPrescription.r?intent=plan", request)
    assert opened("user/MedicationPrescription.r?intent=plan", {"resourceType": "Medication"})


@pytest.mark.parametrize("given", [True, False])
def test_a_boolean_is_a_code_of_its_system(given: bool) -> None:
    immunization = {"resourceType": "Immunization", "notGiven": given}

    assert opened("user/Immunization.r?notgiven=true", immunization) is given
    assert opened("user/Immunization.r?notgiven=http://hl7.org/fhir/special-values|false", immunization) is not given


def test_without_a_suffix_there_are_no_limits() -> None:
    caller = caller_with("user/Observation.rs?status=final user/Condition.r profile")

    assert [each.scope for each in limits_on(caller, type_("Observation"), Letter.READ)] == [
        "user/Observation.rs?status=final"
    ]
    assert limits_on(caller, type_("Condition"), Letter.READ) == ()
    assert opens(caller, type_("Condition"), Letter.READ, {})
    assert opens_body(caller, type_("Practitioner"), Letter.READ, {})


def some_scope(some: Random) -> str:
    """Return a scope for observations, most often with a suffix of a few pairs."""
    letters = "".join(each for each in "cruds" if some.random() < 0.5) or "r"
    pairs = [f"{name}={some.choice('ab')}" for name in ("category", "code", "status") if some.random() < 0.5]
    some.shuffle(pairs)
    suffix = f"?{'&'.join(pairs)}" if pairs else ""
    return f"user/{'Observation' if pairs else some.choice(('Observation', '*'))}.{letters}{suffix}"


def some_body(some: Random) -> dict[str, Any]:
    codes = {name: [{"code": each} for each in "ab" if some.random() < 0.5] for name in ("category", "code")}
    category = [{"coding": [coding]} for coding in codes["category"]]
    return {
        "resourceType": "Observation",
        "status": some.choice("abc"),
        "category": category,
        "code": {"coding": codes["code"]},
    }


def test_a_covered_request_opens_no_resource_that_the_registration_does_not() -> None:
    some = Random(51)
    observations, opens_something = type_("Observation"), 0
    for _ in range(cases(2_000)):
        registered, requested = ([some_scope(some) for _ in range(some.randint(1, 3))] for _ in range(2))
        if not covers(registered, requested):
            continue
        owner, client = caller_with(" ".join(registered)), caller_with(" ".join(requested))
        for body in (some_body(some) for _ in range(5)):
            for letter in Letter:
                if client.may(observations, letter) and opens_body(client, observations, letter, body):
                    opens_something += 1
                    assert owner.may(observations, letter), (registered, requested)
                    assert opens_body(owner, observations, letter, body), (registered, requested, body)
    assert opens_something > 20


def samples() -> Iterator[dict[str, Any]]:
    """Yield the sample's resources of the types that take suffixes."""
    for served in RESOURCE_TYPES:
        path = PROJECT / f"tools/careconnect_admin/sample/data/{served.name}.ndjson"
        if limiting_parameters(served) and path.exists():
            yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def test_a_body_and_an_index_entry_have_the_same_values_for_every_suffix() -> None:
    seen = set()
    for body in samples():
        served = type_(body["resourceType"])
        values = StoredValues(served, "x", stored_values(served, search_values(body)))
        for name, tokens in limiting_values(served, body).items():
            assert {tuple(each) for each in tokens} == {tuple(each) for each in values.get(name, ())}, name
            seen |= {(served.name, name)} if tokens else set()
            for system, code in tokens:
                scope = (
                    f"user/{served.name}.r?{name}={system}|{code}" if system else f"user/{served.name}.r?{name}={code}"
                )
                # A code with other characters is in no suffix.
                assert opened(scope, body) or not grants_of(scope).limits
    assert len(seen) > 20
