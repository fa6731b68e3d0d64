"""`docs/asvs.csv`: what OWASP's ASVS 5.0, level 3, requires of an API, where it is met, and by which test."""

import csv
import re
from collections import Counter
from typing import Final

from careconnect_admin.project import PROJECT

SECTIONS: Final = (
    "4.1:5 4.2:5 4.3:2 4.4:4 8.1:4 8.2:4 8.3:3 8.4:2 9.1:3 9.2:4 10.1:2 10.2:3 10.3:5 10.4:16"
    " 13.1:4 13.2:6 13.3:4 13.4:7 16.1:1 16.2:5 16.3:4 16.4:3 16.5:4"
)
"""The sections that apply as a whole, with their numbers of requirements."""

OF_CLIENTS: Final = {"6.1.1", "6.1.3", "6.3.1", "6.3.3", "6.3.4", "6.3.6", "6.3.8", "6.4.1", "6.5.6"}
"""The requirements of chapter 6 that concern clients. The others concern people and their passwords."""

STATUSES: Final = {"met", "partly", "not met", "deployer", "not applicable"}


def rows() -> list[dict[str, str]]:
    with (PROJECT / "docs/asvs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_requirement_that_applies_has_one_row() -> None:
    sections = [text.split(":") for text in SECTIONS.split()]
    expected = {f"{section}.{number + 1}" for section, count in sections for number in range(int(count))}
    counted = Counter(row["requirement"] for row in rows())

    assert counted == Counter(expected | OF_CLIENTS)
    assert {row["status"] for row in rows()} <= STATUSES


def test_what_is_met_says_where_and_names_a_test() -> None:
    silent = [row["requirement"] for row in rows() if row["status"] == "met" and not (row["where"] and row["tests"])]
    unsaid = [row["requirement"] for row in rows() if row["status"] != "not applicable" and not row["where"]]

    assert silent == []
    assert unsaid == []


def test_what_is_named_is_there() -> None:
    missing = []
    for row in rows():
        missing += [path for path in row["where"].split() if not (PROJECT / path).is_file()]
        for test in row["tests"].split():
            path, _, name = test.partition("::")
            file = PROJECT / path
            if not file.is_file() or not re.search(rf"^def {name}\(", file.read_text(encoding="utf-8"), re.MULTILINE):
                missing.append(test)

    assert missing == []
