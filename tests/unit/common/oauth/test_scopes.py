"""The scope grammar and the access that scopes grant (`access.md`, Scope grammar; SMART App Launch 1.0 and 2.x)."""

from dataclasses import replace
from itertools import combinations

import pytest

from careconnect.fhir.resource_types import AUDIT_EVENT, RESOURCE_TYPES, SERVED_TYPES, Table, resource_type
from careconnect.oauth import scopes
from careconnect.oauth.scopes import (
    READING,
    Letter,
    Scope,
    ScopeError,
    ScopeFault,
    covers,
    grants_of,
    limiting_parameters,
    needed_scope,
    parse_scope,
    split_scope,
    supported_scopes,
)
from careconnect_testing.running.cases import each_of

READ, SEARCH = Letter.READ, Letter.SEARCH
CREATE, UPDATE, DELETE = Letter.CREATE, Letter.UPDATE, Letter.DELETE
DIRECTORY = {t.name for t in RESOURCE_TYPES if t.table is Table.DIRECTORY}


@pytest.mark.parametrize(
    ("text", "level", "type_name", "letters"),
    [
        ("patient/Patient.read", "patient", "Patient", "rs"),
        ("user/Observation.write", "user", "Observation", "cud"),
        ("system/*.*", "system", "*", "cruds"),
        ("user/*.read", "user", "*", "rs"),
        ("system/Encounter.cruds", "system", "Encounter", "cruds"),
        ("user/MedicationOrder.read", "user", "MedicationOrder", "rs"),
        ("user/MedicationPrescription.s", "user", "MedicationPrescription", "s"),
        ("system/AuditEvent.read", "system", "AuditEvent", "rs"),
        ("patient/AuditEvent.rs", "patient", "AuditEvent", "rs"),
        ("user/AuditEvent.s", "user", "AuditEvent", "s"),
        ("profile", "", "", ""),
        ("openid", "", "", ""),
        ("fhirUser", "", "", ""),
        ("launch", "", "", ""),
        ("launch/patient", "", "", ""),
    ],
)
def test_a_scope_of_the_grammar(text: str, level: str, type_name: str, letters: str) -> None:
    assert parse_scope(text) == Scope(text, level, type_name, letters)


def test_smart_v2_letters_are_any_subset_in_order() -> None:
    subsets = ["".join(letters) for size in range(1, 6) for letters in combinations("cruds", size)]

    assert len(subsets) == 31
    for letters in subsets:
        assert parse_scope(f"user/Patient.{letters}").letters == letters


@each_of(
    "text",
    [
        "",
        "user/Patient",
        "user/Patient.",
        "user/Patient.sr",
        "user/Patient.rr",
        "user/Patient.reads",
        "user/Patient.READ",
        "User/Patient.read",
        "user/patient.read",
        "user/Toaster.read",
        "user/MedicationDispense.read",
        "user/**.read",
        "user/.read",
        "/Patient.read",
        "Patient.read",
        "group/Patient.read",
        "user/auditEvent.read",
        "user/Patient.rs?gender=male",
        "user/Patient.read ",
        " user/Patient.read",
        "user/Patient.read\n",
        "Profile",
        "profiles",
        "launch/",
        "launch/anything",
    ],
)
def test_what_is_no_scope_of_this_server(text: str) -> None:
    with pytest.raises(ScopeError):
        parse_scope(text)


