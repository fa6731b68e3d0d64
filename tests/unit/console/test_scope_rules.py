"""The page and the server agree on the access that scopes grant."""

import json
import subprocess
from collections.abc import Iterator
from itertools import combinations, product
from random import Random
from typing import Any, Final

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.oauth.scopes import Letter, grants_of, needed_scope
from careconnect_testing.page.node_clients import NODE
from careconnect_testing.page.web_sources import WEB
from careconnect_testing.records.generated import cases

_ANSWER: Final = """
import { readFileSync } from "node:fs";
import { grantsOf, scopeFor } from "./src/oauth/grants.ts";
const answers = JSON.parse(readFileSync(0, "utf8")).map(([scope, patient, type]) => {
  const open = grantsOf(scope, patient).filter(({ letters }) => letters.size);
  const letters = open.map(({ type, letters }) => [type.name, [...letters].sort().join("")]);
  const limits = open.flatMap((each) => [...each.limits].map(([letter, all]) => [`${each.type.name}.${letter}`, all]));
  return [Object.fromEntries(letters), scopeFor(scope, type, "s", patient), Object.fromEntries(limits)];
});
console.log(JSON.stringify(answers));
"""

SUFFIXED: Final = (
    "user/Observation.rs?category=laboratory",
    "patient/Observation.cruds?category=http://hl7.org/fhir/observation-category|laboratory",
    "system/Observation.s?status=final&code=http://loinc.org|4548-4",
    "user/Observation.r?_tag=a&_security=b&code=c",
    "user/Condition.cru?clinical-status=active",
    "user/MedicationOrder.rs?status=active",
    "user/MedicationRequest.s?status=stopped",
    "user/MedicationStatement.rs?status=active",
)
"""Scopes with a suffix."""
LEVELS: Final = ("patient", "user", "system")
LETTERS: Final = tuple("".join(each) for count in range(1, 6) for each in combinations("cruds", count))
NAMES: Final = ("*", *sorted({name for served in SERVED_TYPES for name in served.scope_names}))
GRAMMAR: Final = tuple(
    f"{level}/{name}.{access}" for level, name, access in product(LEVELS, NAMES, ("read", "write", "*", *LETTERS))
)
PLAIN: Final = (
    *("profile", "openid", "fhirUser", "launch", "launch/patient", "launch/encounter"),
    *("offline_access", "online_access"),
)
NONE: Final = (
    *("", "user", "user/", "user/Patient", "user/Patient.", "user/.read", "/Patient.read", "user/*", "user/*."),
    *("User/Patient.read", "user/patient.read", "user/Patient.Read", "user/Patient.READ", "user.Patient/read"),
    *("user/Patient.sr", "user/Patient.rr", "user/Patient.reads", "user/Patient.rs?category=x", "user/Patient.read.rs"),
    *("user/Appointment.read", "system/Patient/4.read", "admin/Patient.read", "profile/Patient.read", "Profile"),
    *(
        "user/Observation.read?category=x",
        "user/*.rs?category=x",
        "user/Observation.rs?",
        "user/Observation.rs?category",
    ),
    *("user/Observation.rs?category=", "user/Observation.rs?category=x&category=y", "user/Observation.rs?date=2026"),
    *("user/Observation.rs?category=a,b", "user/Observation.rs?category=|x", "user/Observation.rs?category=x&"),
    *("user/Observation.rs?_tag=a&_security=b&code=c&status=d", "user/Observation.rs?identifier=x", "profile?status=x"),
    *("user/Observation.rs?category:not=x", "user/Observation.rs?category=a|b|c", "user/Medication.rs?code=x"),
    *("user/Patient.constructor", "constructor", "__proto__", "user/__proto__.read", "user/0.read"),
)


def page_answers(questions: list[tuple[str, str, str]]) -> Any:
    """Return for scope strings, patients and types the access that is open, and the scope that opens a search."""
    done = subprocess.run(
        [NODE, "--input-type=module", "--eval", _ANSWER],
        cwd=WEB,
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return json.loads(done.stdout)


def strings() -> Iterator[str]:
    """Yield scope strings: every scope alone, and several together."""
    yield from (*GRAMMAR, *PLAIN, *NONE, *SUFFIXED)
    some = Random(7)
    for _ in range(cases(2000)):
        together = [
            some.choice(some.choice((GRAMMAR, PLAIN, NONE, SUFFIXED, SUFFIXED))) for _ in range(some.randint(2, 6))
        ]
        yield " ".join(together)


def test_the_page_says_of_every_scope_string_what_the_server_says() -> None:
    types = {each.name: each for each in SERVED_TYPES}
    some = Random(7)
    questions = [(scope, patient, some.choice(list(types))) for scope in strings() for patient in ("", "4")]
    expected = []
    for scope, patient, name in questions:
        grants = grants_of(scope, bound=bool(patient))
        open_letters = {each: "".join(sorted(held)) for each, held in grants.letters.items() if held}
        limits = {
            f"{each}.{letter}": [[list(pair) for pair in found.pairs] for found in granting]
            for (each, letter), granting in grants.limits.items()
        }
        needed = needed_scope(scope, types[name], Letter.SEARCH, bound=bool(patient))
        expected.append([open_letters, needed, limits])

    for question, answer, wanted in zip(questions, page_answers(questions), expected, strict=True):
        assert answer == wanted, question
