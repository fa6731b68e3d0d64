"""The matches of each modifier, prefix and spelling of a value (STU3 Search §2.21.1; `search.md`)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import RESOURCE_TYPES, SYNTAX, ParameterType, SearchParameter, resource_type
from careconnect.search.criteria import parse_criterion, split_unescaped, unescape
from careconnect.search.values import date_range
from careconnect_testing.running.cases import each_of

FHIR_BASE = "https://care.example/careconnect-ri/STU3"
NOW = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)


def parameter(type_name: str, name: str) -> SearchParameter:
    type_ = resource_type(type_name)
    found = type_.parameter(name) if type_ else None
    assert found is not None
    return found


def matches(asked: str, text: str, values: Sequence[Any]) -> bool:
    """Return True if `Type.parameter:modifier` = text matches a resource with these values of the parameter."""
    type_name, _, rest = asked.partition(".")
    name, _, modifier = rest.partition(":")
    criterion = parse_criterion(parameter(type_name, name), modifier, text, fhir_base=FHIR_BASE, now=NOW)
    return criterion.compiled()(values)


def refusal(asked: str, text: str) -> OutcomeError:
    with pytest.raises(OutcomeError) as caught:
        matches(asked, text, [])
    assert caught.value.status == 400
    return caught.value


NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"


@pytest.mark.parametrize(
    ("asked", "text", "stored", "expected"),
    [
        ("Patient.identifier", f"{NHS_NUMBER}|943 476 5919", (NHS_NUMBER, "9434765919"), True),
        ("Patient.identifier", f"{NHS_NUMBER}|943-476-5919", (NHS_NUMBER, "9434765919"), True),
        ("Patient.identifier", f"{NHS_NUMBER}| 943\u00a0476\u00a05919 ", (NHS_NUMBER, "9434765919"), True),
        ("Patient.identifier", "943 476 5919", (NHS_NUMBER, "9434765919"), True),
        ("Patient.identifier", "x,943 476 5919", (NHS_NUMBER, "9434765919"), True),
        ("Patient.identifier:not", "943 476 5919", (NHS_NUMBER, "9434765919"), False),
        # A number stored as it was written is still found.
        ("Patient.identifier", f"{NHS_NUMBER}|943 476 5919", (NHS_NUMBER, "943 476 5919"), True),
        ("Patient.identifier", "943-476-5919", ("", "943-476-5919"), True),
        # Another number, another grouping, another system, another type.
        ("Patient.identifier", f"{NHS_NUMBER}|943 476 5918", (NHS_NUMBER, "9434765919"), False),
        ("Patient.identifier", f"{NHS_NUMBER}|94 3476 5919", (NHS_NUMBER, "9434765919"), False),
        ("Patient.identifier", f"{NHS_NUMBER}|943 476 591", (NHS_NUMBER, "943476591"), False),
        ("Patient.identifier", "urn:local|943 476 5919", ("urn:local", "9434765919"), False),
        ("Patient.identifier", "|943 476 5919", ("", "9434765919"), False),
        ("Organization.identifier", "943 476 5919", ("", "9434765919"), False),
    ],
)
def test_an_nhs_number_is_found_as_people_write_it(
    asked: str, text: str, stored: tuple[str, str], expected: bool
) -> None:
    assert matches(asked, text, [stored]) is expected


def test_a_number_as_it_is_issued_is_looked_up_once() -> None:
    identifier = parameter("Patient", "identifier")
    for text, lookups in ((f"{NHS_NUMBER}|9434765919", 1), (f"{NHS_NUMBER}|943 476 5919", 2), ("AB 123", 1)):
        assert len(parse_criterion(identifier, "", text, fhir_base=FHIR_BASE, now=NOW).values) == lookups


NAMES = ["Muñoz", "José Luis", "van der Berg"]


@each_of(
    ("asked", "text", "expected"),
    [
        # starts with, case- and accent-insensitive
        ("Patient.name", "mu", True),
        ("Patient.name", "MUNOZ", True),
        ("Patient.name", "muñoz", True),
        ("Patient.name", "mun\u0303oz", True),
        ("Patient.name", "unoz", False),
        ("Patient.name", "munozz", False),
        ("Patient.family", "jose", True),
        # several words: the whole, or each the beginning of some part
        ("Patient.name", "jose luis", True),
        ("Patient.name", "jose   LUIS", True),
        ("Patient.name", "luis jose", False),
        ("Patient.name", "munoz jose", True),
        ("Patient.name", "mu jo va", True),
        ("Patient.name", "munoz xavier", False),
        ("Patient.name", "van der b", True),
        # comma is OR
        ("Patient.name", "xavier,munoz", True),
        ("Patient.name", "xavier,yves", False),
        ("Patient.name", ",munoz,", True),
        # exact: the text as it stands
        ("Patient.name:exact", "Muñoz", True),
        ("Patient.name:exact", "muñoz", False),
        ("Patient.name:exact", "Munoz", False),
        ("Patient.name:exact", "Muño", False),
        ("Patient.name:exact", "x,Muñoz", True),
        # contains: anywhere
        ("Patient.name:contains", "uno", True),
        ("Patient.name:contains", "DER", True),
        ("Patient.name:contains", "xyz", False),
        # missing
        ("Patient.name:missing", "true", False),
        ("Patient.name:missing", "false", True),
    ],
)
def test_strings(asked: str, text: str, expected: bool) -> None:
    assert matches(asked, text, NAMES) is expected


@pytest.mark.parametrize(
    ("text", "value"), [(r"O'Hanlon\, Jr", "O'Hanlon, Jr"), (r"a\|b", "a|b"), (r"c\$d", "c$d"), (r"e\\f", "e\\f")]
)
def test_an_escape_stands_for_the_character_itself(text: str, value: str) -> None:
    assert matches("Patient.name:exact", text, [value])
    assert not matches("Patient.name:exact", text, [value[:1]])


IDENTIFIERS = [["https://nhs", "123"], ["", "bare"], ["https://a|b", "x,y"]]


@each_of(
    ("text", "expected"),
    [
        ("123", True),
        ("https://nhs|123", True),
        ("https://nhs|", True),
        ("https://other|123", False),
        ("https://other|", False),
        ("|123", False),
        ("|bare", True),
        ("bare", True),
        ("https://nhs|bare", False),
        ("12", False),
        ("1234", False),
        ("999,123", True),
        ("999,888", False),
        (r"https://a\|b|x\,y", True),
        (r"https://a\|b|", True),
        ("https://NHS|123", False),
        ("BARE", False),
    ],
)
def test_tokens(text: str, expected: bool) -> None:
    assert matches("Patient.identifier", text, IDENTIFIERS) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("123", False), ("999", True), ("999,123", False), ("https://nhs|123", False), ("https://other|123", True)],
)
def test_not_matches_what_has_none_of_the_values(text: str, expected: bool) -> None:
    assert matches("Condition.code:not", text, IDENTIFIERS) is expected
    assert matches("Condition.code:not", text, [])


@pytest.mark.parametrize("text", ["+44 (0)113 496-0001", "4401134960001", "44 0113 496 0001", "+44.0113.4960001"])
def test_a_phones_punctuation_does_not_count(text: str) -> None:
    assert matches("Patient.phone", text, [["phone", "4401134960001"]])
    assert not matches("Patient.phone", text, [["phone", "4401134960002"]])


@pytest.mark.parametrize("text", ["female", "Female", "FEMALE", "http://hl7.org/fhir/administrative-gender|FEMALE"])
def test_gender_is_case_insensitive(text: str) -> None:
    assert matches("Patient.gender", text, [["http://hl7.org/fhir/administrative-gender", "female"]])


def test_an_email_is_case_insensitive_and_whole() -> None:
    assert matches("Patient.email", "Bernie@Example.ORG", [["email", "bernie@example.org"]])
    assert not matches("Patient.email", "bernie", [["email", "bernie@example.org"]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4", True),
        ("Patient/4", True),
        (f"{FHIR_BASE}/Patient/4", True),
        ("Patient/4/_history/2", True),
        ("5", False),
        ("Patient/5", False),
        ("Practitioner/4", False),
        ("https://elsewhere.example/Patient/4", False),
        ("5,4", True),
    ],
)
def test_references(text: str, expected: bool) -> None:
    assert matches("Observation.patient", text, ["Patient/4"]) is expected
    assert matches("Observation.subject", text, ["Patient/4"]) is expected


@pytest.mark.parametrize(
    ("text", "expected"), [("4", True), ("Patient/4", True), ("5", False), ("Practitioner/4", False)]
)
def test_a_references_modifier_names_the_type(text: str, expected: bool) -> None:
    assert matches("Observation.patient:Patient", text, ["Patient/4"]) is expected


def test_a_reference_to_elsewhere_is_compared_as_it_stands() -> None:
    assert matches(
        "Observation.patient", "https://elsewhere.example/Patient/4", ["https://elsewhere.example/Patient/4"]
    )
    assert matches("Observation.patient", "urn:uuid:1", ["urn:uuid:1"])


def day(text: str) -> list[int]:
    return list(date_range(text))


def period(start: str, end: str) -> list[int]:
    return [date_range(start)[0], date_range(end)[1]]


DATES = [
    # a resource of one day, searched by values of several precisions
    ("2017-10-19", "2017-10-19", "eq ge le ap"),
    ("2017-10-19", "2017-10", "eq ge le ap"),
    ("2017-10-19", "2017", "eq ge le ap"),
    ("2017-10-19", "2017-10-18", "ne gt ge sa"),
    ("2017-10-19", "2017-10-20", "ne lt le eb"),
    ("2017-10-19", "2017-11", "ne lt le eb"),
    ("2017-10-19", "2016", "ne gt ge sa"),
    # a value more precise than the resource's
    ("2017-10-19", "2017-10-19T10:00Z", "ne gt ge lt le ap"),
    ("2017", "2017-10-19", "ne gt ge lt le ap"),
    ("2017-10", "2017-10-19", "ne gt ge lt le ap"),
    # instants, and the same instant in another zone
    ("2017-10-19T09:30:00Z", "2017-10-19T09:30:00Z", "eq ge le ap"),
    ("2017-10-19T09:30:00Z", "2017-10-19T10:30:00+01:00", "eq ge le ap"),
    ("2017-10-19T23:30:00-05:00", "2017-10-20", "eq ge le ap"),
    ("2017-10-19T23:30:00-05:00", "2017-10-19", "ne gt ge sa"),
    ("2017-10-20T00:30:00+01:00", "2017-10-19", "eq ge le ap"),
    ("2017-10-19T09:30:00.250Z", "2017-10-19T09:30:00Z", "eq ge le ap"),
    # edges: adjacent ranges are before or after each other, without a gap
    ("2017-10-19T00:00:00Z", "2017-10-18", "ne gt ge sa"),
    ("2017-10-18T23:59:59Z", "2017-10-19", "ne lt le eb"),
]


@each_of(("has", "asked", "matching"), DATES)
def test_dates_compare_as_ranges(has: str, asked: str, matching: str) -> None:
    found = [
        prefix
        for prefix in ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb")
        if matches("Observation.date", prefix + asked, [day(has)])
    ]

    assert " ".join(found).split() == [one for one in _ORDER if one in matching.split()]
    assert matches("Observation.date", asked, [day(has)]) is ("eq" in matching.split())


_ORDER = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb")

PERIODS = [
    (("2017-10-01", "2017-10-31"), "2017-10", "eq ge le"),
    (("2017-10-01", "2017-10-31"), "2017-10-15", "ne gt ge lt le"),
    (("2017-09-15", "2017-10-15"), "2017-10", "ne lt le"),
    (("2017-10-15", "2017-11-15"), "2017-10", "ne gt ge"),
    (("2017-11-01", "2017-11-02"), "2017-10", "ne gt ge sa"),
    (("2017-09-01", "2017-09-02"), "2017-10", "ne lt le eb"),
    (("2016-01-01", "2018-01-01"), "2017", "ne gt ge lt le"),
]


@pytest.mark.parametrize(("has", "asked", "matching"), PERIODS)
def test_periods_compare_as_ranges(has: tuple[str, str], asked: str, matching: str) -> None:
    found = [prefix for prefix in _ORDER if matches("Encounter.date", prefix + asked, [period(*has)])]

    assert found == [one for one in _ORDER if one in matching.split()]


@pytest.mark.parametrize(
    ("has", "asked", "expected"),
    [
        # a tenth of the distance from now, 2024-01-01: 2014-01-01 is ten years away, so a year on both sides
        ("2013-02", "2014", True),
        ("2013-01-01", "2014", True),
        ("2012-12-30", "2014", False),
        ("2012-11", "2014", False),
        ("2015-11", "2014", True),
        ("2016-02", "2014", False),
        ("2023-12-31", "2023-12-31", True),
        ("2034-06", "2034", True),
    ],
)
def test_approximately_is_a_tenth_of_the_distance_from_now(has: str, asked: str, expected: bool) -> None:
    assert matches("Observation.date", f"ap{asked}", [day(has)]) is expected


def test_dates_comma_is_or_and_any_value_will_do() -> None:
    assert matches("Observation.date", "2016,2017", [day("2017-10-19")])
    assert matches("Observation.date", "2017", [day("2016-01-01"), day("2017-10-19")])
    assert not matches("Observation.date", "2017", [])
    assert not matches("Observation.date", "ne2017", [])
    assert matches("Observation.date:missing", "true", [])


INSTANTS = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))  # noqa: DTZ001
PRECISIONS = st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"])
SEARCHED = st.tuples(INSTANTS, PRECISIONS).map(lambda pair: pair[0].strftime(pair[1]))
STORED = st.tuples(INSTANTS, st.timedeltas(timedelta(milliseconds=1), timedelta(days=900))).map(
    lambda pair: [int(pair[0].timestamp() * 1000), int((pair[0] + pair[1]).timestamp() * 1000)]
)


@given(asked=SEARCHED, has=STORED)
def test_laws_of_the_prefixes(asked: str, has: list[int]) -> None:
    by = {prefix: matches("Observation.date", prefix + asked, [has]) for prefix in _ORDER}

    assert by["ne"] is not by["eq"]
    assert by["ge"] is (by["gt"] or by["eq"])
    assert by["le"] is (by["lt"] or by["eq"])
    assert not (by["sa"] and by["eb"])
    # A range that starts after or ends before lies wholly outside, and so is greater or less and not equal.
    assert not by["sa"] or (by["gt"] and by["ne"] and not by["lt"])
    assert not by["eb"] or (by["lt"] and by["ne"] and not by["gt"])
    # Nothing is nowhere: a resource is within the range, or reaches out of it on one side at least.
    assert by["eq"] or by["gt"] or by["lt"]
    assert matches("Observation.date", asked, [has]) is by["eq"]


@given(asked=SEARCHED, has=SEARCHED)
def test_laws_of_the_prefixes_between_two_dates(asked: str, has: str) -> None:
    stored = list(date_range(has))
    swapped = list(date_range(asked))

    assert matches("Observation.date", f"sa{asked}", [stored]) is matches("Observation.date", f"eb{has}", [swapped])
    if len(asked) == len(has):
        one_of = [matches("Observation.date", prefix + asked, [stored]) for prefix in ("eq", "sa", "eb")]
        assert one_of.count(True) == 1


@given(st.text(alphabet="ab,|$\\ é", max_size=12))
def test_escaping_and_unescaping_come_to_the_same(text: str) -> None:
    escaped = "".join("\\" + char if char in ",|$\\" else char for char in text)

    assert split_unescaped(escaped, ",") == [escaped]
    assert unescape(escaped) == text


@given(st.lists(st.text(alphabet="ab|$ é", max_size=5), min_size=1, max_size=5))
def test_commas_split_alternatives(parts: list[str]) -> None:
    assert split_unescaped(",".join(parts), ",") == parts


@each_of("type_", RESOURCE_TYPES)
def test_every_parameter_takes_its_types_modifiers_and_no_other(type_: Any) -> None:
    values: Mapping[ParameterType, str] = {
        ParameterType.STRING: "x",
        ParameterType.TOKEN: "x",
        ParameterType.DATE: "2017",
        ParameterType.REFERENCE: "4",
        ParameterType.QUANTITY: "5.4",
        ParameterType.COMPOSITE: "x$5.4",
        ParameterType.URI: "urn:x",
    }
    modifiers = {
        ParameterType.STRING: ("exact", "contains", "missing"),
        ParameterType.TOKEN: ("not", "missing"),
        ParameterType.DATE: ("missing",),
        ParameterType.REFERENCE: ("missing",),
        ParameterType.QUANTITY: ("missing",),
        ParameterType.COMPOSITE: (),
        ParameterType.URI: ("missing",),
    }
    for each in type_.searchable:
        honoured = {*modifiers[each.type], *each.targets}
        for modifier in (
            "exact",
            "contains",
            "not",
            "missing",
            "text",
            "in",
            "below",
            "above",
            "Patient",
            "Nonsense",
            "EXACT",
        ):
            text = "true" if modifier == "missing" else values[each.type]
            asked = f"{type_.name}.{each.name}:{modifier}"
            if modifier in honoured:
                matches(asked, text, [])
            else:
                error = refusal(asked, text)
                assert error.code == "not-supported"
                assert error.text.startswith(f"{each.name}: ")


@each_of(
    ("asked", "text"),
    [
        ("Patient.name", ","),
        ("Patient.name", "  "),
        ("Patient.name", "\u0301"),
        ("Patient.name:missing", "yes"),
        ("Patient.name:missing", "TRUE"),
        ("Patient.name:missing", "true,false"),
        ("Patient.identifier", "|"),
        ("Patient.identifier", "a|b|c"),
        ("Patient.identifier", "a|b,|"),
        ("Patient.phone", "()-"),
        ("Patient.birthdate", "yesterday"),
        ("Patient.birthdate", "ge"),
        ("Patient.birthdate", "2017-13"),
        ("Patient.birthdate", "2017-02-30"),
        ("Patient.birthdate", "2017-1-1"),
        ("Patient.birthdate", "17"),
        ("Patient.birthdate", "2017-10-19T25:00"),
        ("Patient.birthdate", "2017-10-19 10:00"),
        ("Patient.birthdate", "GE2017"),
        ("Patient.birthdate", "gege2017"),
        ("Patient.birthdate", "2017,nonsense"),
        ("Patient.birthdate", "٢٠١٧"),
        ("Observation.patient", "Patient/"),
        ("Observation.patient", "Patient/4/5"),
        ("Observation.patient", "/4"),
        ("Observation.patient", "a b"),
        ("Observation.patient", "Patient/4?x=y"),
        ("Observation.patient", "A" * 65),
        ("Observation.patient", "ftp://elsewhere/Patient/4"),
        ("Observation.patient:Patient", "https://elsewhere.example/Patient/4"),
    ],
)
def test_a_malformed_value_is_refused_by_the_parameters_name(asked: str, text: str) -> None:
    error = refusal(asked, text)

    name = asked.partition(".")[2].partition(":")[0]
    assert error.code == "value"
    assert error.text.startswith(f"{name}: ")
    assert error.where == f"http.{name}"


@pytest.mark.parametrize("asked", ["Patient.birthdate", "Observation.patient", "Patient.identifier", "Patient.name:x"])
def test_a_malformed_value_is_not_repeated(asked: str) -> None:
    assert "9658218873" not in refusal(asked, "9658218873 |a|b").text


def test_too_many_alternatives_are_too_costly() -> None:
    assert matches("Patient.identifier", ",".join(map(str, range(100))), [["", "99"]])
    assert refusal("Patient.identifier", ",".join(map(str, range(101)))).code == "too-costly"


def test_the_declared_prefixes_are_those_of_stu3_and_each_is_compared() -> None:
    declared = SYNTAX[ParameterType.DATE].prefixes
    assert set(declared) == {"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}
    compared = [matches("Observation.date", f"{prefix}2017", [list(date_range("2017"))]) for prefix in declared]
    assert compared.count(True) == 4  # eq, ge, le and ap
    refusal("Observation.date", "in2017")


UCUM = "http://unitsofmeasure.org"
MMOL = ["5.4", UCUM, "mmol/L", "mmol/l"]
QUANTITIES: list[tuple[str, list[str], bool]] = [
    # Without a prefix, as with eq and ne, a number stands for all numbers that round to it.
    *((text, ["5.4", "", "", ""], True) for text in ("5.4", "eq5.4", "5", "5.40", "5.4e0", "54e-1", "0.54e1", "1e1")),
    *((text, ["5.4", "", "", ""], False) for text in ("5.5", "5.41", "5.39", "ne5.4", "ne5", "6", "1", "-5.4", "1e2")),
    *(("5.4", [number, "", "", ""], True) for number in ("5.35", "5.4499", "5.40", "54e-1", "5.350")),
    *(("5.4", [number, "", "", ""], False) for number in ("5.45", "5.3499", "-5.4", "54")),
    *(("5.40e0", [number, "", "", ""], True) for number in ("5.395", "5.4049")),
    *(("5.40e0", [number, "", "", ""], False) for number in ("5.405", "5.39")),
    *(("-5.4", [number, "", "", ""], True) for number in ("-5.4", "-5.45", "-5.36")),
    *(("-5.4", [number, "", "", ""], False) for number in ("-5.35", "5.4")),
    *(("100", [number, "", "", ""], True) for number in ("99.5", "100.49")),
    *(("100", [number, "", "", ""], False) for number in ("99.49", "100.5")),
    *(("0", [number, "", "", ""], True) for number in ("0", "-0.5", "0.0")),
    ("5." + "0" * 40 + "1", ["5." + "0" * 40 + "1", "", "", ""], True),
    ("5." + "0" * 40 + "1", ["5." + "0" * 40 + "2", "", "", ""], False),
    ("1e999", ["1.4e999", "", "", ""], True),
    ("ne5.4", ["5.45", "", "", ""], True),
    # The other prefixes take it exactly.
    *((text, ["5.41", "", "", ""], True) for text in ("gt5.4", "ge5.4", "ge5.41", "le5.41", "sa5.4", "lt5.42", "eb6")),
    *((text, ["5.41", "", "", ""], False) for text in ("gt5.41", "lt5.41", "sa5.41", "eb5.41", "lt-5", "ge5.42")),
    *((text, ["-3", "", "", ""], True) for text in ("lt0", "gt-4", "le-3", "gt-3e1")),
    # About: within a tenth.
    *(("ap100", [number, "", "", ""], True) for number in ("90", "110", "100")),
    *(("ap100", [number, "", "", ""], False) for number in ("89.9", "110.1")),
    *(("ap-100", [number, "", "", ""], True) for number in ("-90", "-110")),
    # The unit: by system and code, or by either its code or its printed form. It is never converted.
    *((f"5.4|{unit}", MMOL, True) for unit in (f"{UCUM}|mmol/L", "|mmol/L", "|mmol/l")),
    *(
        (f"5.4|{unit}", MMOL, False)
        for unit in (f"{UCUM}|mmol/l", "urn:x|mmol/L", "|MMOL/L", "|mol/L", f"{UCUM}|mol/L")
    ),
    (f"0.0054|{UCUM}|mol/L", MMOL, False),
    ("gt5|urn:x|mmol/L", MMOL, False),
    (f"ne5|{UCUM}|mmol/L", MMOL, False),
    (f"ne6|{UCUM}|mmol/L", MMOL, True),
    ("ne6||g", MMOL, False),
    ("5.4||g", ["5.4", "", "", ""], False),
    (r"5.4||a\|b\,c\$d", ["5.4", "", "", "a|b,c$d"], True),
    (r"5.4|urn:a\|b|c", ["5.4", "urn:a|b", "c", ""], True),
    # A comma is or.
    ("1,5.4||g,gt5||mmol/L", MMOL, True),
]


@each_of(("text", "stored", "expected"), QUANTITIES)
def test_quantities_are_compared_as_numbers_of_one_unit(text: str, stored: list[str], expected: bool) -> None:
    assert matches("Observation.value-quantity", text, [stored]) is expected


def test_any_of_several_quantities_is_enough() -> None:
    several = [["120", UCUM, "mm[Hg]", ""], ["80", UCUM, "mm[Hg]", ""]]

    assert matches("Observation.component-value-quantity", "lt90", several)
    assert not matches("Observation.component-value-quantity", "lt80", several)
    assert matches("Observation.component-value-quantity:missing", "true", [])
    assert not matches("Observation.component-value-quantity:missing", "true", several)
    assert not matches("Observation.value-quantity", "ne5", [])


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=3),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=1),
)
def test_of_a_quantitys_prefixes_each_has_its_opposite(stored: Decimal, searched: Decimal) -> None:
    def found(prefix: str) -> bool:
        return matches("Observation.value-quantity", f"{prefix}{searched:f}", [[f"{stored:f}", "", "", ""]])

    assert found("eq") is not found("ne")
    assert found("gt") is not found("le")
    assert found("lt") is not found("ge")
    assert (found("sa"), found("eb")) == (found("gt"), found("lt"))


SYSTOLIC = [["http://loinc.org", "8480-6"], ["", "sys"]]
DIASTOLIC = [["http://loinc.org", "8462-4"]]
PRESSURE = [[SYSTOLIC, [["150", UCUM, "mm[Hg]", "mmHg"]]], [DIASTOLIC, [["80", UCUM, "mm[Hg]", "mmHg"]]]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8480-6$gt140", True),
        ("sys$150", True),
        (f"http://loinc.org|8480-6$ge150|{UCUM}|mm[Hg]", True),
        ("http://loinc.org|$80||mmHg", True),
        # Each half is true of another component, so that no component matches.
        ("8462-4$gt140", False),
        ("8480-6$80", False),
        ("urn:x|8480-6$150", False),
        ("8462-4$gt140,sys$150", True),
        (r"a\$b$150", False),
    ],
)
def test_a_composite_holds_within_one_element(text: str, expected: bool) -> None:
    assert matches("Observation.component-code-value-quantity", text, PRESSURE) is expected


def test_an_element_without_a_part_matches_no_composite() -> None:
    assert not matches("Observation.component-code-value-quantity", "sys$ne1", [[SYSTOLIC, []], [[], [MMOL]]])
    assert matches("Observation.code-value-quantity", r"a\$b$5.4", [[[["", "a$b"]], [MMOL]]])


@each_of(
    ("asked", "text"),
    [
        *(
            ("Observation.value-quantity", text)
            for text in ("", "x", "gt", "mmol", "5.4.1", "5,x", "+5", " 5", "5 ", ".5")
        ),
        *(
            ("Observation.value-quantity", text)
            for text in ("5.", "05", "1e", "1e1000", "NaN", "Infinity", "٥", "5e1.5")
        ),
        *(
            ("Observation.value-quantity", text)
            for text in ("--5", "gtgt5", "GT5", "5|g", "5||", "5|urn:x|", "|||", "||g")
        ),
        *(("Observation.value-quantity", text) for text in ("5|a|b|c", r"5\|a|b", r"5\,4")),
        *(("Observation.code-value-quantity", text) for text in ("a", "a$", "$5", "$", "a$5$6", "a$x", "|$5", r"a\$5")),
        ("Observation.component-code-value-quantity", "a$5,b"),
    ],
)
def test_a_malformed_quantity_or_composite_is_refused_by_name(asked: str, text: str) -> None:
    error = refusal(asked, text)

    name = asked.partition(".")[2]
    assert error.code == "value"
    assert error.text.startswith(f"{name}: ")
    assert error.where == f"http.{name}"


def test_a_uri_is_compared_as_a_whole() -> None:
    profile = "https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-Patient-1"

    assert matches("Patient._profile", profile, ["urn:other", profile])
    assert matches("Patient._profile", rf"urn:a\,b,{profile}", [profile])
    for other in (profile[:-1], f"{profile}/", profile.upper(), "urn:x"):
        assert not matches("Patient._profile", other, [profile])
    assert refusal("Patient._profile:below", profile).text == (
        "_profile: the modifier is not supported; it takes :missing."
    )
    assert refusal("Observation.code-value-quantity:missing", "true").text == (
        "code-value-quantity: the modifier is not supported; it takes none."
    )


ADDRESS = ["12 Bobbin Lane", "Flat 2", "St Brannock", "Tamarshire", "XT2 1AB"]


@each_of(
    ("asked", "text", "expected"),
    [
        # From the beginning of any string, or of any of its words.
        *(
            ("address", text, True)
            for text in ("12 bobbin", "bobbin", "LANE", "bobbin la", "st brannock", "Brann", "xt2")
        ),
        *(("address", text, True) for text in ("1ab", "tamár", "x,lane", "flat 2")),
        # Not from within a word, nor over two strings.
        *(("address", text, False) for text in ("obbin", "lane flat", "bobbin brannock", "2 bobbin", "ab")),
        *(("address:exact", text, True) for text in ("St Brannock", "Flat 2")),
        *(("address:exact", text, False) for text in ("st brannock", "Brannock")),
        *(("address:contains", text, True) for text in ("obbin", "2 1a")),
        ("address:contains", "lane flat", False),
        # The other parameters of an address take a text as one beginning.
        ("address-city", "st br", True),
        ("address-city", "brannock", False),
    ],
)
def test_an_address_is_found_by_any_of_its_words(asked: str, text: str, expected: bool) -> None:
    stored = ["St Brannock"] if asked == "address-city" else ADDRESS

    assert matches(f"Patient.{asked}", text, stored) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (text, True)
            for text in ("0113 496-0200", "(0113)4960200", "01134960200", "|0113 496 0200", "Ana.M@Example.org")
        ),
        *((text, False) for text in ("anam@example.org", "0113496020", "urn:x|01134960200", "ana.m")),
    ],
)
def test_a_contact_is_a_mail_address_or_a_number(text: str, expected: bool) -> None:
    assert matches("Patient.telecom", text, [["", "01134960200"], ["", "ana.m@example.org"]]) is expected
