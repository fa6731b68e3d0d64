"""Seeded leaks: the pairs catch each function that loses whom it disclosed, and each caller who sees too much."""

import sys
from collections.abc import Iterable
from unittest.mock import patch

import pytest

from careconnect.audit.disclosures import Disclosures
from careconnect.oauth.caller import Caller
from careconnect_testing.pairs.run import broken, generated_pair, interfering, unrecorded, unseen_pair
from fhir_reader.search import page, search_resources

PAIRS = 2_000

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("fhir_reader.app", id="a resource that is read, also by 304, 404 and 410"),
        pytest.param("fhir_reader.read_history", id="a history, and its total"),
        pytest.param("fhir_reader.search.filter", id="a patient who is named, by an id or an identifier"),
        pytest.param("fhir_reader.search.page", id="the matches on a page, and what they include"),
        pytest.param("fhir_reader.search.search_resources", id="a total that is asked for"),
        pytest.param("record_writer.judge_write", id="whom the references of a body lead to"),
        pytest.param("record_writer.prepare", id="the stored resource of a write, and its references"),
    ],
)
def test_disclosed_patients_that_a_module_loses_are_missed(module: str) -> None:
    disclose = Disclosures.disclose

    def lost(self: Disclosures, patients: Iterable[str]) -> None:
        caller = sys._getframe(1).f_globals["__name__"]
        disclose(self, () if caller == module else patients)

    with patch.object(Disclosures, "disclose", lost):
        assert next(broken(range(PAIRS), generated_pair, unrecorded), None) is not None


def test_a_resource_that_a_chain_leads_through_unrecorded_is_missed() -> None:
    with (
        patch.object(page, "led_through", lambda *_: ()),
        patch.object(search_resources, "led_through", lambda *_, **__: ()),
    ):
        assert next(broken(range(PAIRS), generated_pair, unrecorded), None) is not None


def test_a_caller_that_sees_other_patients_is_caught() -> None:
    with patch.object(Caller, "sees", lambda *_: True):
        assert next(broken(range(PAIRS), unseen_pair, interfering), None) is not None
