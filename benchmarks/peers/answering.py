"""What a measured process of ours does, as `answering.cjs` has it for those of the peers.

It says when it is ready, then obeys a line of JSON after the other, each with a line of JSON on its standard error.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any


def answer(prepare: Callable[[Any], Any], ask: Callable[[], Any], steps: Mapping[str, Callable[[], object]]) -> None:
    """Obey until standard input ends.

    `prepare` takes what it is to work with, `ask` returns an answer to be looked at, and `steps` are what can be asked
    for many times. A step is answered by its CPU in seconds, that of all the process's threads.
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
