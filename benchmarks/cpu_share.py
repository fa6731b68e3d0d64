"""Give a process the share of a processor that Lambda gives a function of some memory.

Lambda gives processor time in proportion to memory, one whole processor at 1,769 MB. A control group with a quota of
the same proportion does so here; its period is 20 ms. It needs the right to make one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

WHOLE_PROCESSOR: Final = 1769
"""Megabytes of memory with which a function has one processor."""

PERIOD: Final = 20_000
"""Microseconds after which what a function may use begins anew."""

_ROOT: Final = Path("/sys/fs/cgroup")
_LEAST_QUOTA: Final = 1_000
"""Microseconds: the kernel takes no smaller one."""


class NoControlGroupsError(Exception):
    """This machine does not let us limit a process."""


@contextmanager
def share_of(memory: int) -> Iterator[Path]:
    """Make a control group with the share of `memory` megabytes, and yield its file of processes.

    A process whose id is written there has the share from then on, and all that it starts. Raises
    `NoControlGroupsError`.
    """
    unified = (_ROOT / "cgroup.controllers").is_file()
    folder = (_ROOT if unified else _ROOT / "cpu") / f"careconnect-{os.getpid()}"
    quota = max(_LEAST_QUOTA, PERIOD * memory // WHOLE_PROCESSOR)
    try:
        if unified:
            (_ROOT / "cgroup.subtree_control").write_text("+cpu")
        folder.mkdir()
        if unified:
            (folder / "cpu.max").write_text(f"{quota} {PERIOD}")
        else:
            (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
            (folder / "cpu.cfs_quota_us").write_text(str(quota))
    except OSError as error:
        raise NoControlGroupsError(str(error)) from error
    try:
        yield folder / "cgroup.procs"
    finally:
        folder.rmdir()
