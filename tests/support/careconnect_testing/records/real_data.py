"""Records for a run besides the shipped sample: a folder of NDJSON files, named by an environment variable."""

import os
from pathlib import Path

REAL_DATA = "REAL_DATA"
"""The environment variable; an empty one counts as absent."""


class RealDataError(Exception):
    """The variable names no folder of NDJSON files."""


def real_data() -> Path | None:
    """Return the absolute path of the folder that REAL_DATA names, or None without it; raises `RealDataError`."""
    given = os.environ.get(REAL_DATA, "")
    if not given:
        return None
    folder = Path(given).expanduser().resolve()
    if not folder.is_dir():
        raise RealDataError(f"{REAL_DATA}={given}: no such folder ({folder})")
    if not any(folder.glob("*.ndjson")):
        raise RealDataError(f"{REAL_DATA}={given}: no .ndjson file is in {folder}")
    return folder


def records_line() -> str:
    """Return the line of pytest's header that names the records of the run."""
    folder = real_data()
    return f"records: {folder.name} ({REAL_DATA}) and the shipped sample" if folder else "records: the shipped sample"
