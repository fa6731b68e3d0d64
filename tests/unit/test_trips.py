"""The cost of each kind of request to functions as their handlers compose them: the table of `docs/performance.md`."""

from collections.abc import Iterator

import pytest

from careconnect_admin.project import PROJECT
from careconnect_testing.aws.moto_deployment import MotoDeployment, moto_deployment
from careconnect_testing.http.request_kinds import KINDS, RequestKind, beside, prepare
from careconnect_testing.records.trips import TRIPS, measured, with_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def deployment() -> Iterator[MotoDeployment]:
    with moto_deployment(beside()) as deployed:
        prepare(deployed)
        yield deployed


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_a_request_costs_what_the_table_says(deployment: MotoDeployment, kind: RequestKind) -> None:
    assert measured(kind, deployment) == TRIPS[kind.name]


def test_the_table_tells_of_each_kind_and_of_no_other() -> None:
    assert list(TRIPS) == [kind.name for kind in KINDS]


def test_the_document_has_the_table() -> None:
    document = (PROJECT / "docs/performance.md").read_text(encoding="utf-8")

    assert document == with_table(document), "run `python -m benchmarks.measurements.trips --write`"


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("Read of a Patient", 1),
        ("Read of an Organization", 1),
        ("Read of an Observation", 2),
        ("Search in a patient's record, 20 of 116", 2),
        ("… the second page, by its `next` link", 2),
        ("Search that finds three Patients", 2),
        ("Search of an Organization by name", 2),
        ("… with the patient, `_include`", 2),
        ("… with its Organization, `_include`", 2),
        ("`Patient/4/$everything`, 20 of 130", 2),
        ("`POST /token`", 2),
        ("The authorizer's judgement", 1),
    ],
)
def test_what_is_asked_most_takes_few_round_trips(name: str, most: int) -> None:
    assert TRIPS[name].round_trips == most
