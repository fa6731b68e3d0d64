"""The emulator's process, run by `python -m`; it ends when its supervisor ends."""

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from functools import lru_cache
from typing import Final

STOP_SECONDS: Final = 8.0
"""Seconds that the emulator has for an orderly end."""


def _follow_parent() -> None:
    """Wait for the end of standard input, which means that the supervisor has ended, then end this process group."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS / 2)
    os.killpg(os.getpgid(0), signal.SIGKILL)


def serve() -> None:
    """Serve until the process is told to end, or its supervisor has ended."""
    from ministack.app import main
    from ministack.services import dynamodb

    from careconnect_admin.local.emulator.alarms import take_metric_math
    from careconnect_admin.local.emulator.leading_keys import tell_leading_keys
    from careconnect_admin.local.emulator.projection import project_partitions
    from careconnect_admin.local.emulator.signing import tell_signing_algorithms
    from careconnect_admin.local.emulator.statements import complete_inserts

    complete_inserts()
    project_partitions()
    take_metric_math()
    tell_signing_algorithms()
    tell_leading_keys()
    # A Query judges its condition's syntax anew for each item of the partition: a twelfth of its time.
    dynamodb._condition_syntax_error = lru_cache(1_000)(dynamodb._condition_syntax_error)
    threading.Thread(target=_follow_parent, daemon=True, name="follow-parent").start()
    sys.argv = ["ministack"]
    try:
        main()
    finally:
        # The supervisor removes the folder too, unless it was killed.
        shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)


if __name__ == "__main__":
    serve()
