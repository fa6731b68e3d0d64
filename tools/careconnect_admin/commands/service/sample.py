"""`careconnect sample`: write the project's sample records into a folder."""

from pathlib import Path
from typing import Annotated

import typer

from careconnect_admin.sample.generator import SEED, write_sample


def sample(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="The folder for the NDJSON files.")],
    seed: Annotated[int, typer.Option(help="Another seed gives other people.")] = SEED,
) -> None:
    """Write the project's sample records, one NDJSON file per type."""
    for name, count in write_sample(folder, seed).items():
        print(f"{name:20} {count:5,}")
