"""The patients that a request discloses and hides are values, in the order in which they were found."""

from collections.abc import Collection

import pytest

from careconnect.audit.disclosures import NOBODY, Disclosures
from careconnect.fhir.outcomes import too_many_patients, too_many_requests
from careconnect.http.errors import ApiError


def test_each_patient_is_disclosed_once_and_told_of_at_once() -> None:
    told: list[Collection[str]] = []
    found = Disclosures(told.append)
    found.disclose(["5", "4", "5"])
    found.disclose(["4"])
    found.disclose([NOBODY])

    assert list(found.disclosed) == ["5", "4", NOBODY]
    assert told == [["5", "4"], [NOBODY]]


def test_who_was_refused_is_not_among_those_disclosed() -> None:
    def refuse(new: Collection[str]) -> None:
        if "5" in new:
            raise too_many_requests(1, quota=100_000)

    found = Disclosures(refuse)
    found.disclose(["4"])
    with pytest.raises(ApiError):
        found.disclose(["4", "5"])

    assert list(found.disclosed) == ["4"]


def test_what_is_looked_up_beside_the_work_counts_before_there_is_said_to_be_room() -> None:
    found = Disclosures()
    found.disclose_found(lambda: [f"found-{number}" for number in range(60)])

    assert found.has_room_for([f"other-{number}" for number in range(40)])
    assert not found.has_room_for([f"other-{number}" for number in range(41)])
    assert found.has_room_for([f"found-{number}" for number in range(60)] + [f"other-{number}" for number in range(40)])
    assert len(found.disclosed) == 60


def test_a_failed_look_up_is_told_of_once() -> None:
    def fail() -> Collection[str]:
        raise too_many_patients()

    found = Disclosures()
    found.disclose(["4"])
    found.disclose_found(fail)
    with pytest.raises(ApiError):
        found.settle()

    assert list(found.disclosed) == ["4"]


def test_who_is_hidden_has_a_reason() -> None:
    found = Disclosures()
    found.hide(["4"])
    found.hide([NOBODY], "inactive")

    assert found.hidden == {"4": "compartment", NOBODY: "inactive"}
    assert not found.disclosed
