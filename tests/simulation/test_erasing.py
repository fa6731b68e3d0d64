"""Erasures beside writers and readers, killed and run again, under seeded schedules (ADR 48).

All promises are checked, as in `test_schedules.py`, and that nothing of the patient is left when it has ended.
"""

import os

import pytest

from careconnect_testing.records.generated import is_long_run
from careconnect_testing.simulation.actors.erasing_plan import erasing_plan_of
from careconnect_testing.simulation.story import first_broken

SCHEDULES = int(os.environ.get("ERASING_SCHEDULES", "120" if is_long_run() else "30"))
FIRST = int(os.environ.get("FIRST_SEED", "1"))
PARTS = 4


@pytest.mark.generated
@pytest.mark.parametrize("part", range(PARTS))
def test_every_promise_holds_beside_erasures(part: int) -> None:
    if broken := first_broken(range(FIRST + part, FIRST + SCHEDULES, PARTS), erasing_plan_of):
        pytest.fail(broken, pytrace=False)
