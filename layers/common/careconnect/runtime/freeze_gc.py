"""Garbage collection at a function's start: objects created before the first request live as long as the function.

A handler imports this module before any other of ours, and calls `freeze_gc` once it is composed.
"""

import gc

# The collector would scan these objects again and again, which takes a tenth of a start.
gc.disable()


def freeze_gc() -> None:
    """Enable the garbage collector, and exclude all existing objects from it."""
    gc.freeze()
    gc.enable()
