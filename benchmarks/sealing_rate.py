"""How many events of the access record AuditFunction seals and verifies in a second of the processor.

    python -m benchmarks.sealing_rate [--figures docs/figures/sealing.json]

Events are put into the record of a local stack, and the function, in a process of its own, seals them and then verifies
the day. The emulator's own time is in another process and is not counted.
"""

import argparse
import json
import time
from math import inf
from pathlib import Path
from typing import Any, Final

from benchmarks.loaded_stack import loaded_stack
from benchmarks.power_tuning import Functions
from benchmarks.warm_requests import Case
from benchmarks.wire import Wire

from careconnect.access_record.event import AccessEvent, Action, day_of, new_event_id
from careconnect_admin.local.local_stack import LocalStack

_EVENTS: Final = 20_000
_BATCH: Final = 25
_MINUTES: Final = 5


def sealing_rate() -> dict[str, float]:
    """Return events a second of the processor, of sealing and of verifying; about two minutes."""
    with loaded_stack() as (stack, _), Wire(stack.endpoint) as wire:
        day = _put_events(stack)
        case = Case("verify", "AuditFunction", "access_auditor", {"verify": day}, inf)
        taken = Functions(stack, wire).run(case, runs=1, first=[{"seal": {}}])
        verdict = taken.answer
        assert verdict["sealed"] >= _EVENTS, verdict
        assert not verdict["findings"], verdict
        return {
            "events": _EVENTS,
            "sealed_a_cpu_second": round(_EVENTS / taken.first[1]),
            "verified_a_cpu_second": round(_EVENTS / taken.warm[0][1]),
            "verified_a_second": round(_EVENTS / taken.warm[0][0]),
        }


def _put_events(stack: LocalStack) -> str:
    """Put events of the minutes before now, and return their day."""
    client, table = stack.client("dynamodb"), stack.stack.outputs["AuditTable"]
    until = int(time.time() * 1000) - 60_000 * _MINUTES
    puts: list[Any] = [
        {"PutRequest": {"Item": _event(until - number * 10).item()}} for number in range(_EVENTS)
    ]  # fmt: skip
    for start in range(0, len(puts), _BATCH):
        client.batch_write_item(RequestItems={table: puts[start : start + _BATCH]})
    return day_of(until)


def _event(at: int) -> AccessEvent:
    """Return an event as a read of a patient leaves it."""
    return AccessEvent(
        id=new_event_id(at / 1000),
        action=Action.READ,
        interaction="read",
        type="Patient",
        ids=("Patient/4",),
        patient="4",
        client_id="a24a4d9f-c264-4af7-a8e5-248c24a6b707",
        subject="a24a4d9f-c264-4af7-a8e5-248c24a6b707",
        jti="kXjN7bq0TNuYw8fJ3rW6dQ",
        status=200,
        request_id="0e9f6c1a-6d1b-4a53-8a5e-5f0e4a0f3c11",
        gateway_request_id="0e9f6c1a-6d1b-4a53-8a5e-5f0e4a0f3c11",
        address="203.0.113.7",
        service="fhir_reader",
    )


def main() -> None:
    """Print the figures, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, help="write the figures into this file")
    given = parser.parse_args()
    figures = json.dumps(sealing_rate(), indent=2)
    if given.figures:
        given.figures.write_text(figures + "\n", encoding="utf-8")
    else:
        print(figures)


if __name__ == "__main__":
    main()
