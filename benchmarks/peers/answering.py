"""Run as a measured process of our own, as `answering.cjs` does for the peers.

The process reports when it is ready, then answers each line of JSON with a line of JSON on its standard error.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def answer(prepare: Callable[[Any], Any], ask: Callable[[], Any], steps: Mapping[str, Callable[[], object]]) -> None:
    """Answer until standard input ends.

    `prepare` takes its input, `ask` returns the response to the measured request, and `steps` can be repeated. The
    answer to a step is its seconds of CPU, of all threads of the process.
    """
    _say({"ready": time.process_time()})
    for line in sys.stdin:
        asked = json.loads(line)
        if "prepare" in asked:
            _say({"prepared": prepare(asked["prepare"])})
            continue
        if "step" not in asked:
            _say({"answer": ask()})
            continue
        step = steps[asked["step"]]
        before = time.process_time()
        for _ in range(asked["times"]):
            step()
        _say({"cpu": (time.process_time() - before) / asked["times"]})


def _say(figures: Mapping[str, Any]) -> None:
    print(json.dumps(figures), file=sys.stderr, flush=True)
