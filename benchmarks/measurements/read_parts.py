"""Measure the parts of a warm read: the CPU that it takes less when each is left out.

Each is left out in turn in one process, so that other work on the machine affects all alike, and the figure is the
minimum of all rounds. DynamoDB's answers are recorded, and given where the network would begin.
"""

import tempfile
from pathlib import Path
from typing import Final

from benchmarks.peers.measured_process import MeasuredProcess
from benchmarks.peers.partial_reader import ALIKE, NO_CALL, NO_EVENT, NO_LINE, PIN, REST, STEPS, WHOLE
from benchmarks.peers.programs import ours
from benchmarks.peers.reading import inputs

ROUNDS: Final = 160

_READS: Final = 20
"""Reads of a step in a round."""

_WARM_UP: Final = 500


def read_parts(rounds: int = ROUNDS) -> dict[str, float]:
    """Return milliseconds of CPU of each part, of the whole, and of the whole without event and line (`alike`)."""
    with tempfile.TemporaryDirectory() as folder, MeasuredProcess(ours("partial_reader")) as process:
        our_input, _ = inputs(Path(folder))
        process.prepare(our_input)
        for step in STEPS:
            process.cpu(step, _WARM_UP)
        taken = [{step: process.cpu(step, _READS) for step in STEPS} for _ in range(rounds)]
    least = {step: 1000 * min(each[step] for each in taken) for step in STEPS}
    parts = {
        "GetItem": least[WHOLE] - least[NO_CALL],
        "audit event": least[WHOLE] - least[NO_EVENT],
        "log line": least[WHOLE] - least[NO_LINE],
        "pinning": least[PIN],
        "rest": least[REST] - least[PIN],
        "whole": least[WHOLE],
        "alike": least[ALIKE],
    }
    return {name: round(milliseconds, 3) for name, milliseconds in parts.items()}
