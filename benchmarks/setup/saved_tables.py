"""Create the tables of synthetic patients once, and store them on disk until their content would change."""

import hashlib
import json
import shutil
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.setup.dynalite_server import Dynalite, write
from benchmarks.setup.small_records import Region

TABLE: Final = "records"

_SAVED: Final = Path(__file__).parents[2] / ".local" / "bench"
_COMPARED: Final = 50_000
"""Sample and patients to digest: an equal digest means that the table would be equal."""


def saved_folder(region: Region) -> Path:
    """Return the folder of a region's table, written first if it is not there."""
    folder = _SAVED / f"{region.patients}-{_digest(region)}"
    if not folder.is_dir():
        for old in _SAVED.glob(f"{region.patients}-*"):
            shutil.rmtree(old)
        started = time.perf_counter()
        unfinished = folder.with_name(f"{region.patients}-unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        with Dynalite(unfinished) as server:
            server.create(TABLE)
        written = write(unfinished, TABLE, region.items())
        unfinished.rename(folder)
        took = time.perf_counter() - started
        print(f"{region.patients:,} patients: {written:,} items written in {took:.0f} s", file=sys.stderr, flush=True)
    return folder


def _digest(region: Region) -> str:
    digest = hashlib.sha256()
    for item in islice(region.items(), _COMPARED):
        digest.update(json.dumps(item, sort_keys=True).encode())
    return digest.hexdigest()[:16]
