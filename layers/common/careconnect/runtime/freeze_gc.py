"""A function's start: what is made from its first import to its first request stays for all of its life.

A handler imports this module before any other of ours, and calls `started` when it is composed.
"""

import gc

# To look for garbage among what stays takes a tenth of a start, as it is looked through again and again.
gc.disable()


def freeze_gc() -> None:
    """Have garbage looked for from now on, and never among what is there already."""
    gc.freeze()
    gc.enable()