BY_CATEGORY = "user/Observation.rs?category=laboratory"
"""A scope with a suffix of one pair."""


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (BY_CATEGORY, (("category", "laboratory"),)),
        (
            "user/Observation.cruds?category=http://hl7.org/fhir/observation-category|laboratory",
            (("category", "http://hl7.org/fhir/observation-category|laboratory"),),
        ),
        ("user/MedicationOrder.s?intent=order&status=active", (("intent", "order"), ("status", "active"))),
        (
            "system/Observation.r?_tag=a-b_c.d~e&code=f:g/h&_security=R|0",
            (("_tag", "a-b_c.d~e"), ("code", "f:g/h"), ("_security", "R|0")),
        ),
    ],
)
def test_a_scope_with_a_suffix(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    parsed = parse_scope(text)

    assert (parsed.text, parsed.pairs) == (text, pairs)
    assert parsed == replace(parse_scope(text.partition("?")[0]), text=text, pairs=pairs)


@each_of(
    ("text", "fault"),
    [
        *((f"user/{name}?category=x", ScopeFault.SUFFIX_TYPE) for name in ("Patient.rs", "*.rs", "Medication.rs")),
        *((f"user/{name}?_tag=x", ScopeFault.SUFFIX_TYPE) for name in ("Location.rs", "*.read", "AuditEvent.rs")),
        *((f"user/Observation.{word}?shape=x", ScopeFault.SUFFIX_V1) for word in ("read", "write", "*")),
        *(
            (f"user/Observation.rs?{suffix}", ScopeFault.SUFFIX_PARAMETER)
            for suffix in (
                *("identifier=x", "_id=4", "shape=x", "date=2017", "patient=4", "value-quantity=5", "Category=x"),
                *("category:not=x", "category:missing=true", "encounter.status=x", "_has:Goal:patient:status=x"),
                *("code-value-quantity=x", "_lastUpdated=2017", "_profile=x", "category=x&shape=x", "category&shape=x"),
                "a=1&b=2&c=3&d=4",
            )
        ),
        *(
            (f"user/Observation.rs?{suffix}", ScopeFault.SUFFIX_FORM)
            for suffix in (
                *("", "category", "category=", "=x", "&", "category=x&", "&category=x", "category=x&&code=y"),
                *("category=x&category=y", "category=a&code=b&status=c&method=d", "category=x,y", "category=x%7Cy"),
                *("category=|x", "category=x|", "category=x|y|z", "category=x=y", "category=x?code=y", "category=x+y"),
                *("category=x$y", "category=x;y", "category=(x)", "category=x&=y"),
            )
        ),
        ("user/Toaster.rs?category=x", ScopeFault.TYPE),
        ("user/AuditEvent.write?type=x", ScopeFault.WRITING),
        ("user/Observation.sr?category=x", ScopeFault.GRAMMAR),
        ("profile?category=x", ScopeFault.GRAMMAR),
        ("?category=x", ScopeFault.GRAMMAR),
    ],
)
def test_a_suffix_that_is_not_taken(text: str, fault: ScopeFault) -> None:
    with pytest.raises(ScopeError) as caught:
        parse_scope(text)

    assert (caught.value.fault, caught.value.scope) == (fault, text)
    assert not any(grants_of(text).letters.values())


def test_the_types_and_names_of_suffixes_are_those_of_the_table() -> None:
    taken = {served.name: limiting_parameters(served) for served in SERVED_TYPES if limiting_parameters(served)}

    records = {served.name for served in RESOURCE_TYPES if served.table is Table.RECORD}
    assert set(taken) == records - {"Patient", "Medication"}
    assert taken["Goal"] == ("category", "status", "_tag", "_security")
    for name, parameters in taken.items():
        for parameter in parameters:
            assert parse_scope(f"user/{name}.cruds?{parameter}=http://x.example/y|z").pairs


@each_of("letters", ["write", "*", "c", "u", "d", "cud", "cruds", "cr", "ds"])
@each_of("level", ["patient", "user", "system"])
def test_the_audit_trail_has_no_scope_that_writes(level: str, letters: str) -> None:
    with pytest.raises(ScopeError) as caught:
        parse_scope(f"{level}/AuditEvent.{letters}")

    assert caught.value.fault is ScopeFault.WRITING
    for bound in (False, True):
        assert not grants_of(f"{level}/AuditEvent.{letters}", bound=bound).letters["AuditEvent"]


@pytest.mark.parametrize("text", ["", " ", "a  b", " a", "a ", 'a"b', "a\\b", "a\tb", "ä", "a\nb"])
def test_rfc_6749_3_3_what_is_no_scope_string(text: str) -> None:
    with pytest.raises(ScopeError):
        split_scope(text)


def test_rfc_6749_3_3_a_scope_string_is_split_in_order_without_repeats() -> None:
    assert split_scope("b a b !~ a") == ("b", "a", "!~")


@each_of(
    ("scope", "reads", "searches"),
    [
        ("user/Patient.read", {"Patient"}, {"Patient"}),
        ("user/Patient.r", {"Patient"}, set()),
        ("user/Patient.s", set(), {"Patient"}),
        ("user/Patient.write", set(), set()),
        ("user/Patient.cud", set(), set()),
        ("user/MedicationOrder.write", set(), set()),
        ("user/Patient.*", {"Patient"}, {"Patient"}),
        ("user/Patient.r user/Patient.s", {"Patient"}, {"Patient"}),
        ("patient/Patient.read", {"Patient"}, {"Patient"}),
        ("profile", DIRECTORY, DIRECTORY),
        ("openid fhirUser launch launch/patient", set(), set()),
        ("user/Location.r", {"Location"}, set()),
        ("user/MedicationOrder.read", {"MedicationRequest", "Medication"}, {"MedicationRequest", "Medication"}),
        ("user/MedicationPrescription.r", {"MedicationRequest", "Medication"}, set()),
        ("user/MedicationStatement.r", {"MedicationStatement", "Medication"}, set()),
        ("user/Medication.r", {"Medication"}, set()),
        ("", set(), set()),
        # A type withdrawn since the token was signed opens nothing, and hides no other type.
        ("user/Toaster.read user/Patient.r", {"Patient"}, set()),
    ],
)
def test_what_a_scope_string_opens(scope: str, reads: set[str], searches: set[str]) -> None:
    grants = grants_of(scope)

    assert set(grants.types(READ)) == reads
    assert set(grants.types(SEARCH)) == searches


@pytest.mark.parametrize(
    ("scope", "creates", "updates", "deletes"),
    [
        ("user/Patient.read profile", set(), set(), set()),
        ("user/Patient.write", {"Patient"}, {"Patient"}, {"Patient"}),
        ("patient/Patient.cruds", {"Patient"}, {"Patient"}, {"Patient"}),
        ("user/Patient.*", {"Patient"}, {"Patient"}, {"Patient"}),
        ("user/Patient.c user/Condition.u user/Location.d", {"Patient"}, {"Condition"}, {"Location"}),
        ("user/MedicationRequest.c", {"MedicationRequest"}, set(), set()),
        ("user/MedicationOrder.u", set(), {"MedicationRequest"}, set()),
        ("user/MedicationPrescription.cd", {"MedicationRequest"}, set(), {"MedicationRequest"}),
        ("user/MedicationStatement.d", set(), set(), {"MedicationStatement"}),
        ("user/Medication.write", {"Medication"}, {"Medication"}, {"Medication"}),
    ],
)
def test_what_a_scope_string_lets_write(scope: str, creates: set[str], updates: set[str], deletes: set[str]) -> None:
    """`profile`, and another medication's scope for Medication, open for reading alone (`write.md`)."""
    grants = grants_of(scope)

    assert [set(grants.types(letter)) for letter in (CREATE, UPDATE, DELETE)] == [creates, updates, deletes]


def test_a_wildcard_opens_every_served_type_for_writing() -> None:
    grants = grants_of("system/*.write")

    assert grants.types(CREATE) == grants.types(UPDATE) == grants.types(DELETE) == tuple(t.name for t in RESOURCE_TYPES)
    assert grants.types(READ) == grants.types(SEARCH) == ()


def test_a_type_that_is_not_writable_is_opened_for_reading_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    read_only = replace(RESOURCE_TYPES[0], writable=False)
    monkeypatch.setattr(scopes, "SERVED_TYPES", (read_only, *RESOURCE_TYPES[1:]))

    # A string that no other test uses, since its grants are cached.
    letters = grants_of(f"system/*.cruds system/{read_only.name}.cruds").letters
    grants_of.cache_clear()

    assert letters[read_only.name] == READING
    assert letters[RESOURCE_TYPES[1].name] == set(Letter)


def test_the_least_scope_is_at_the_level_of_those_that_are_held() -> None:
    patients, conditions = (resource_type(name) for name in ("Patient", "Condition"))
    assert patients
    assert conditions
    assert needed_scope("profile system/Patient.r", patients, UPDATE) == "system/Patient.u"
    assert needed_scope("patient/Patient.r", patients, UPDATE) == "patient/Patient.u"
    assert needed_scope("profile", conditions, DELETE) == "user/Condition.d"


@pytest.mark.parametrize(
    ("held", "bound", "needed"),
    [
        ("system/*.read", False, "system/AuditEvent.s"),
        ("patient/*.read system/Patient.r", False, "system/AuditEvent.s"),
        ("patient/*.read", True, "patient/AuditEvent.s"),
        # At this level it would open nothing.
        ("patient/*.read", False, "user/AuditEvent.s"),
        ("profile", True, "user/AuditEvent.s"),
    ],
)
def test_the_least_scope_for_the_audit_trail_is_one_that_would_open_it(held: str, bound: bool, needed: str) -> None:
    assert needed_scope(held, AUDIT_EVENT, SEARCH, bound=bound) == needed
    assert grants_of(needed, bound=bound).permits("AuditEvent", SEARCH)


@pytest.mark.parametrize("bound", [False, True], ids=["unbound", "bound"])
@pytest.mark.parametrize("level", ["patient", "user", "system"])
def test_a_wildcard_opens_every_type_of_resources_and_no_other(level: str, bound: bool) -> None:
    grants = grants_of(f"{level}/*.read", bound=bound)

    assert grants.types(READ) == grants.types(SEARCH) == tuple(t.name for t in RESOURCE_TYPES)
    assert not grants.permits("Composition", READ)


def test_a_type_without_a_rule_is_refused_to_any_token() -> None:
    """S5: default deny."""
    assert not grants_of("system/*.cruds profile").permits("DocumentReference", READ)


# A scope, whether its token is bound to a patient, and the letters that it opens of the audit trail.
OPENS_THE_RECORD = [
    *(
        (f"{level}/AuditEvent.{text}", bound, letters)
        for level in ("user", "system")
        for bound in (False, True)
        for text, letters in (("read", "rs"), ("rs", "rs"), ("r", "r"), ("s", "s"))
    ),
    *((f"patient/AuditEvent.{text}", True, letters) for text, letters in (("read", "rs"), ("r", "r"), ("s", "s"))),
    ("patient/AuditEvent.read", False, ""),
    ("patient/AuditEvent.rs patient/Patient.read profile", False, ""),
    ("patient/AuditEvent.s user/AuditEvent.r", False, "r"),
    ("patient/AuditEvent.s user/AuditEvent.r", True, "rs"),
    *(
        (f"{level}/*.{text}", bound, "")
        for level in ("patient", "user", "system")
        for bound in (False, True)
        for text in ("read", "write", "*", "rs", "cruds")
    ),
    *((text, bound, "") for text in ("profile", "openid", "user/Patient.read") for bound in (False, True)),
    ("", True, ""),
]


@each_of(("scope", "bound", "letters"), OPENS_THE_RECORD)
def test_the_audit_trail_is_opened_by_its_name_alone(scope: str, bound: bool, letters: str) -> None:
    """Neither by `*` nor by a `patient/` scope of a token that is bound to nobody (`audit.md`)."""
    assert grants_of(scope, bound=bound).letters["AuditEvent"] == set(letters)


def test_a_scope_for_the_audit_trail_opens_nothing_else() -> None:
    for bound in (False, True):
        assert grants_of("user/AuditEvent.read", bound=bound).types(READ) == ("AuditEvent",)


def test_adr_13_a_binding_changes_what_a_scope_opens_of_the_audit_trail_alone() -> None:
    for text in supported_scopes():
        unbound, bound = grants_of(text).letters, grants_of(text, bound=True).letters
        assert {name for name in bound if bound[name] != unbound[name]} <= {"AuditEvent"}


def test_s7_one_types_scope_does_not_open_its_neighbours() -> None:
    for served in RESOURCE_TYPES:
        opened = set(grants_of(f"user/{served.name}.read").types(READ))
        assert opened <= {served.name, "Medication"}


@each_of(
    ("registered", "requested", "covered"),
    [
        (["profile"], ["profile"], True),
        ([], [], True),
        ([], ["profile"], False),
        (["profile"], ["profile", "user/Patient.read"], False),
        (["user/Patient.read"], ["user/Patient.rs"], True),
        (["user/Patient.rs"], ["user/Patient.read"], True),
        (["user/Patient.read"], ["user/Patient.r", "user/Patient.s"], True),
        (["user/Patient.r", "user/Patient.s"], ["user/Patient.read"], True),
        (["user/Patient.r"], ["user/Patient.read"], False),
        (["user/Patient.read"], ["user/Patient.cruds"], False),
        (["user/Patient.read"], ["user/Patient.write"], False),
        (["user/*.read"], ["user/Patient.read"], True),
        (["user/*.*"], ["user/*.read", "user/Patient.u"], True),
        (["user/Patient.read"], ["user/*.read"], False),
        (["user/Patient.read"], ["patient/Patient.read"], False),
        (["system/*.read"], ["user/Patient.read"], False),
        (["user/MedicationOrder.read"], ["user/MedicationRequest.read"], True),
        (["user/MedicationRequest.read"], ["user/MedicationPrescription.r"], True),
        (["user/MedicationStatement.read"], ["user/MedicationRequest.read"], False),
        (["profile"], ["user/Organization.read"], False),
        (["launch/patient"], ["launch"], False),
        (["system/AuditEvent.read"], ["system/AuditEvent.rs"], True),
        (["system/AuditEvent.read"], ["system/AuditEvent.r"], True),
        (["system/AuditEvent.r"], ["system/AuditEvent.s"], False),
        (["user/AuditEvent.read"], ["system/AuditEvent.read"], False),
        (["system/*.read"], ["system/AuditEvent.read"], False),
        (["system/*.cruds", "profile"], ["system/AuditEvent.r"], False),
        (["system/AuditEvent.read"], ["system/*.read"], False),
        (["system/*.read"], ["system/*.rs"], True),
        (["user/Observation.rs"], [BY_CATEGORY], True),
        (["user/*.read"], [BY_CATEGORY], True),
        ([BY_CATEGORY], ["user/Observation.rs"], False),
        ([BY_CATEGORY], ["user/Observation.r", BY_CATEGORY], False),
        ([BY_CATEGORY], [BY_CATEGORY], True),
        ([BY_CATEGORY], ["user/Observation.s?category=laboratory"], True),
        ([BY_CATEGORY], ["user/Observation.cr?category=laboratory"], False),
        ([BY_CATEGORY], ["system/Observation.rs?category=laboratory"], False),
        ([BY_CATEGORY], ["user/Condition.rs?category=laboratory"], False),
        ([BY_CATEGORY], ["user/Observation.rs?status=final&category=laboratory"], True),
        (["user/Observation.rs?category=laboratory&status=final"], [BY_CATEGORY], False),
        (["user/Goal.r?status=a&category=b"], ["user/Goal.r?category=b&status=a"], True),
        # The same resources, but another text.
        ([BY_CATEGORY], ["user/Observation.rs?category=http://hl7.org/fhir/observation-category|laboratory"], False),
        (["user/Goal.r?status=a", "user/Goal.s"], ["user/Goal.rs?status=a"], True),
        (["user/Goal.r?status=a", "user/Goal.s?category=b"], ["user/Goal.rs?status=a&category=b"], True),
        (["user/Goal.r?status=a", "user/Goal.s?category=b"], ["user/Goal.rs?status=a"], False),
        (["user/MedicationOrder.r?intent=order"], ["user/MedicationRequest.r?intent=order"], True),
        (["user/MedicationRequest.rs?intent=order"], ["user/Medication.r"], False),
    ],
)
def test_what_a_registration_covers(registered: list[str], requested: list[str], covered: bool) -> None:
    assert covers(registered, requested) is covered


@pytest.mark.parametrize("bound", [False, True], ids=["unbound", "bound"])
def test_a_covered_request_never_opens_more_than_the_registration(bound: bool) -> None:
    """Over all pairs of single scopes that are advertised or write."""
    texts = [*supported_scopes(), "user/Patient.cruds", "system/*.*", "user/MedicationOrder.s"]
    for registered in texts:
        opened = grants_of(registered, bound=bound)
        for requested in texts:
            if covers([registered], [requested]):
                wanted = grants_of(requested, bound=bound)
                assert all(opened.letters[name] >= letters for name, letters in wanted.letters.items())


@each_of(
    ("scope", "limits"),
    [
        ("user/Observation.rs", {}),
        (BY_CATEGORY, {"r": [BY_CATEGORY], "s": [BY_CATEGORY]}),
        (f"{BY_CATEGORY} user/Observation.s", {"r": [BY_CATEGORY]}),
        (f"system/*.r {BY_CATEGORY}", {"s": [BY_CATEGORY]}),
        (f"patient/*.* {BY_CATEGORY}", {}),
        (
            f"user/Observation.u {BY_CATEGORY} user/Observation.c?status=final",
            {"c": ["user/Observation.c?status=final"], "r": [BY_CATEGORY], "s": [BY_CATEGORY]},
        ),
        (
            f"user/Observation.cs?status=final {BY_CATEGORY}",
            {
                "c": ["user/Observation.cs?status=final"],
                "r": [BY_CATEGORY],
                "s": ["user/Observation.cs?status=final", BY_CATEGORY],
            },
        ),
        (f"{BY_CATEGORY} user/Observation.rs?shape=x", {"r": [BY_CATEGORY], "s": [BY_CATEGORY]}),
    ],
)
def test_a_letter_is_limited_if_all_its_scopes_have_suffixes(scope: str, limits: dict[str, list[str]]) -> None:
    grants = grants_of(scope)
    without = grants_of(" ".join(each.partition("?")[0] for each in scope.split()))

    assert grants.letters == without.letters
    assert {name for name, _ in grants.limits} <= {"Observation"}
    assert {letter: [each.text for each in found] for (_, letter), found in grants.limits.items()} == limits


def test_a_former_name_limits_the_type_and_no_suffix_limits_medications() -> None:
    grants = grants_of("user/MedicationOrder.rs?intent=order")

    assert grants.types(READ) == grants.types(SEARCH) == ("MedicationRequest", "Medication")
    assert set(grants.limits) == {("MedicationRequest", READ), ("MedicationRequest", SEARCH)}


def test_every_advertised_scope_parses_and_opens_something() -> None:
    for text in supported_scopes():
        parse_scope(text)
        grants = grants_of(text, bound=True)
        assert grants.types(READ) or grants.types(UPDATE)


def test_of_the_audit_trail_reading_alone_is_advertised() -> None:
    of_it = [text for text in supported_scopes() if "AuditEvent" in text]

    assert of_it == [f"{level}/AuditEvent.{each}" for level in ("patient", "user", "system") for each in ("read", "rs")]


@pytest.mark.parametrize("suffix", ["read", "rs", "write", "cud", "cruds"])
def test_reading_and_writing_are_advertised_for_every_type(suffix: str) -> None:
    assert {f"user/{name}.{suffix}" for name in ("*", "MedicationOrder", *(t.name for t in RESOURCE_TYPES))} <= set(
        supported_scopes()
    )
